"""What an audit's figures say of one part of the question, in one plain sentence.

No significant difference is not the same as no difference: a part is called ignored only where the
whole interval of every measure lies within a margin of 0. Pure; plays and asks nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Finding = Literal["yes", "no", "worse", "unknown"]
"""Whether the part is worth something: `worse` when the head does better without it."""
MARGIN = 0.02
"""Differences smaller than this, of an AUC or of the reward, count as none."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What was lost without a part: a figure with its 95 % interval; above 0, the part helped."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said of one part of the question."""

    part: str
    used: Finding | None
    """Whether this head uses it: the same head, not told of it. `None`: it never varies."""
    matters: Finding | None
    """Whether it matters in these data: a head trained without it. `None`: likewise."""
    sentence: str


def judge(losses: Sequence[Loss | None], margin: float) -> Finding:
    """Whether a part is worth something, by all measures together.

    Args:
        losses: What was lost by each measure; `None` where it says nothing.
        margin: Smallest difference that counts, in the measures' units, above 0.
    """
    known = [loss for loss in losses if loss is not None]
    if known and all(-margin < loss.low and loss.high < margin for loss in known):
        return "no"
    if any(loss.low > 0 for loss in known):
        return "yes"
    if any(loss.high < 0 for loss in known):
        return "worse"
    return "unknown"


_USED = {
    "yes": "This head uses the {part}: without it",
    "no": "This head ignores the {part}: without it",
    "worse": "This head is misled by the {part}: without it",
    "unknown": "Whether this head uses the {part} cannot be told: without it",
}
_MATTERS = {
    "yes": "A head trained without the {part} is worse",
    "no": "A head trained without the {part} is as good",
    "worse": "A head trained without the {part} is better",
    "unknown": "Whether a head trained without the {part} is worse cannot be told",
}


def verdict(
    part: str,
    asked: tuple[Loss | None, Loss | None],
    trained: tuple[Loss | None, Loss | None],
    margin: float = MARGIN,
) -> Verdict:
    """The verdict on a part.

    Args:
        part: Its name.
        asked: AUC and reward lost by the same head that is not told of it.
        trained: AUC and reward lost by a head trained without it.
        margin: As in `judge`.
    """
    used, matters = judge(asked, margin), judge(trained, margin)
    within = f", both within {margin:g} of 0" if used == "no" else ""
    sentence = (
        f"{_USED[used].format(part=part)} it loses {_lost(asked)}{within}. "
        f"{_MATTERS[matters].format(part=part)}: it loses {_lost(trained)}"
        f"{f', both within {margin:g} of 0' if matters == 'no' else ''}."
    )
    return Verdict(part, used, matters, sentence)


def never_varies(part: str) -> Verdict:
    """The verdict on a part that was the same in all the head's episodes."""
    return Verdict(
        part,
        None,
        None,
        f"This head cannot use the {part}: it was the same in every episode it was trained on.",
    )


def _lost(losses: tuple[Loss | None, Loss | None]) -> str:
    ranking, reward = losses
    parts = [f"{ranking} of AUC"] if ranking else []
    parts += [f"{reward} of the reward"] if reward else []
    return " and ".join(parts) or "nothing that could be measured"
