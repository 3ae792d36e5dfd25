import asyncio
import time
from typing import Any

import pytest

from forethought.agent.budget import Budget, Meter
from forethought.agent.errors import BudgetExhausted, ConfigError, ModelUnavailable
from forethought.agent.types import Message, Request, Usage

ASK = Request((Message("user", "x" * 40),), stage="act")


@pytest.mark.parametrize(
    "limits",
    [
        {"calls": 0},
        {"tokens": -1},
        {"seconds": 0},
        {"dollars": float("nan")},
        {"seconds": float("inf")},
        {"steps": 1.5},
        {"calls": True},
        {"calls": "3"},
    ],
)
def test_a_limit_that_cannot_work_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(limits))):
        Budget(**limits)


async def test_calls_are_refused_before_they_are_made(fake_model: Any) -> None:
    model = fake_model(["a", "b"])
    meter = Meter(model, Budget(calls=1))
    await meter.complete(ASK)
    with pytest.raises(BudgetExhausted, match="all 1 calls"):
        await meter.complete(ASK)
    assert len(model.requests) == 1


async def test_calls_made_at_once_do_not_pass_the_limit_together(fake_model: Any) -> None:
    model = fake_model(lambda _: "a", seconds=0.01)
    meter = Meter(model, Budget(calls=3))
    results = await asyncio.gather(*(meter.complete(ASK) for _ in range(8)), return_exceptions=True)
    assert len(model.requests) == 3
    assert sum(isinstance(r, BudgetExhausted) for r in results) == 5


async def test_tokens_clip_the_reply_and_refuse_what_does_not_fit(fake_model: Any) -> None:
    model = fake_model(lambda _: "a")
    meter = Meter(model, Budget(tokens=45))
    for _ in range(3):
        await meter.complete(ASK)
        if meter.total.tokens > 34:
            break
    assert [request.max_tokens for request in model.requests] == [35, 20, 5]
    with pytest.raises(BudgetExhausted, match="tokens"):
        await meter.complete(ASK)


async def test_tokens_of_calls_under_way_are_held(fake_model: Any) -> None:
    model = fake_model(lambda _: "a", seconds=0.01)
    meter = Meter(model, Budget(tokens=100))
    results = await asyncio.gather(*(meter.complete(ASK) for _ in range(4)), return_exceptions=True)
    assert sum(10 + r.max_tokens for r in model.requests) <= 100
    assert any(isinstance(r, BudgetExhausted) for r in results)


async def test_seconds_cut_off_a_call_in_flight(fake_model: Any) -> None:
    meter = Meter(fake_model(["a"], seconds=5), Budget(seconds=0.05))
    begun = time.monotonic()
    with pytest.raises(BudgetExhausted, match=r"0\.05 seconds"):
        await meter.complete(ASK)
    assert time.monotonic() - begun < 1
    assert meter.by_stage["act"].calls == 1


async def test_a_time_out_of_the_model_is_not_ours(fake_model: Any) -> None:
    meter = Meter(fake_model([TimeoutError("theirs")]), Budget(seconds=60))
    with pytest.raises(TimeoutError, match="theirs"):
        await meter.complete(ASK)


async def test_dollars(fake_model: Any) -> None:
    meter = Meter(fake_model(lambda _: "a"), Budget(dollars=0.015))
    await meter.complete(ASK)
    await meter.complete(ASK)
    with pytest.raises(BudgetExhausted, match="dollars"):
        await meter.complete(ASK)


async def test_failed_calls_count_and_stages_are_kept_apart(fake_model: Any) -> None:
    meter = Meter(fake_model(["a", ModelUnavailable("down")]))
    await meter.complete(ASK)
    with pytest.raises(ModelUnavailable):
        await meter.complete(Request(ASK.messages, stage="goals"))
    assert meter.by_stage["act"].tokens == 15
    assert meter.by_stage["goals"].calls == 1
    assert set(meter.take()) == {"act", "goals"}
    assert meter.take() == {}
    assert meter.total.calls == 2


async def test_meters_nest(fake_model: Any) -> None:
    shared = Meter(fake_model(lambda _: "a"), Budget(calls=2))
    one, other = Meter(shared), Meter(shared)
    await one.complete(ASK)
    await other.complete(ASK)
    with pytest.raises(BudgetExhausted):
        await one.complete(ASK)
    assert one.total.calls >= 1
    assert shared.total == Usage(2, 20, 10, shared.total.seconds, 0.02)
