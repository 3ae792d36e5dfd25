"""The same head, asked a wrong question: what an audit puts beside the right one.

A probe is a trained head whose questions or answers are spoilt on the way; nothing is trained anew.
If spoiling a part changes nothing, this head does not use the part. Whether a question is supported
is decided by the question as it was: a probe is told less, and may speak as often.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from forethought.agent.protocols import Encoder
from forethought.agent.types import Candidate, Estimate, Goal
from forethought.valuefn.critic import Chances, LearnedValue, turned
from forethought.valuefn.head import Head

Part = Literal["state", "thought", "prefix"]
PARTS: tuple[Part, ...] = ("state", "thought", "prefix")


class Blanked(LearnedValue):
    """A head that is not told one part of the question: an empty text stands in its place.

    Args:
        head: The head.
        part: What is left out.
        encoder: As for `LearnedValue`.
    """

    def __init__(self, head: Head, part: Part, encoder: Encoder | None = None) -> None:
        super().__init__(head, encoder, name=f"{part}-blanked")
        self._part = part

    def chances(
        self, states: Sequence[str], candidates: Sequence[Candidate], goals: Sequence[str]
    ) -> Chances:
        """As the head says without that part."""
        supported = super().chances(states, candidates, goals).supported
        if self._part == "state":
            states = [""] * len(states)
        elif self._part == "thought":
            candidates = [replace(each, thought="") for each in candidates]
        else:
            candidates = [replace(each, prefix="") for each in candidates]
        return replace(super().chances(states, candidates, goals), supported=supported)


class WishesSwapped(LearnedValue):
    """A head whose every chance is turned: what is hoped for looks feared, and the reverse."""

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """The chances that the goals are missed."""
        rows = super().estimate(state, candidates, goals)
        return [[turned(each) for each in row] for row in rows]


class GoalsDealt(LearnedValue):
    """A head that is asked about another goal than the one it answers: the list turned round."""

    def chances(
        self, states: Sequence[str], candidates: Sequence[Candidate], goals: Sequence[str]
    ) -> Chances:
        """The right chances under the wrong goals."""
        return super().chances(states, candidates, list(reversed(goals)))
