"""A world that grades answers: add two numbers; any text is an answer and ends the episode."""

from collections.abc import Mapping
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Goal, Outcome

RIGHT = Goal("The sum is right.")
WRONG = Goal("The sum is wrong.", kind="feared")


class Sums:
    """One sum, chosen by the instance. Says in `grade` whether an answer would be right."""

    id = "sums-v0"

    def __init__(self) -> None:
        self._sum: int | None = None
        self.graded: list[str] = []

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        number = int((options or {}).get("instance", seed or 0))
        self._sum = 2 * number + 5
        text = f"What is {number} + {number + 5}?"
        return text, {"state": text, "goals": (RIGHT, WRONG)}

    def grade(self, action: str) -> bool:
        self.graded.append(action)
        return action.strip() == str(self._sum)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if self._sum is None:
            raise ConfigError("call reset before step")
        right = action.strip() == str(self._sum)
        reached, missed = (RIGHT, WRONG) if right else (WRONG, RIGHT)
        outcome = Outcome(float(right), right, reached=(reached.text,), missed=(missed.text,))
        self._sum = None
        return "Thank you.", float(right), True, False, {"outcome": outcome}
