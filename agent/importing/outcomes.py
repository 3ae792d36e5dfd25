"""From a row's values to outcome sentences: which came true and which did not.

Decisions: numbers and their texts are the same (`1`, `"1"`, `1.0`), truth values are not numbers,
case and outer blanks do not count. A value no rule foresees is refused, never guessed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.importing.ledger import Refused, nothing_in
from forethought.agent.importing.mapping import Ends, ImportMap, OutcomeRule, Plain
from forethought.agent.importing.template import look_up
from forethought.agent.types import Goal, Outcome


def outcome_of(mapping: ImportMap, row: Mapping[str, Any]) -> Outcome:
    """How the episode of a row ended.

    Raises:
        Refused: If a value is missing, unforeseen or no number.
    """
    reached: list[str] = []
    missed: list[str] = []
    for rule in mapping.outcomes:
        value = look_up(row, rule.column)
        if value is None:
            if rule.missing == "reject":
                raise nothing_in(row, rule.column)
            continue
        for text, true in _judge(rule, value).items():
            (reached if true else missed).append(text)
    if not reached and not missed:
        raise Refused("no outcome is known")
    goals = mapping.goals
    return Outcome(
        _reward(mapping, row, reached, goals),
        _success(mapping.success or goals[0].text, goals, reached),
        reached=tuple(reached),
        missed=tuple(missed),
    )


def number_of(row: Mapping[str, Any], column: str) -> float:
    """The finite number of a column.

    Raises:
        Refused: If it holds none.
    """
    value = look_up(row, column)
    if value is None:
        raise nothing_in(row, column)
    return _number(value, column)


def _judge(rule: OutcomeRule, value: Any) -> dict[str, bool]:
    """Each sentence of a rule that the value settles."""
    if rule.at_least:
        number = _number(value, rule.column)
        return {rule.sentence(least): number >= least for least in rule.at_least}
    if rule.values:
        return _valued(rule, value)
    if not isinstance(value, Plain):
        raise Refused(f"column {rule.column!r} is no single value", repr(value))
    wanted = rule.equals if isinstance(rule.equals, tuple) else (rule.equals,)
    true = any(_same(value, each) for each in wanted if each is not None)
    found = {rule.says: true}
    return found | ({rule.otherwise: not true} if rule.otherwise else {})


def _valued(rule: OutcomeRule, value: Any) -> dict[str, bool]:
    for name, ends in rule.values.items():
        if not isinstance(value, Plain) or not _named(value, name):
            continue
        if isinstance(ends, Ends):
            return dict.fromkeys(ends.missed, False) | dict.fromkeys(ends.reached, True)
        true = (ends,) if isinstance(ends, str) else ends
        return {goal.text: goal.text in true for goal in rule.goals()}
    raise Refused(f"column {rule.column!r} holds a value the mapping does not name", repr(value))


def _named(value: Plain, name: str) -> bool:
    """Whether a value is the one that a key, which is always text, stands for."""
    if isinstance(value, bool):
        return name.strip().casefold() == str(value).casefold()
    return _same(value, name)


def _same(value: Plain, wanted: Plain) -> bool:
    if isinstance(value, bool) and isinstance(wanted, bool):
        return value == wanted
    if isinstance(value, bool) or isinstance(wanted, bool):
        truth, other = (value, wanted) if isinstance(value, bool) else (wanted, value)
        return isinstance(other, str) and other.strip().casefold() == str(truth).casefold()
    one, other_number = _maybe_number(value), _maybe_number(wanted)
    if one is not None and other_number is not None:
        return one == other_number
    return str(value).strip().casefold() == str(wanted).strip().casefold()


def _maybe_number(value: Plain) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _number(value: Any, column: str) -> float:
    number = _maybe_number(value) if isinstance(value, int | float | str) else None
    if number is None or isinstance(value, bool):
        raise Refused(f"column {column!r} is no number", repr(value))
    return number


def _reward(
    mapping: ImportMap, row: Mapping[str, Any], reached: Sequence[str], goals: Sequence[Goal]
) -> float:
    if mapping.reward:
        return number_of(row, mapping.reward)
    return sum(goal.signed_weight for goal in goals if goal.text in reached)


def _success(sentence: str, goals: Sequence[Goal], reached: Sequence[str]) -> bool:
    kind = next(goal.kind for goal in goals if goal.text == sentence)
    return (sentence in reached) == (kind == "hoped")
