import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, ToolError, UnknownName
from forethought.agent.protocols import RunContext, Tool
from forethought.tools.approval import Proposed, approved
from forethought.tools.function import tool
from forethought.tools.trust import from_outside, spotlighted
from forethought.tools.wrappers import (
    Rate,
    Wrapped,
    cached,
    filtered,
    limited,
    prefixed,
    rate_limited,
    renamed,
)


class Plain:
    """A tool as somebody else may make it: not asynchronous, and without a run's context."""

    name = "plain"
    description = "Counts."
    schema: Mapping[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}

    def __init__(self) -> None:
        self.calls = 0

    def call(self, arguments: Mapping[str, Any]) -> str:
        self.calls += 1
        if arguments.get("n") == 13:
            raise ToolError("not 13")
        return f"{arguments.get('n')} {self.calls}"


@tool
def who(context: RunContext[str], greeting: str = "Hi") -> str:
    """Greets the user.

    Args:
        greeting: What to say.
    """
    return f"{greeting} {context.deps}"


async def within(made: Tool, deps: Any, episode: str = "", **arguments: Any) -> str:
    context: RunContext[Any] = RunContext(deps, episode)
    made_in: Any = made
    return str(await made_in.call_in(context, arguments))


def yes(proposed: Proposed) -> bool:
    return True


WRAPPERS: dict[str, Callable[[Tool], Tool]] = {
    "wrapped": Wrapped,
    "renamed": lambda t: renamed([t], {t.name: t.name})[0],
    "limited": lambda t: limited(t, 1000),
    "cached": cached,
    "rate": lambda t: rate_limited(t, Rate(100)),
    "approved": lambda t: approved(t, yes),
    "outside": from_outside,
}


@pytest.mark.parametrize("outer", WRAPPERS)
@pytest.mark.parametrize("inner", WRAPPERS)
async def test_any_two_compose_and_keep_what_the_model_is_told(outer: str, inner: str) -> None:
    made = WRAPPERS[outer](WRAPPERS[inner](who))
    assert (made.name, made.description, made.schema) == (who.name, who.description, who.schema)
    assert await within(made, "Ann", greeting="Ho") == "Ho Ann"
    with pytest.raises(ToolError, match="greeting: Input should be a valid string"):
        await within(made, "Ann", greeting=3)
    assert getattr(made, "outside", None) is ("outside" in {outer, inner})


@pytest.mark.parametrize("kind", WRAPPERS)
async def test_tools_without_a_context_are_wrapped_too(kind: str) -> None:
    plain = Plain()
    made: Any = WRAPPERS[kind](plain)
    assert await made.call({"n": 1}) == "1 1"
    assert await made.call_in(RunContext(None, "e"), {"n": 2}) == "2 2"
    with pytest.raises(ToolError, match="not 13"):
        await made.call({"n": 13})


async def test_filter_rename_and_prefix() -> None:
    plain = Plain()
    tools: list[Tool] = [plain, who]
    assert filtered(tools, ["who"]) == [who]
    assert filtered(tools, lambda each: "reet" in each.description) == [who]
    assert filtered(tools, []) == []
    assert [t.name for t in prefixed(tools, "crm_")] == ["crm_plain", "crm_who"]
    swapped = renamed(tools, {"plain": "who", "who": "plain"})
    assert [t.name for t in swapped] == ["who", "plain"]
    assert await within(swapped[1], "Bo") == "Hi Bo"
    assert plain.name == "plain"


