"""What the parts must be able to do, as small protocols. Nothing here is a base class.

A method may be plain or `async` where its return type says `MaybeAwaitable`: the loop awaits what
is awaitable.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from forethought.agent.types import (
    Candidate,
    Decision,
    Estimate,
    Event,
    Evidence,
    Goal,
    Observation,
    Reply,
    Request,
    Step,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
D = TypeVar("D")
MaybeAwaitable: TypeAlias = T | Awaitable[T]


@runtime_checkable
class Model(Protocol):
    """A language model."""

    name: str

    async def complete(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            ModelUnavailable: If no answer came, after the model's own retries.
            ModelRefused: If the server will not serve this request.
            BudgetExhausted: If the call is metered and would pass a limit.
        """
        ...


Hear = Callable[[str | None], None]
"""Told each piece of a reply's text as it is written; `None` voids the pieces so far."""


@runtime_checkable
class Streams(Protocol):
    """A model that can be heard while it writes."""

    name: str

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`, and tell `hear` of the text on the way.

        What was heard is provisional: the reply that is returned is what counts.

        Raises:
            ModelError: As `complete`.
            BudgetExhausted: As `complete`.
        """
        ...


@runtime_checkable
class CallsTools(Protocol):
    """A model that may be able to call tools in its server's own way."""

    @property
    def calls_tools(self) -> bool:
        """Whether `Request.tools` is used and `Reply.calls` is filled."""
        ...


@runtime_checkable
class HasPrice(Protocol):
    """A model that says whether what it costs is known."""

    @property
    def price_known(self) -> bool:
        """Whether `Usage.dollars` is what its calls cost; true for models that cost nothing."""
        ...


@dataclass(frozen=True, slots=True)
class RunContext(Generic[D]):
    """What a tool may know of the run that calls it."""

    deps: D
    """What the application gave to the run; `None` where it gave nothing."""
    episode: str = ""
    """Id of the run."""
    step: int = 0
    """Decisions taken before this call."""
    tell: Callable[[str], None] = field(default=lambda text: None)
    """Shows a line to whoever watches the run."""
    outside: list[str] = field(default_factory=list, compare=False)
    """Texts from outside that the run had read when it decided on this call, oldest first. A tool
    that is not marked `outside` and passes such a text on adds it here."""
    notes: list[str] = field(default_factory=list, compare=False)
    """What the trace is to hold of this call beside its result, a line each: who said yes, say."""
    tools: Sequence["Tool"] = field(default=(), repr=False, compare=False)
    """All tools of the run, as its agent calls them."""
    endings: list[Callable[[], None]] = field(default_factory=list, repr=False, compare=False)
    """What is done, once, when the run is over; a tool that keeps something for it adds to this."""


class Tool(Protocol):
    """Something an agent can call.

    A tool that has `call_in(context, arguments)` as well is called by that, with a `RunContext`.
    One whose attribute `outside` is true gives text that nobody vouches for, such as web pages: it
    is marked as such in the state and in the trace.
    """

    name: str
    description: str
    schema: Mapping[str, Any]

    def call(self, arguments: Mapping[str, Any]) -> MaybeAwaitable[str]:
        """Run with checked arguments and return text for the model.

        Raises:
            ToolError: For the model to read and correct.
        """
        ...


class Environment(Protocol):
    """A world for one agent, as in Gymnasium; other players live inside it.

    `info` may hold `state`, `candidates`, `legal_actions` and `goals` (see `Observation`), `rules`
    (standing text for the model, shown with every prompt and not recorded), `manual` (how actions
    are written; shown after the rules, save to models that are sent `tools` in the server's own
    way), `invalid` after a refused action, `facts` (recorded with the step), `tools` and
    `action_schema` (see `Observation`), `oracle` (what the world knows of the chances, for the
    critic `oracle` alone: never shown, never recorded), and must hold `outcome` (an `Outcome`) once
    the episode has ended. A method `settle(outcome)`, where there is one, completes the outcome of
    an episode that was stopped before its end. A method `grade(action)`, where there is one, says
    whether an answer would be right; it is asked for the record and never by a policy. A method
    `restore(steps, pending)`, where there is one, takes up an episode from its record; without it
    the recorded actions are taken again.
    """

    id: str

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> MaybeAwaitable[tuple[str, dict[str, Any]]]:
        """Begin an episode; equal seeds and options give equal episodes for equal actions."""
        ...

    def step(self, action: str) -> MaybeAwaitable[tuple[str, float, bool, bool, dict[str, Any]]]:
        """Act; returns observation, reward, terminated, truncated, info."""
        ...


class ValueFunction(Protocol):
    """Anything that says how likely goals are: a trained head, or a control.

    Passed as `critic=` everywhere.
    """

    name: str

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> MaybeAwaitable[list[list[Estimate]]]:
        """Estimate every goal after every candidate.

        Returns:
            One row for each candidate, one estimate for each goal: shape `(len(candidates),
            len(goals))`.
        """
        ...

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        """The logged thoughts nearest to this one and how their episodes ended, nearest first."""
        ...


class Encoder(Protocol):
    """Turns texts into vectors. Deterministic: equal texts give equal rows."""

    name: str
    """Enough to build it again, such as `hashed` or `hashed+minilm`."""
    dim: int

    @property
    def fingerprint(self) -> str:
        """Short hash of all that changes the vectors (code version, sizes, weights).

        A head is tied to it.
        """
        ...

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Vectors of shape `(len(texts), dim)`, float32."""
        ...


def _ignore(event: Event) -> None:
    """The listener of a turn that nobody watches."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a planner is given for one decision."""

    observation: Observation
    state: str
    """The state text: the environment's where it writes one, else the model's summary."""
    model: Model | None
    """The model, metered by the episode's budget; `None` for arms that need none."""
    rng: random.Random
    """The episode's own generator."""
    history: Sequence[Step] = ()
    emit: Callable[[Event], None] = field(default=_ignore)
    live: bool = False
    """Whether replies are told piece by piece, as events of the kind `text`."""


class Planner(Protocol):
    """A policy: turns what is seen into a decision."""

    name: str

    async def decide(self, turn: Turn) -> Decision:
        """Choose a thought and an action.

        Model output that cannot be read is repaired once and then replaced by a fallback; it never
        raises.

        Raises:
            ModelError: If the model failed for good.
            BudgetExhausted: If nothing could be decided within the budget.
        """
        ...
