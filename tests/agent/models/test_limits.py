import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from fake_time import run_in_fake_time
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_calls import ASK, Slow

from forethought.agent.budget import Budget, Meter
from forethought.agent.errors import BudgetExhausted, ConfigError, ModelUnavailable
from forethought.agent.models import FunctionModel, Limited, Limiter, ScriptedModel, load_model
from forethought.agent.types import Reply, Request, Usage

PERIOD = Limiter.period


def fake_limiter(**limits: Any) -> Limiter:
    """A limiter on the running loop's fake time."""
    return Limiter(clock=asyncio.get_running_loop().time, **limits)


async def ask_all(model: Limited, count: int, arrivals: Sequence[float] = (0.0,)) -> None:
    async def one(number: int) -> None:
        await asyncio.sleep(arrivals[number % len(arrivals)])
        await model.complete(Request(ASK.messages, max_tokens=10, seed=number))

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))


def most_in_a_minute(events: Sequence[tuple[float, int]]) -> int:
    return max(sum(n for when, n in events if begin <= when < begin + 60.0) for begin, _ in events)


SECONDS = st.lists(st.floats(0, 90), min_size=1, max_size=5)


@settings(deadline=None)
@given(
    limit=st.integers(1, 6),
    concurrency=st.none() | st.integers(1, 4),
    count=st.integers(1, 20),
    seconds=SECONDS,
    arrivals=SECONDS,
)
def test_no_minute_holds_more_requests_than_the_limit(
    limit: int, concurrency: int | None, count: int, seconds: list[float], arrivals: list[float]
) -> None:
    slow = Slow(seconds)

    async def main() -> None:
        limiter = fake_limiter(requests_per_minute=limit, concurrency=concurrency)
        await ask_all(Limited(slow, limiter), count, arrivals)

    run_in_fake_time(main())
    assert len(slow.calls) == count
    assert most_in_a_minute([(call.start, 1) for call in slow.calls]) <= limit
    assert slow.most <= (concurrency or count)


@settings(deadline=None)
@given(
    limit=st.integers(40, 120),
    count=st.integers(1, 15),
    seconds=SECONDS,
    tokens=st.lists(st.integers(1, 20), min_size=1, max_size=4),
)
def test_no_minute_holds_more_tokens_than_the_limit(
    limit: int, count: int, seconds: list[float], tokens: list[int]
) -> None:
    slow = Slow(seconds, tokens)

    async def main() -> None:
        await ask_all(Limited(slow, fake_limiter(tokens_per_minute=limit)), count)

    run_in_fake_time(main())
    assert len(slow.calls) == count
    # whether a server counts tokens when a request comes or when its reply has been written
    assert most_in_a_minute([(call.start, call.tokens) for call in slow.calls]) <= limit
    assert most_in_a_minute([(call.end, call.tokens) for call in slow.calls]) <= limit


def test_first_come_first_served_and_no_slower_than_allowed() -> None:
    slow = Slow([3.0])

    async def main() -> None:
        await ask_all(Limited(slow, fake_limiter(requests_per_minute=10)), 35)
        assert asyncio.get_running_loop().time() == pytest.approx(3 * (PERIOD + 3) + 3, abs=0.1)

    run_in_fake_time(main())
    assert [call.number for call in slow.calls] == list(range(35))


def test_a_long_reply_holds_its_request_no_longer_than_need_be() -> None:
    async def main() -> None:
        slow = Slow([30.0])
        await ask_all(Limited(slow, fake_limiter(requests_per_minute=2)), 4)
        starts = [call.start for call in slow.calls]
        assert starts == pytest.approx([0, 0, *[PERIOD + Limiter.transit] * 2], abs=0.01)

    run_in_fake_time(main())


def test_a_request_that_arrives_late_is_counted_from_then() -> None:
    """A server's clock starts when a request arrives, which may be seconds after it was sent."""
    arrived = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        delays = iter([4.0, 0.0, 0.0, 0.0])

        async def answer(request: Request) -> str:
            await asyncio.sleep(next(delays))
            arrived.append(loop.time())
            return "a"

        model = Limited(FunctionModel(answer), fake_limiter(requests_per_minute=1))
        await ask_all(model, 4)

    run_in_fake_time(main())
    assert most_in_a_minute([(when, 1) for when in arrived]) == 1


def test_a_big_request_is_not_overtaken_for_ever() -> None:
    slow = Slow([1.0], [90, 20, 20, 20])

    async def main() -> None:
        model = Limited(slow, fake_limiter(tokens_per_minute=100))
        order = []

        async def one(number: int, max_tokens: int) -> None:
            await model.complete(Request(ASK.messages, max_tokens=max_tokens, seed=number))
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number, size in ((1, 10), (0, 90), (2, 10), (3, 10)):
                group.create_task(one(number, size))
        assert order[:2] == [1, 0]

    run_in_fake_time(main())