@pytest.mark.parametrize(
    ("make", "error", "reason"),
    [
        (lambda t: filtered(t, ["whom"]), UnknownName, "did you mean 'who'"),
        (lambda t: filtered(t, "who"), ConfigError, r"\['who'\]"),
        (lambda t: renamed(t, {"whom": "x"}), UnknownName, "unknown tool 'whom'"),
        (lambda t: renamed(t, {"who": "plain"}), ConfigError, "two tools would be called 'plain'"),
        (lambda t: renamed(t, {"who": "a b"}), ConfigError, "cannot be called 'a b'"),
        (lambda t: prefixed(t, "crm-"), ConfigError, "letters, digits and underscores"),
        (lambda t: limited(t[0], 0), ConfigError, "limit must be 1"),
        (lambda t: cached(t[0], most=0), ConfigError, "most must be 1"),
        (lambda t: cached(t[0], seconds=0), ConfigError, "seconds above 0"),
        (lambda t: Rate(0), ConfigError, "calls must be 1"),
        (lambda t: Rate(1, float("inf")), ConfigError, "seconds above 0"),
        (lambda t: spotlighted(t[0], "loud"), ConfigError, "not 'loud'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_work_is_told_at_once(
    make: Callable[[list[Tool]], object], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        make([Plain(), who])


async def test_limited_says_what_was_cut() -> None:
    @tool(limit=10_000)
    def much() -> str:
        """Says much."""
        return "x" * 9000

    assert await limited(much, 5).call({}) == (  # type: ignore[misc]
        "xxxxx\n[cut: the first 5 of 9000 characters are shown]"
    )


async def test_a_deadline_for_tools_that_were_made_elsewhere() -> None:
    class Slow(Plain):
        async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
            await asyncio.sleep(arguments["n"])
            return "done"

    made: Any = limited(Slow(), timeout=0.05)
    assert await made.call({"n": 0}) == "done"
    begun = time.monotonic()
    with pytest.raises(ToolError, match=r"no result within 0\.05 s; the call was stopped"):
        await made.call({"n": 5})
    assert time.monotonic() - begun < 0.3
    with pytest.raises(ConfigError, match="timeout must be above 0"):
        limited(Slow(), timeout=0)


async def test_cache_by_arguments_with_a_time_to_live_and_a_bound() -> None:
    now = 0.0
    plain = Plain()
    made: Any = cached(plain, most=2, seconds=10, clock=lambda: now)
    assert [await made.call({"n": 1, "m": 2}), await made.call({"m": 2, "n": 1})] == ["1 1"] * 2
    assert await made.call({"n": 2}) == "2 2"
    assert await made.call({"n": 1, "m": 2}) == "1 1"  # used again, so that n=2 goes first
    assert await made.call({"n": 3}) == "3 3"
    assert await made.call({"n": 1, "m": 2}) == "1 1"
    assert await made.call({"n": 2}) == "2 4"
    now = 10.0
    assert await made.call({"n": 2}) == "2 5"
    with pytest.raises(ToolError):
        await made.call({"n": 13})
    with pytest.raises(ToolError):
        await made.call({"n": 13})
    assert plain.calls == 7
    assert await made.call({"n": object}) != await made.call({"n": object})


async def test_what_one_user_was_told_is_not_told_to_the_next() -> None:
    made = cached(who)
    assert await within(made, "Ann", "run-1") == "Hi Ann"
    assert await within(made, "Bo", "run-1") == "Hi Ann"  # one run has one user
    assert await within(made, "Bo", "run-2") == "Hi Bo"
    shared = cached(who, shared=True)
    assert await within(shared, "Ann", "run-1") == await within(shared, "Bo", "run-2")


async def test_what_came_from_outside_does_so_from_the_cache_too() -> None:
    @tool
    async def program(context: RunContext[None]) -> str:
        """Reads a page inside."""
        context.outside.append("a page")
        return "done"

    made: Any = cached(program)
    for _ in range(2):
        context: RunContext[None] = RunContext(None)
        await made.call_in(context, {})
        assert context.outside == ["a page"]


async def test_calls_keep_their_distance_and_their_order() -> None:
    began: list[tuple[float, int]] = []

    @tool(inline=True)
    def note(n: int) -> None:
        """Notes.

        Args:
            n: Which.
        """
        began.append((time.monotonic(), n))

    rate = Rate(2, 0.1)
    first, second = rate_limited(note, rate), rate_limited(note, rate)
    start = time.monotonic()
    await asyncio.gather(*((first, second)[n % 2].call({"n": n}) for n in range(5)))  # type: ignore[arg-type]
    assert [n for _, n in began] == [0, 1, 2, 3, 4]
    after = [at - start for at, _ in began]
    assert after[1] < 0.09 < after[2] < 0.19 < after[4] < 0.4


async def test_a_model_that_will_not_wait_is_told_when() -> None:
    now = 100.0
    plain = Plain()
    made: Any = rate_limited(plain, Rate(1, 60, clock=lambda: now), wait=False)
    assert await made.call({"n": 1}) == "1 1"
    now = 110.0
    with pytest.raises(ToolError, match=r"plain may be called 1 times in 60 s.*in 50 s"):
        await made.call({"n": 2})
    now = 160.0
    assert await made.call({"n": 2}) == "2 2"
