"""What a rollout is made of: tokens, each with where it came from and what it is part of.

Token ids are those that were fed to the model and drawn from it; nothing here, and nothing that
trains on it, decodes them and encodes the text again. Knows no model, no reward and no loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise


class Kind(IntEnum):
    """Where a token came from."""

    GIVEN = 0
    """Written by others: prompt, demonstration, tool output. Never carries loss."""
    SAMPLED = 1
    """Drawn from the policy."""
    FORCED = 2
    """Put into the policy's mouth: a prefix that chooses a behaviour."""


class Span(IntEnum):
    """What a token is part of; gradients are measured apart by it."""

    SAMPLE = 0
    """Thought and answer."""
    DECISION = 1
    """Keep or try again."""
    TOOL = 2
    """A tool's call (sampled) or its output (given)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens of one kind and one span."""

    kind: Kind
    span: Span
    start: int
    """First token, counted from the beginning of the completion."""
    stop: int
    """One past the last token."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One reply of the policy, tool outputs included, exactly as it was generated."""

    task: str
    """Id of the task."""
    prompt_ids: tuple[int, ...]
    """Everything before the policy's first token."""
    completion_ids: tuple[int, ...]
    """All tokens after the prompt: forced, sampled and given ones in the order they came."""
    logprobs: tuple[float, ...]
    """One for each completion token, in nats at the sampling temperature: of a sampled token when
    it was drawn, of a forced one under the policy at that moment; 0 for a given one."""
    kinds: tuple[Kind, ...]
    spans: tuple[Span, ...]
    turns: tuple[str, ...]
    """What the policy said, turn by turn, a forced prefix included. What was given is not in it."""
    given: tuple[str, ...] = ()
    """What was put between the turns."""
    ends: tuple[int, ...] = ()
    """One past each turn's last token, counted from the beginning of the completion."""
    fresh: tuple[int, ...] = ()
    """Completion tokens with which a new prompt begins, where the model read all anew: of what
    stands before, it saw nothing. Empty for a dialogue, which is read as one."""
    finish: str = "stop"
    """Why it ended: `stop` (the episode was over), `eos`, `turns` (no more were left), or `length`
    (a reply was cut off that no world played on, or there was no room for the next turn)."""
    outcome: float | None = None
    """What the world paid; `None` where there is no world."""
    prefix: str = ""
    """The forced text; empty for a free rollout."""
    group: int = 0
    """Which prompt of the batch it belongs to; rewards are compared within a group."""
    member: int = 0
    """Its place in the group."""
    stage: int = 0
    """Stage of the demonstrations it was made in."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Reward parts by name, not yet weighted."""
    seen: tuple[int, ...] = ()
    """Tokens that the model was fed, the last read of each prompt and its replies whole, one after
    the other; empty where not kept."""

    @property
    def prefixed(self) -> bool:
        """Whether it began with forced tokens."""
        return Kind.FORCED in self.kinds

    @property
    def text(self) -> str:
        """All that the policy said."""
        return "".join(self.turns)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The completion as runs of tokens of one kind and one span."""
        runs: list[Segment] = []
        start = 0
        marks = list(zip(self.kinds, self.spans, strict=True))
        for at in range(1, len(marks) + 1):
            if at == len(marks) or marks[at] != marks[start]:
                runs.append(Segment(*marks[start], start, at))
                start = at
        return tuple(runs)

    @property
    def parts(self) -> tuple[int, ...]:
        """For each completion token, how many new prompts were begun up to it."""
        edges = (0, *self.fresh, len(self.completion_ids))
        return tuple(part for part, (a, b) in enumerate(pairwise(edges)) for _ in range(a, b))

    def turn_of(self) -> tuple[int, ...]:
        """The turn that each completion token belongs to, given ones to the turn before them."""
        turns: list[int] = []
        for place in range(len(self.ends)):
            stop = self.ends[place + 1] if place + 1 < len(self.ends) else len(self.completion_ids)
            edge = self._next_policy_token(self.ends[place], stop)
            turns.extend([place] * (edge - len(turns)))
        return tuple(turns)

    def _next_policy_token(self, start: int, stop: int) -> int:
        """Where the policy speaks again; `stop` where it does not."""
        spoken = (at for at in range(start, stop) if self.kinds[at] != Kind.GIVEN)
        return next(spoken, stop)


def total_reward(rewards: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Reward parts, weighted and added up.

    Args:
        rewards: Parts by name; those without a weight do not count.
        weights: Weights by name, each with its part.
    """
    return sum(weight * rewards[name] for name, weight in weights.items())


def equal_groups(totals: Sequence[Sequence[float]], tolerance: float = 1e-8) -> list[int]:
    """Which groups have one reward alone, and so nothing to learn from.

    Args:
        totals: Total rewards, group by group.
        tolerance: Differences up to this count as none.
    """
    return [at for at, group in enumerate(totals) if max(group) - min(group) <= tolerance]