def test_a_request_above_the_whole_limit_goes_alone() -> None:
    slow = Slow([5.0], [20, 500])

    async def main() -> None:
        model = Limited(slow, fake_limiter(tokens_per_minute=100))
        big = Request(ASK.messages, max_tokens=4000, seed=1)
        small = Request(ASK.messages, max_tokens=10, seed=0)
        await asyncio.gather(*(model.complete(each) for each in (small, big, small)))

    run_in_fake_time(main())
    first, big, last = slow.calls
    assert big.start >= first.end + PERIOD
    assert last.start >= big.end + PERIOD


def test_true_tokens_replace_the_estimate() -> None:
    slow = Slow([1.0], [11])

    async def main() -> None:
        loop = asyncio.get_running_loop()
        model = Limited(slow, fake_limiter(tokens_per_minute=1020))
        for _ in range(3):  # estimated 1010 each
            await model.complete(Request(ASK.messages, max_tokens=1000))
        assert loop.time() > 60  # 11 are spent, and 1010 no longer fit
        assert slow.calls[0].end == pytest.approx(1)

    run_in_fake_time(main())

    async def roomy() -> None:
        model = Limited(slow, fake_limiter(tokens_per_minute=1100))
        for _ in range(3):
            await model.complete(Request(ASK.messages, max_tokens=1000))
        assert asyncio.get_running_loop().time() < 5

    run_in_fake_time(roomy())


def test_tools_and_schemas_are_part_of_the_estimate() -> None:
    async def main() -> None:
        slow = Slow([0.0], [1])
        model = Limited(slow, fake_limiter(tokens_per_minute=100))
        await model.complete(ASK)
        await model.complete(Request(ASK.messages, max_tokens=1, schema={"x": "y" * 400}))
        assert slow.calls[1].start >= PERIOD

    run_in_fake_time(main())


def test_several_answers_to_one_request_are_counted() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        double = FunctionModel(lambda _: Reply("a", Usage(2, 1, 1)))
        model = Limited(double, fake_limiter(requests_per_minute=4))
        times = []
        for _ in range(3):
            await model.complete(ASK)
            times.append(loop.time())
        assert times == pytest.approx([0, 0, PERIOD], abs=0.01)

    run_in_fake_time(main())


def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    async def main() -> None:
        slow = Slow([10.0])
        model = Limited(slow, fake_limiter(concurrency=1, requests_per_minute=3))
        tasks = [asyncio.create_task(model.complete(ASK)) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert tasks[1].cancelled()
        assert [(call.start, call.end) for call in slow.calls] == [(0, 10), (10, 20)]
        await model.complete(ASK)  # the cancelled one used up none of the three
        assert slow.calls[-1].start == 20

    run_in_fake_time(main())


def test_a_call_cancelled_under_way_frees_its_place() -> None:
    async def main() -> None:
        slow = Slow([10.0])
        model = Limited(slow, fake_limiter(concurrency=1, tokens_per_minute=45))
        task = asyncio.create_task(model.complete(ASK))
        waiting = asyncio.create_task(model.complete(ASK))
        await asyncio.sleep(1)
        task.cancel()
        await waiting
        # 10 tokens of the prompt that was sent stay counted, its reply's 10 do not
        assert [call.start for call in slow.calls] == [0, 1]

    run_in_fake_time(main())


def test_failures_give_their_place_back() -> None:
    async def main() -> None:
        model = Limited(ScriptedModel([ModelUnavailable("down"), "a"]), fake_limiter(concurrency=1))
        with pytest.raises(ModelUnavailable):
            await model.complete(ASK)
        assert (await model.complete(ASK)).text == "a"

    run_in_fake_time(main())


def test_the_seconds_of_a_budget_cut_a_wait_off() -> None:
    async def main() -> None:
        model = Limited(Slow(), fake_limiter(requests_per_minute=1))
        meter = Meter(model, Budget(seconds=5))
        await meter.complete(ASK)
        with pytest.raises(BudgetExhausted, match="5 seconds"):
            await meter.complete(ASK)

    run_in_fake_time(main())


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute", "concurrency"])
def test_limits_that_cannot_work(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a whole number above 0, not"):
        Limiter(**{name: value})
    with pytest.raises(ConfigError, match=name):
        load_model("function:json:dumps", **{name: value})


def test_no_limit_or_two() -> None:
    with pytest.raises(ConfigError, match="needs a limit: give one of requests_per_minute"):
        Limited(ScriptedModel())
    with pytest.raises(ConfigError, match="not both"):
        Limited(ScriptedModel(), Limiter(concurrency=1), concurrency=1)
