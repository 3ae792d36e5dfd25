"""The critic `asked`: the model itself guesses how likely each future is.

A control for trained heads: the same planner, with the model's own numbers. Its calls are made with
the turn's metered model in the stage `evaluate`, so they count in the budget and in the usage. A
few candidates share a call. What cannot be read is asked for once more in a decision, and is not
supported after that. Learns nothing and keeps nothing.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from forethought.agent.critics import UNKNOWN, Unbound
from forethought.agent.errors import ConfigError
from forethought.agent.parsing import find_objects
from forethought.agent.planners.desk import Desk, check_template
from forethought.agent.planners.stages import schema_of, situation
from forethought.agent.protocols import ValueFunction
from forethought.agent.types import Candidate, Estimate, Evidence, Goal

ASKED_PROMPT = """\
{situation}

Outcomes:
{outcomes}

Plans:
{plans}

How likely is each outcome in the end, if you follow a plan now? Give whole numbers from 0 (never) \
to 100 (certain).
Reply with a JSON object: for each plan the list of its {count} numbers, in the order of the \
outcomes, as in {example}."""

TOGETHER = 6
"""Most candidates in one call."""
SPREAD = 0.2
"""A model's guess comes with no interval; this much to each side stands for one."""
_TOKENS_EACH = 6
"""Tokens of one number in a reply, its comma included, with room to spare."""
_PER_CENT = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*%?\s*$")


class Asked(Unbound):
    """The model guesses the likelihoods.

    Args:
        together: Most candidates in one call.
        prompt: Template with `{situation}`, `{plans}`, `{outcomes}`, `{count}` and `{example}`.
            Lines that a planner added to the state, such as the plan so far, open `{plans}`.

    Raises:
        ConfigError: If `together` is below 1 or the template has unknown fields.
    """

    name = "asked"

    def __init__(self, *, together: int = TOGETHER, prompt: str = ASKED_PROMPT) -> None:
        if together < 1:
            raise ConfigError(f"asked: together must be 1 or more, not {together}")
        fields = ("situation", "plans", "outcomes", "count", "example")
        self._prompt = check_template("asked", prompt, fields)
        self._together = together

    def bind(self, desk: Desk) -> ValueFunction:
        """The critic that asks this turn's model.

        Raises:
            ConfigError: If the turn has none.
        """
        if desk.turn.model is None:
            raise ConfigError("critic 'asked' needs a model: give one, as in rank+asked@builtin")
        return _Asking(desk, self._prompt, self._together)


class _Asking:
    """`Asked`, bound to one decision.

    Args:
        desk: Asks the model.
        prompt: The template.
        together: Most candidates in one call.
    """

    name = Asked.name

    def __init__(self, desk: Desk, prompt: str, together: int) -> None:
        self._desk = desk
        self._prompt = prompt
        self._together = together

    async def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """What the model guesses, shape `(len(candidates), len(goals))`.

        Raises:
            ModelError: If the model failed for good.
            BudgetExhausted: If a call would pass a limit.
        """
        rows: list[list[Estimate]] = []
        for start in range(0, len(candidates), self._together):
            rows += await self._ask(state, candidates[start : start + self._together], goals)
        return rows

    async def _ask(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """One call, and maybe its repair; a row that cannot be read is not supported."""
        names = [f"p{number}" for number in range(1, len(candidates) + 1)]
        found: dict[str, list[float]] = {}

        def read(text: str) -> tuple[dict[str, list[float]] | None, str]:
            found.update(read_chances(text, names, len(goals)))
            lacking = [name for name in names if name not in found]
            return (None if lacking else found), (
                f"there is no list of {len(goals)} numbers from 0 to 100 for {', '.join(lacking)}"
            )

        # lines that a planner adds to the state come late: what calls share is read once
        turn = self._desk.turn
        added = state.removeprefix(turn.state) if state.startswith(f"{turn.state}\n") else ""
        numbers = {"type": "integer", "minimum": 0, "maximum": 100}
        row = {"type": "array", "items": numbers, "minItems": len(goals), "maxItems": len(goals)}
        await self._desk.ask(
            "evaluate",
            self._prompt.format(
                situation=situation(replace(turn, state=state.removesuffix(added))),
                plans="\n".join([*added.split("\n")[1:], *map(_plan, names, candidates)]),
                outcomes="\n".join(f"{n}. {goal.text}" for n, goal in enumerate(goals, start=1)),
                count=len(goals),
                example=f'{{"p1": {[50] * len(goals)}}}',
            ),
            read,
            schema=schema_of(dict.fromkeys(names, row)),
            max_tokens=32 + (16 + _TOKENS_EACH * len(goals)) * len(candidates),
        )
        return [
            [_guess(chance) for chance in found[name]] if name in found else [UNKNOWN] * len(goals)
            for name in names
        ]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        """Nothing: a guess has no evidence."""
        return []


def read_chances(text: str, names: Sequence[str], count: int) -> dict[str, list[float]]:
    """Chances by plan, 0 to 1; plans whose numbers cannot be read are left out. Never raises.

    Numbers from 0 to 100 are per cent, with or without the sign. Where all of a plan's numbers are
    at most 1 and one is no whole number, they are taken for chances as they stand. A plan that is
    given two different lists is left out.

    Args:
        text: What the model wrote.
        names: The plans.
        count: Numbers wanted for each.
    """
    objects, _ = find_objects(text)
    said: dict[str, list[list[float]]] = {}
    for each in objects:
        for name, row in _rows(each, names, count).items():
            if row not in said.setdefault(name, []):
                said[name].append(row)
    return {name: rows[0] for name, rows in said.items() if len(rows) == 1}


def _rows(whole: Mapping[str, Any], names: Sequence[str], count: int) -> dict[str, list[float]]:
    """The rows of one object that can be read."""
    rows = {}
    for key, value in whole.items():
        name = key.strip().lower()
        items = value if isinstance(value, list) else [value]
        numbers = [_number(item) for item in items]
        known = [number for number in numbers if number is not None]
        if name not in names or len(known) != len(numbers) or len(known) != count:
            continue
        as_they_are = max(known) <= 1 and any(number % 1 for number in known)
        rows[name] = known if as_they_are else [number / 100 for number in known]
    return rows


def _number(item: Any) -> float | None:
    """A number from 0 to 100; `None` for anything else."""
    if isinstance(item, str):
        match = _PER_CENT.match(item)
        item = float(match.group(1)) if match else None
    if isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item):
        return None
    return float(item) if 0 <= item <= 100 else None


def _guess(chance: float) -> Estimate:
    return Estimate(chance, max(0.0, chance - SPREAD), min(1.0, chance + SPREAD))


def _plan(name: str, candidate: Candidate) -> str:
    """A candidate as a line of the prompt."""
    begin = f' (a reply that begins with "{candidate.prefix}")' if candidate.prefix else ""
    action = candidate.action
    does = f" What you do: {action}" if action is not None and action != candidate.thought else ""
    return f"{name}. {candidate.thought}{begin}{does}"
