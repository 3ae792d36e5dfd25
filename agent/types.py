"""The vocabulary: the records every other module speaks in.

Holds data and nothing else: no input or output, no model calls, no randomness. Records are frozen
dataclasses with
slots; they cross file borders through `agent.trace`, which validates them with pydantic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GoalKind = Literal["hoped", "feared"]
PrefixMode = Literal["none", "native", "emulated"]
Role = Literal["system", "user", "assistant"]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a value head scores: a thought with its prefix and, where bound, its action."""

    thought: str
    """One sentence of strategy: what the agent means to do and why."""
    prefix: str = ""
    """First tokens of the reply, fixed to choose a behaviour; empty for none."""
    action: str | None = None
    """The environment action this thought stands for; `None` where the model still has to word it.
    """


@dataclass(frozen=True, slots=True)
class Goal:
    """A sentence about how things may turn out."""

    text: str
    kind: GoalKind = "hoped"
    weight: float = 1.0
    """What reaching it is worth when candidates are ranked, in units of the world's reward, 0 or
    more."""

    @property
    def signed_weight(self) -> float:
        """The weight, negative for a feared goal."""
        return self.weight if self.kind == "hoped" else -self.weight


@dataclass(frozen=True, slots=True)
class Estimate:
    """How likely a goal is to be reached before the episode ends, after a thought in a state."""

    chance: float
    """Calibrated chance, 0 to 1."""
    low: float
    """Lower end of the 90 % interval, 0 to 1."""
    high: float
    """Upper end of the 90 % interval, 0 to 1."""
    supported: bool = True
    """False when the query lies too far from the training data to say."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A logged thought near a queried one, and how its episode ended."""

    episode: str
    state: str
    thought: str
    distance: float
    """Distance between the two in the head's input space, 0 or more; 0 is the same text."""
    reached: bool
    """Whether the goal asked about came true in that episode."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a model."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON schema of the arguments, an object."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one tool, arguments not yet checked."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a model needs for one reply."""

    messages: tuple[Message, ...]
    prefix: str = ""
    """Text the reply must begin with; it is part of the reply's text."""
    stage: str = "act"
    """Which step of planning asks: summary, propose, goals, evaluate, refine, decide or act. Usage
    is split by it."""
    schema: Mapping[str, Any] | None = None
    """JSON schema the reply must follow; `None` for free text. Ignored by models that cannot be
    constrained."""
    tools: tuple[ToolSpec, ...] = ()
    """Tools the reply may call in the server's own way; ignored by models that have none (see
    `CallsTools`)."""
    max_tokens: int = 256
    """Longest reply, tokens."""
    temperature: float = 0.7
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls to a model cost."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """Wall-clock time spent waiting for the model."""
    dollars: float = 0.0
    """Price where it is known, else 0."""
    cached: int = 0
    """Replies that came from a cache; they are no calls and cost nothing."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
            self.dollars + other.dollars,
            self.cached + other.cached,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered."""

    text: str
    """The whole reply; it begins with the request's prefix when `prefix_mode` is not `none`."""
    usage: Usage = Usage()
    prefix_mode: PrefixMode = "none"
    """How the prefix came about: continued by the server (`native`) or asked for and checked
    (`emulated`)."""
    finish: str = "stop"
    """Why the reply ended, in the server's words: stop, length, ..."""
    calls: tuple[ToolCall, ...] = ()
    """Tools called in the server's own way, in order; the text may then be empty."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What an environment shows an agent before a decision: the text and the `info` it returns."""

    text: str
    state: str = ""
    """The environment's own short account of what matters; empty where the model has to
    summarise."""
    candidates: tuple[Candidate, ...] = ()
    """Thoughts bound to legal actions; empty where the model has to propose."""
    legal_actions: tuple[str, ...] = ()
    """Every action the environment accepts now; empty where any text is accepted."""
    goals: tuple[Goal, ...] = ()
    """The world's outcome vocabulary: sentences whose truth it states when the episode ends."""
    tools: tuple[ToolSpec, ...] = ()
    """Tools that an action may call; empty in worlds without."""
    action_schema: Mapping[str, Any] | None = None
    """JSON schema of an action, where actions are JSON; `None` where they are plain text."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """The whole `info` mapping, for policies written for one world."""


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate a planner weighed."""

    candidate: Candidate
    estimates: tuple[Estimate, ...] = ()
    """One estimate for each of the decision's goals, in their order; empty when no critic was
    asked."""
    score: float | None = None
    """Sum of goal weights times chances, in units of reward; `None` when no critic was asked."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer of a two-stage policy: sampled first, then kept or tried again."""

    action: str
    stop: bool
    """The decision: true to give this answer, false to try again."""
    chance: float | None = None
    """What the decision went by: the chance that the answer is right, 0 to 1, where somebody said.
    """
    forced: bool = False
    """True when no further attempt was allowed, so that `stop` was no decision."""
    correct: bool | None = None
    """The world's grade, which no policy sees; `None` where it grades none."""


