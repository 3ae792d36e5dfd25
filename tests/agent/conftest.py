import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from forethought.agent.types import Candidate, Goal, Outcome, Reply, Request, Usage


class FakeModel:
    """Answers as told: a text, an error to raise, or a function of the request."""

    price_known = True

    def __init__(
        self, replies: Sequence[object] | Callable[[Request], str], seconds: float = 0.0
    ) -> None:
        self.name = "fake"
        self.requests: list[Request] = []
        self._replies = replies
        self._seconds = seconds

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        await asyncio.sleep(self._seconds)
        reply: object = (
            self._replies(request)
            if callable(self._replies)
            else self._replies[len(self.requests) - 1]
        )
        if isinstance(reply, BaseException):
            raise reply
        mode = "native" if request.prefix else "none"
        return Reply(request.prefix + str(reply), Usage(1, 10, 5, 0.0, 0.01), mode)  # type: ignore[arg-type]


class Talk:
    """A world of `length` free-text turns; each word given is worth nothing, `win` 1."""

    id = "talk-v0"

    def __init__(self, length: int = 3, info: Mapping[str, Any] | None = None) -> None:
        self.length = length
        self.info = dict({"state": "s"} if info is None else info)
        self.actions: list[str] = []
        self.options: Mapping[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self.actions, self.options = [], dict(options or {}) | {"seed": seed}
        return "Hello.", dict(self.info)

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "illegal":
            return "No.", 0.0, False, False, self.info | {"invalid": True}
        self.actions.append(action)
        done = len(self.actions) >= self.length
        info = dict(self.info)
        if done:
            info["outcome"] = Outcome(float("win" in self.actions), "win" in self.actions)
        return f"You said {action}.", float(action == "win"), done, False, info


@pytest.fixture
def fake_model() -> type[FakeModel]:
    return FakeModel


@pytest.fixture
def talk() -> type[Talk]:
    return Talk


@pytest.fixture
def moves() -> tuple[Candidate, ...]:
    return (
        Candidate("I offer one book.", action="offer 1"),
        Candidate("I offer two books.", action="offer 2"),
        Candidate("I accept their offer.", action="accept"),
    )


@pytest.fixture
def world_goals() -> tuple[Goal, ...]:
    return (
        Goal("We reach a deal.", weight=4.0),
        Goal("I get at least 6 points.", weight=6.0),
        Goal("The talks fail.", "feared", 2.0),
        Goal("I get at most 2 points.", "feared", 3.0),
    )
