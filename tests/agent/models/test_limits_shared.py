import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fault_server import Answer, Body, chat, refusal, serve
from slow_calls import ASK, Slow

from forethought.agent.errors import ModelUnavailable
from forethought.agent.models import Limited, Limiter, ScriptedModel, load_model


class Quick(Limiter):
    """A minute of half a second, for tests against servers in real time."""

    period = 0.5
    transit = 0.5


def test_one_limiter_for_two_models_and_several_loops() -> None:
    limiter = Quick(requests_per_minute=2, concurrency=1)
    models = [Limited(ScriptedModel(["a"], cycle=True), limiter) for _ in range(2)]
    begun = time.monotonic()

    async def both() -> None:
        await asyncio.gather(*(model.complete(ASK) for model in models))

    for _ in range(3):
        asyncio.run(both())
    assert 2 * Quick.period <= time.monotonic() - begun < 4 * Quick.period


def test_a_loop_that_ends_leaves_nobody_in_line() -> None:
    limiter = Limiter(concurrency=1)
    model = Limited(Slow([60.0]), limiter)

    async def leave() -> None:
        tasks = [asyncio.create_task(model.complete(ASK)) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)

    asyncio.run(leave())
    quick = Limited(Slow(), limiter)
    asyncio.run(asyncio.wait_for(quick.complete(ASK), 1))


def test_threads_share_a_limiter() -> None:
    limiter = Quick(requests_per_minute=5, concurrency=2)
    slow = Slow([0.01])
    begun = time.monotonic()

    def work() -> None:
        async def main() -> None:
            await asyncio.gather(*(Limited(slow, limiter).complete(ASK) for _ in range(3)))

        asyncio.run(main())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(slow.calls) == 12
    assert 2 * Quick.period <= time.monotonic() - begun < 5
    starts = sorted(call.start for call in slow.calls)
    assert all(b - a >= Quick.period for a, b in zip(starts, starts[5:], strict=False))


@dataclass
class Strict:
    """Answers 429 when its own limits are passed, whichever way they are counted."""

    requests: int
    concurrency: int
    seconds: float = 0.03

    def __post_init__(self) -> None:
        self.refused = 0
        self.served = 0
        self.now = 0
        self._times: list[float] = []

    def __call__(self, body: Body) -> Answer:
        now = time.monotonic()
        self._times = [when for when in self._times if when > now - Quick.period]
        if len(self._times) >= self.requests:
            self.refused += 1
            return refusal(429, "slow down")
        self._times.append(now)
        self.served += 1
        return chat("hello")


@asynccontextmanager
async def strict_server(count: int, limit: int) -> AsyncIterator[tuple[Strict, str]]:
    strict = Strict(limit, 4)
    async with serve(*[strict] * count) as server:
        yield strict, server.url


async def test_the_server_never_answers_429() -> None:
    async with strict_server(24, 8) as (strict, url):
        model = load_model(f"openai:m@{url}", api_key="k", retries=0)
        limited = Limited(model, Quick(requests_per_minute=8, concurrency=4))
        replies = await asyncio.gather(*(limited.complete(ASK) for _ in range(24)))
    assert [reply.text for reply in replies] == ["hello"] * 24
    assert (strict.served, strict.refused) == (24, 0)


async def test_without_limits_it_does() -> None:
    async with strict_server(24, 8) as (strict, url):
        model = load_model(f"openai:m@{url}", api_key="k", retries=0)
        results = await asyncio.gather(
            *(model.complete(ASK) for _ in range(24)), return_exceptions=True
        )
    assert any(isinstance(result, ModelUnavailable) for result in results)
    assert strict.refused > 0
