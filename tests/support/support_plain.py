"""A world of free text alone: no state, no candidates, no goals, no legal actions."""

from collections.abc import Mapping
from typing import Any

from forethought.agent.types import Outcome


class Plain:
    """Ends after some turns; the last word decides."""

    id = "plain"

    def __init__(self, length: int = 2) -> None:
        self._length = length
        self._said = 0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self._said = 0
        return "They look at you.", {}

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self._said += 1
        over = self._said >= self._length
        won = "please" in action
        info = {"outcome": Outcome(float(won), won)} if over else {}
        return f"You said: {action}", float(over and won), over, False, info
