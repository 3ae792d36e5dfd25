"""What an import took and what it refused, with the reason and the first places of each."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from forethought.agent.errors import DataError
from forethought.agent.types import Trace

_FIRST = 3
"""Places of each reason that are kept."""
REFUSED_KEYS = ("place", "reason", "row")
"""Fields of a refused row in the file of refused rows."""


class Refused(Exception):
    """A row or an episode cannot be taken.

    Args:
        reason: Why, in words that many rows share.
        detail: What it was in this one; empty where the reason says all.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail[:200]


def nothing_in(row: Mapping[str, Any], column: str) -> Refused:
    """The refusal of a row whose column is missing or blank; says what columns there are."""
    hint = ""
    if column.partition(".")[0] not in row and column not in row:
        near = get_close_matches(column, row, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the row has {', '.join(row) or 'none'}"
    return Refused(f"column {column!r} holds nothing", hint)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source."""

    source: str
    number: int
    """Line of a text file, else number of the row, from 1."""
    values: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where it stands, as messages say it."""
        return f"{self.source}, line {self.number}"


@dataclass(slots=True)
class Reason:
    """Rows refused for one reason."""

    rows: int = 0
    first: list[str] = field(default_factory=list)
    """Places of the first few."""
    detail: str = ""
    """What it was in the first of them."""


@dataclass(slots=True)
class Ledger:
    """Counts of one import."""

    strict: bool = False
    """Whether the first refusal ends the import."""
    sink: Callable[[str], object] | None = None
    """Given each refused row as a JSON line."""
    rows: int = 0
    blank: int = 0
    """Lines with nothing on them: passed over."""
    episodes: int = 0
    decisions: int = 0
    longest: int = 0
    """Characters of the longest state."""
    refused: int = 0
    """Rows."""
    reasons: dict[str, Reason] = field(default_factory=dict)
    outcomes: dict[str, list[int]] = field(default_factory=dict)
    """By sentence: episodes that reached it, and that missed it."""

    def refuse(self, rows: Sequence[Row], why: Refused) -> None:
        """Count rows that cannot be taken, one episode's together.

        Raises:
            DataError: If the import is strict.
        """
        place = rows[0].place
        said = f"{why.reason}{': ' + why.detail if why.detail else ''}"
        if self.strict:
            raise DataError(f"{place}: {said}")
        self.refused += len(rows)
        reason = self.reasons.setdefault(why.reason, Reason(detail=why.detail))
        reason.rows += len(rows)
        if len(reason.first) < _FIRST:
            reason.first.append(place)
        if self.sink is not None:
            for row in rows:
                told = dict(zip(REFUSED_KEYS, (row.place, said, row.values), strict=True))
                self.sink(json.dumps(told, ensure_ascii=True, default=str) + "\n")

    def take(self, trace: Trace) -> None:
        """Count an episode that was taken."""
        self.episodes += 1
        self.decisions += len(trace.steps)
        self.longest = max(self.longest, *(len(step.state) for step in trace.steps))
        if trace.outcome is not None:
            for side, texts in enumerate((trace.outcome.reached, trace.outcome.missed)):
                for text in texts:
                    self.outcomes.setdefault(text, [0, 0])[side] += 1

    @property
    def main_reason(self) -> str:
        """Why most rows were refused, in words; empty where none was."""
        if not self.reasons:
            return ""
        why, most = max(self.reasons.items(), key=lambda item: item[1].rows)
        detail = f", {most.detail}" if most.detail else ""
        return f"{why}{detail} ({most.rows} of {self.rows} rows, first {most.first[0]})"

    @property
    def one_sided(self) -> list[str]:
        """Sentences that came out the same way in every episode: nothing is learned of them."""
        return [text for text, counts in self.outcomes.items() if 0 in counts]
