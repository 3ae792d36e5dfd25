"""How data travels inside the page: JSON, compressed, in pieces that are opened on demand.

A piece is gzip in base64, which a script element of an unknown type holds without being parsed as
markup whatever it says.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from forethought.agent.types import Trace
from forethought.cli.viewer.rows import COLUMNS, record_of, row_of

_PIECE = 1 << 20
"""Characters of JSON in a piece of records, about."""


def packed(value: Any) -> str:
    """A value as gzip in base64; equal values give equal text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode("ascii")


More = Callable[[Trace], Mapping[str, Any]]


def nothing(trace: Trace) -> Mapping[str, Any]:
    """Nothing beside the trace."""
    return {}


@dataclass(slots=True)
class Packed:
    """Episodes as the page holds them."""

    rows: dict[str, list[Any]] = field(default_factory=dict)
    """Lines of the table by id; the last two values say where the record is."""
    pieces: list[str] = field(default_factory=list)
    """Each the `packed` list of some episodes' records."""

    def index(self) -> dict[str, list[Any]]:
        """What is opened first: the columns of the table, and where each record is found."""
        columns = [list(column) for column in zip(*self.rows.values(), strict=True)]
        names = (*COLUMNS, "piece", "place")
        return dict(zip(names, columns or [[] for _ in names], strict=True))


def pack(traces: Iterable[Trace], more: More = nothing) -> Packed:
    """Pack episodes, one piece's worth in memory at a time; an id that comes again replaces.

    Args:
        traces: The episodes.
        more: What their records hold beside the traces.
    """
    result = Packed()
    records: list[dict[str, Any]] = []
    size = 0
    for trace in traces:
        result.rows.pop(trace.episode.id, None)
        result.rows[trace.episode.id] = [*row_of(trace), len(result.pieces), len(records)]
        records.append({**record_of(trace), **more(trace)})
        size += _size(trace)
        if size >= _PIECE:
            result.pieces.append(packed(records))
            records, size = [], 0
    if records:
        result.pieces.append(packed(records))
    return result


def _size(trace: Trace) -> int:
    """About how many characters an episode's record has."""
    size = 500
    for step in trace.steps:
        decision = step.decision
        size += len(step.observation) + len(step.state) + len(decision.critique) + 300
        size += sum(300 + 60 * len(each.estimates) for each in decision.considered)
        size += 120 * len(decision.search)
    return size
