"""From rows to traces: rows of one episode are put together, and each episode is read by the map.

One episode is held in memory at a time. Rows of an episode that lie apart in the file are sorted in
a file on disk first (`episode.scattered`); without that, an episode that begins twice is refused.
"""

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from forethought.agent.importing.chat import make_steps, read_turns
from forethought.agent.importing.dialogue import clip
from forethought.agent.importing.ledger import Ledger, Refused, Row, nothing_in
from forethought.agent.importing.mapping import ImportMap
from forethought.agent.importing.outcomes import number_of, outcome_of
from forethought.agent.importing.template import as_text, look_up
from forethought.agent.parsing import clean
from forethought.agent.types import Candidate, Decision, Episode, Outcome, Scalar, Step, Trace

_LONGEST_NAME = 200
"""Characters of an episode's id, group or opponent."""


def make_traces(rows: Iterable[Row], mapping: ImportMap, ledger: Ledger) -> Iterator[Trace]:
    """Episodes that could be taken, in the order of the rows.

    Args:
        rows: Of one source or of several, one after the other.
        mapping: What they mean.
        ledger: Told of all that is taken and refused.

    Raises:
        DataError: If a row is refused and the ledger is strict.
    """
    seen: set[bytes] = set()
    for name, group in _episodes(rows, mapping, ledger):
        key = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=12).digest()
        if key in seen:
            ledger.refuse(group, Refused("an episode of that id came before", repr(name)))
            continue
        try:
            trace = _trace(name, group, mapping)
        except Refused as why:
            ledger.refuse(group, why)
            continue
        seen.add(key)
        ledger.take(trace)
        yield trace


def _episodes(
    rows: Iterable[Row], mapping: ImportMap, ledger: Ledger
) -> Iterator[tuple[str, list[Row]]]:
    """Each episode's id with its rows."""
    named = _named(rows, mapping, ledger)
    if mapping.rows == "chat":
        for name, row in named:
            yield name, [row]
        return
    if mapping.episode.scattered:
        named = _sorted_on_disk(named)
    for name, pairs in groupby(named, key=lambda pair: pair[0]):
        yield name, [row for _, row in pairs]


def _named(rows: Iterable[Row], mapping: ImportMap, ledger: Ledger) -> Iterator[tuple[str, Row]]:
    for row in rows:
        column = mapping.episode.id
        try:
            name = _name(row, column) if column else f"{Path(row.source).name}:{row.number}"
        except Refused as why:
            ledger.refuse([row], why)
            continue
        yield name, row


def _name(row: Row, column: str) -> str:
    value = look_up(row.values, column)
    if value is None:
        raise nothing_in(row.values, column)
    if not isinstance(value, str | int | float):
        raise Refused(f"column {column!r} is no single value", repr(value))
    text = clean(as_text(value) if isinstance(value, bool) else str(value)).strip()
    if len(text) > _LONGEST_NAME:
        raise Refused(f"column {column!r} is longer than {_LONGEST_NAME} characters", text[:40])
    return text


def _sorted_on_disk(named: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, Row]]:
    """The rows by episode, episodes in the order in which they first appear."""
    with tempfile.TemporaryDirectory(prefix="forethought-import-") as folder:
        base = sqlite3.connect(Path(folder) / "rows.db")
        try:
            base.execute("PRAGMA journal_mode = OFF")
            base.execute("CREATE TABLE r (name TEXT, source TEXT, number INTEGER, held TEXT)")
            for name, row in named:
                held = json.dumps(row.values, default=str)
                base.execute(
                    "INSERT INTO r VALUES (?, ?, ?, ?)", (name, row.source, row.number, held)
                )
            base.execute("CREATE INDEX i ON r (name)")
            found = base.execute(
                "SELECT r.name, source, number, held FROM r JOIN (SELECT name, MIN(rowid) AS at"
                " FROM r GROUP BY name) AS f ON r.name = f.name ORDER BY f.at, r.rowid"
            )
            for name, source, number, held in found:
                yield name, Row(source, number, json.loads(held))
        finally:
            base.close()


def _trace(name: str, rows: Sequence[Row], mapping: ImportMap) -> Trace:
    rows = _in_order(rows, mapping.episode.order)
    last = rows[-1]
    outcome = outcome_of(mapping, _settled(rows, mapping))
    if mapping.rows == "decisions":
        steps = [_decision(number, row, mapping) for number, row in enumerate(rows)]
    else:
        messages = [row.values for row in rows]
        if mapping.rows == "chat":
            messages = look_up(last.values, mapping.chat.messages)
            if not isinstance(messages, list):
                raise Refused(f"column {mapping.chat.messages!r} is no list of messages")
        steps = make_steps(read_turns(messages, mapping.chat), last.values, mapping)
    return Trace(_episode(name, last, mapping), tuple(steps), _rewarded(outcome, steps, mapping))


def _settled(rows: Sequence[Row], mapping: ImportMap) -> dict[str, object]:
    """The last row with each outcome column as the episode's rows agree on it.

    Raises:
        Refused: If two rows hold different values.
    """
    settled: dict[str, object] = dict(rows[-1].values)
    for column in {rule.column for rule in mapping.outcomes} | ({mapping.reward} - {""}):
        held = [value for row in rows if (value := look_up(row.values, column)) is not None]
        if any(value != held[0] for value in held):
            raise Refused(f"rows of one episode differ in column {column!r}", repr(held[-1]))
        if held:
            settled[column] = held[0]
    return settled


def _in_order(rows: Sequence[Row], column: str) -> Sequence[Row]:
    if not column or len(rows) < 2:
        return rows
    try:
        return sorted(rows, key=lambda row: number_of(row.values, column))
    except Refused as why:
        if any(not isinstance(look_up(row.values, column), str) for row in rows):
            raise why from None
    return sorted(rows, key=lambda row: str(look_up(row.values, column)))


def _decision(number: int, row: Row, mapping: ImportMap) -> Step:
    columns, limits = mapping.decision, mapping.state

    def text(column: str, *, needed: bool = False) -> str:
        value = look_up(row.values, column) if column else None
        if value is None and needed:
            raise nothing_in(row.values, column)
        return clean(as_text(value)) if value is not None else ""

    state = text(columns.state, needed=True)
    thought = text(columns.thought, needed=True)
    reward = number_of(row.values, columns.reward) if columns.reward else 0.0
    candidate = Candidate(clip(thought, limits.thought_limit), text(columns.prefix))
    decision = Decision(candidate, text(columns.action) or thought, "imported")
    return Step(number, state, clip(state, limits.limit), decision, reward)


def _rewarded(outcome: Outcome, steps: Sequence[Step], mapping: ImportMap) -> Outcome:
    """The outcome with the rewards of the steps added up, where they have them."""
    if not mapping.decision.reward or mapping.reward or mapping.rows != "decisions":
        return outcome
    total = sum(step.reward for step in steps)
    return Outcome(total, outcome.success, reached=outcome.reached, missed=outcome.missed)


def _episode(name: str, row: Row, mapping: ImportMap) -> Episode:
    columns = mapping.episode
    facts: dict[str, Scalar] = {"source": row.place}
    if columns.group:
        facts["group"] = _name(row, columns.group)
    opponent = _name(row, columns.opponent) if columns.opponent else ""
    return Episode(
        name, mapping.world, opponent=opponent, arm="imported", goals=mapping.goals, facts=facts
    )
