"""Imagined goals: hoped and feared futures of a thought, where a head has something to say.

The model imagines, the world's outcome vocabulary anchors: what is imagined is mapped to it, and it
fills what is missing. Scores nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from forethought.agent.parsing import read_goals
from forethought.agent.planners.desk import Desk
from forethought.agent.planners.stages import one_of, schema_of, sentence, situation
from forethought.agent.planners.wording import (
    Match,
    Same,
    distinct,
    match_by_words,
    to_vocabulary,
    words,
)
from forethought.agent.types import Goal, GoalKind

GOALS_PROMPT = """\
{situation}

Your plan: {thought}

How may things stand in the end if you do this? Name {hoped} different good outcomes and {feared} \
different bad ones, each a short sentence.
{vocabulary}Reply with a JSON object with the lists "hoped" (good ones) and "feared" (bad ones)."""

KINDS: tuple[GoalKind, ...] = ("hoped", "feared")
GOALS_FIELDS = ("situation", "thought", "hoped", "feared", "vocabulary")
LENGTH = 120
"""Longest imagined goal a schema lets a model write, characters."""
_SHOWN = 8
"""Outcomes of each kind shown in a prompt."""


@dataclass(frozen=True, slots=True)
class Imagination:
    """How goals are imagined."""

    hoped: int = 2
    """Good futures wanted."""
    feared: int = 2
    """Bad futures wanted."""
    closed: bool = True
    """Whether the schema holds the model to the world's own outcomes, where it states some of the
    kind. Otherwise, and for models that no schema holds, what is written is mapped to them."""
    match: Match | None = None
    """Maps texts to the world's outcomes; by words where none is given."""
    same: Same | None = None
    """Whether two goals mean the same; equal words always do."""

    def wanted(self, kind: GoalKind) -> int:
        """Goals wanted of a kind."""
        return self.hoped if kind == "hoped" else self.feared

    def within(self, vocabulary: Sequence[Goal]) -> "Imagination":
        """The same where only so many outcomes of a kind can be chosen.

        Where `closed`, a kind of which the world states fewer outcomes than wanted is not filled up
        with others: no head has data for them.
        """
        if not self.closed:
            return self
        stated = {kind: len(_of(vocabulary, kind)) or self.wanted(kind) for kind in KINDS}
        hoped, feared = (min(self.wanted(kind), stated[kind]) for kind in KINDS)
        return replace(self, hoped=hoped, feared=feared)


async def imagine(desk: Desk, thought: str, prompt: str, how: Imagination) -> list[Goal]:
    """Hoped and feared futures of a thought, distinct, the hoped ones first.

    Asked for once more where fewer than wanted remain; what that adds joins what was there. Where
    still some are missing the world's own outcomes fill up, those of most weight first. Repeats
    within a reply are counted in `desk.repeats`.
    """
    vocabulary = desk.turn.observation.goals
    how = how.within(vocabulary)
    kept: list[Goal] = []

    def read(text: str) -> tuple[list[Goal] | None, str]:
        said = [goal for goal in read_goals(text) if words(goal.text)]
        mapped = to_vocabulary(said, vocabulary, how.match or match_by_words)
        desk.repeats += len(mapped) - len(distinct(mapped, how.same))
        kept[:] = _select([*kept, *mapped], how)
        lacking = how.hoped + how.feared - len(kept)
        return (kept if not lacking else None), f"{lacking} more different outcomes are needed"

    await desk.ask(
        "goals",
        prompt.format(
            situation=situation(desk.turn),
            thought=thought,
            hoped=how.hoped,
            feared=how.feared,
            vocabulary=_listed(vocabulary),
        ),
        read,
        schema=schema_of(
            {kind: _schema(kind, vocabulary, how) for kind in KINDS if how.wanted(kind)}
        ),
        max_tokens=64 + 64 * (how.hoped + how.feared),
    )
    return _select([*kept, *sorted(vocabulary, key=lambda goal: -goal.weight)], how)


def _select(goals: Sequence[Goal], how: Imagination) -> list[Goal]:
    """The first distinct goals of each kind, as many as wanted."""
    found = distinct(goals, how.same)
    return [goal for kind in KINDS for goal in _of(found, kind)[: how.wanted(kind)]]


def _of(goals: Sequence[Goal], kind: GoalKind) -> list[Goal]:
    return [goal for goal in goals if goal.kind == kind]


def _schema(kind: GoalKind, vocabulary: Sequence[Goal], how: Imagination) -> dict[str, Any]:
    texts = [goal.text for goal in _of(vocabulary, kind)]
    count = how.wanted(kind)
    items = one_of(texts) if how.closed and texts else sentence(LENGTH)
    return {"type": "array", "items": items, "minItems": count, "maxItems": count}


def _listed(vocabulary: Sequence[Goal]) -> str:
    """The world's outcomes as a paragraph of a prompt; empty when it states none."""
    parts = []
    for kind, title in zip(KINDS, ("Good", "Bad"), strict=True):
        texts = [goal.text for goal in _of(vocabulary, kind)]
        step = -(-len(texts) // _SHOWN) or 1
        lines = "\n".join(f"- {text}" for text in texts[::step])
        parts += [f"{title} outcomes to choose from:\n{lines}\n"] if texts else []
    return "".join(parts)