@dataclass(frozen=True, slots=True)
class SearchNode:
    """One node of a search tree, as it stood when the decision was taken."""

    parent: int
    """Place of its parent in the tree, -1 for the root."""
    thought: str
    visits: int
    value: float
    """Mean of what was backed up through it, in units of the score."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The chosen thought and action, with everything considered on the way and what it cost."""

    candidate: Candidate
    action: str
    """What is given to the environment."""
    planner: str
    goals: tuple[Goal, ...] = ()
    considered: tuple[Considered, ...] = ()
    """The candidates weighed, best first; at most a handful are kept."""
    weighed: int = 0
    """How many candidates were weighed in all."""
    critique: str = ""
    """The critic's estimates in words, as the model saw them."""
    first_thought: str = ""
    """The thought before refinement; empty when there was none."""
    rounds: int = 0
    """Refinement rounds used."""
    fallback: str = ""
    """Why guidance was not used, in words; empty when it was."""
    prefix_mode: PrefixMode = "none"
    repairs: int = 0
    """Extra calls made because a reply could not be read."""
    repeats: int = 0
    """Imagined goals thrown away because they say what another one of the same reply says."""
    attempts: tuple[Attempt, ...] = ()
    """Answers sampled on the way, for policies that decide whether to stop; empty elsewhere."""
    search: tuple[SearchNode, ...] = ()
    """The tree, root first, for policies that search; empty elsewhere."""
    lessons: tuple[str, ...] = ()
    """What was learnt from what went wrong, oldest first, for policies that reflect; empty
    elsewhere."""
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """Cost by stage."""

    @property
    def supported(self) -> float | None:
        """Share of the kept estimates that are supported, 0 to 1; `None` without estimates."""
        flags = [e.supported for c in self.considered for e in c.estimates]
        return sum(flags) / len(flags) if flags else None


@dataclass(frozen=True, slots=True)
class Step:
    """One decision and its result."""

    index: int
    observation: str
    state: str
    decision: Decision
    reward: float = 0.0
    invalid: bool = False
    """True when the environment refused the action."""
    facts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an episode ended."""

    reward: float
    """Sum of the rewards, in the world's units."""
    success: bool
    """The yes/no that the world defines beside its reward."""
    reason: str = "terminated"
    """terminated, truncated, `budget: ...` or `error: ...`."""
    reached: tuple[str, ...] = ()
    """Goal sentences of the world's vocabulary that came true."""
    missed: tuple[str, ...] = ()
    """Goal sentences of the world's vocabulary that did not."""
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    pending: str = ""
    """The observation that waited for a decision when the episode was stopped before its end."""

    @property
    def finished(self) -> bool:
        """True when the world's own rules ended the episode, so that its goals are known."""
        return self.reason in {"terminated", "truncated"}


@dataclass(frozen=True, slots=True)
class Episode:
    """What is fixed before the first decision of an episode."""

    id: str
    """Unique within a traces file; equal plans give equal ids, which is what `--resume` relies
    on."""
    env: str
    seed: int = 0
    instance: int = 0
    seat: int = 0
    opponent: str = ""
    arm: str = ""
    model: str = ""
    goals: tuple[Goal, ...] = ()
    """The world's outcome vocabulary for this episode."""
    facts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """One whole episode."""

    episode: Episode
    steps: tuple[Step, ...] = ()
    outcome: Outcome | None = None
    """`None` while the episode has not ended, or when the process died first."""

    @property
    def usage(self) -> Usage:
        """Cost of all decisions together."""
        total = Usage()
        for step in self.steps:
            for cost in step.decision.usage.values():
                total = total + cost
        return total


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened inside a decision, for whoever watches."""

    kind: Literal[
        "observation",
        "state",
        "thought",
        "goals",
        "critique",
        "refined",
        "kept",
        "action",
        "fallback",
        "text",
        "restart",
        "tool",
        "end",
    ]
    """`text` is a piece of a reply while it is written, `restart` voids the pieces of the reply so
    far (a try was cut off and is made again), `tool` is what a tool says while it runs."""
    text: str
    goals: tuple[Goal, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    stage: str = ""
    """Which step of planning writes, for `text` and `restart`."""
