"""A critic as two tools, `estimate` and `explain`, for any program that calls tools.

Needs no protocol: the tools are ordinary ones, and the critic is given.
"""

import inspect
import json
import threading
from dataclasses import asdict
from functools import partial
from typing import Any, cast

from forethought.agent.errors import ToolError, UserError
from forethought.agent.protocols import ValueFunction
from forethought.agent.types import Candidate, Estimate, Evidence, Goal
from forethought.tools.function import FunctionTool
from forethought.tools.threads import in_thread

MOST = 2000
"""Estimates made in one call, at most."""
MOST_EVIDENCE = 50
"""Logged thoughts told of in one call, at most."""
_DIGITS = 4
_LIMIT = 200_000
"""Characters of a result: more than `MOST` estimates take."""


def critic_tools(critic: ValueFunction) -> list[FunctionTool]:
    """`estimate` and `explain`, asking this critic; one question at a time reaches it.

    Args:
        critic: A trained head or any other critic.
    """
    turn = threading.Lock()

    def asked(work: "partial[Any]") -> Any:
        with turn:
            return work()

    async def answer(work: "partial[Any]") -> Any:
        try:
            found = await in_thread(partial(asked, work))
            return await found if inspect.isawaitable(found) else found
        except UserError as error:
            raise ToolError(str(error)) from error

    async def estimate(
        state: str, candidates: list[str | Candidate], goals: list[str | Goal]
    ) -> str:
        """Say how likely each goal is to be reached after each thought, from a trained value head.

        Args:
            state: Short text of what matters so far.
            candidates: Thoughts to weigh, each one sentence of strategy; or objects with a
                `thought`, and where they matter the `prefix` of the reply and the `action`.
            goals: Sentences about how things may turn out; or objects with a `text`.
        """
        if not candidates or not goals:
            raise ToolError("give at least one candidate and one goal")
        if len(candidates) * len(goals) > MOST:
            raise ToolError(f"at most {MOST} estimates in one call; ask for fewer at once")
        weighed = [_candidate(each) for each in candidates]
        asked_for = [_goal(each) for each in goals]
        rows = await answer(partial(critic.estimate, state, weighed, asked_for))
        told = [
            {
                "thought": candidate.thought,
                "goals": [_told(*pair) for pair in zip(asked_for, row, strict=True)],
            }
            for candidate, row in zip(weighed, rows, strict=True)
        ]
        return json.dumps({"critic": critic.name, "candidates": told}, ensure_ascii=False)

    async def explain(
        state: str, candidate: str | Candidate, goal: str | Goal, nearest: int = 3
    ) -> str:
        """Show the logged thoughts nearest to a thought, and whether they reached the goal.

        Args:
            state: Short text of what matters so far.
            candidate: The thought, one sentence of strategy; or an object with a `thought`.
            goal: A sentence about how things may turn out; or an object with a `text`.
            nearest: How many, 1 to 50.
        """
        if not 1 <= nearest <= MOST_EVIDENCE:
            raise ToolError(f"nearest must be 1 to {MOST_EVIDENCE}, not {nearest}")
        work = partial(critic.explain, state, _candidate(candidate), _goal(goal), nearest=nearest)
        found = cast("list[Evidence]", await answer(work))
        told = [asdict(each) | {"distance": round(each.distance, _DIGITS)} for each in found]
        return json.dumps({"critic": critic.name, "evidence": told}, ensure_ascii=False)

    return [FunctionTool(estimate, limit=_LIMIT), FunctionTool(explain, limit=_LIMIT)]


def _candidate(given: str | Candidate) -> Candidate:
    return Candidate(given) if isinstance(given, str) else given


def _goal(given: str | Goal) -> Goal:
    return Goal(given) if isinstance(given, str) else given


def _told(goal: Goal, estimate: Estimate) -> dict[str, Any]:
    return {
        "goal": goal.text,
        "chance": round(estimate.chance, _DIGITS),
        "low": round(estimate.low, _DIGITS),
        "high": round(estimate.high, _DIGITS),
        "supported": estimate.supported,
    }
