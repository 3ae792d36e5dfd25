"""The moves an observation lists, worded for a prompt and found again in what a model wrote.

A move is a candidate bound to an action, or a bare legal action. Where there are more than a prompt
should hold, those nearest to the thought are shown, else an even selection; what a model names
outside the selection is found all the same.
"""

import re
from collections import Counter
from collections.abc import Sequence

from forethought.agent.matching import match_action
from forethought.agent.planners.wording import nearest
from forethought.agent.types import Candidate, Observation

SHOWN = 24
"""Most moves listed in one prompt."""
_NUMBER = re.compile(r"^\W*(\d{1,4})(?:[.):]|\s*$)")


class Moves:
    """The moves open now; false when any text is accepted.

    Args:
        observation: What lists them: bound candidates if there are any, else legal actions.
        shown: Most moves listed in a prompt.
        near: Text that the moves listed should be near to; empty for an even selection.
        legal: Whether bare legal actions count, where no candidate is bound to one.
    """

    def __init__(
        self,
        observation: Observation,
        *,
        shown: int = SHOWN,
        near: str = "",
        legal: bool = True,
    ) -> None:
        self.all = tuple(c for c in observation.candidates if c.action is not None)
        self._labels = _labels(self.all)
        if legal and not self.all:
            self.all = tuple(Candidate("", action=action) for action in observation.legal_actions)
            self._labels = list(observation.legal_actions)
        self._shown = list(range(len(self.all)))
        if len(self.all) > shown:
            ranked = nearest(near, self._labels)[:shown] if near else _even(len(self.all), shown)
            self._shown = sorted(ranked)

    def __bool__(self) -> bool:
        return bool(self.all)

    @property
    def labels(self) -> list[str]:
        """The moves listed, as a reply should name them."""
        return [self._labels[index] for index in self._shown]

    @property
    def text(self) -> str:
        """The moves listed, numbered, one a line."""
        return "\n".join(f"{n}. {label}" for n, label in enumerate(self.labels, start=1))

    def find(self, text: str) -> Candidate | None:
        """The move that a text names by its words, its number in the list, or its action."""
        for options in (self.labels, self._labels):
            label = match_action(text, options)
            if label is not None:
                return self.all[self._labels.index(label)]
        number = _NUMBER.match(text)
        if number and not any(label.strip().isdigit() for label in self._labels):
            place = int(number.group(1)) - 1
            return self.all[self._shown[place]] if 0 <= place < len(self._shown) else None
        actions = [str(move.action) for move in self.all]
        action = match_action(text, actions)
        return self.all[actions.index(action)] if action is not None else None

    def nearest(self, text: str) -> Candidate:
        """The move whose words are most like a text; the first where none is."""
        return self.all[nearest(text, self._labels)[0]]


def _labels(candidates: Sequence[Candidate]) -> list[str]:
    """A name for each candidate: its thought, with prefix and action where thoughts repeat."""
    count = Counter(c.thought for c in candidates)
    labels = []
    for candidate in candidates:
        label = candidate.thought
        if count[label] > 1 or not label:
            begin = f" [{candidate.prefix}]" if candidate.prefix else ""
            label = f"{label}{begin} ({candidate.action})".strip()
        labels.append(label)
    return labels


def _even(size: int, shown: int) -> list[int]:
    return [index * size // shown for index in range(shown)]
