import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.budget import Budget, Meter
from forethought.agent.errors import BudgetExhausted, ConfigError, DataError
from forethought.agent.loop import run_episode
from forethought.agent.models import (
    Cached,
    FunctionModel,
    Limited,
    OpenAIModel,
    Priced,
    ScriptedModel,
    load_model,
    load_prices,
)
from forethought.agent.models.prices import PACKAGED, VARIABLE, Prices
from forethought.agent.planners.react import React
from forethought.agent.types import Episode, Message, Reply, Request, Usage

ASK = Request((Message("user", "x" * 40),))


class Paid:
    """A server's model: it counts tokens and knows no price."""

    def __init__(self, name: str = "openai:gpt-4o") -> None:
        self.name = name

    async def complete(self, request: Request) -> Reply:
        return Reply("a", Usage(1, 1000, 100))


def table(*rows: tuple[str, float, float]) -> Prices:
    return Prices.model_validate(
        {"prices": [{"models": [name], "prompt": p, "completion": c} for name, p, c in rows]}
    )


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    for name in (VARIABLE, "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_table_that_comes_along() -> None:
    prices = load_prices()
    for row in prices.prices:
        assert row.date is not None
        assert row.source.startswith("https://")
        assert row.completion >= row.prompt > 0
        assert all(name.startswith(("openai:", "anthropic:")) for name in row.models)
        assert not any("*" in name for name in row.models), "would match an address"
    assert "Prices change" in prices.note


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("openai:gpt-4o", 2.5),
        ("openai:gpt-4o-2024-11-20", 2.5),
        ("openai:gpt-4o@https://api.openai.com/v1", 2.5),
        ("openai:gpt-4o-mini-2024-07-18", 0.15),
        ("openai:gpt-5-2025-08-07", 1.25),
        ("openai:gpt-5-mini-2025-08-07", 0.25),
        ("anthropic:claude-sonnet-4-5-20250929", 3),
        ("openai:gpt-4o-2024-05-13", None),  # costs something else
        ("openai:gpt-4o-realtime-preview", None),
        ("openai:gpt-4o@http://127.0.0.1:8000/v1", None),
        ("gpt-4o", None),
        ("", None),
    ],
)
def test_which_row_holds(name: str, prompt: float | None) -> None:
    price = load_prices().find(name)
    assert (price.prompt if price else None) == prompt


def test_the_longest_pattern_wins_whatever_the_order() -> None:
    rows = [("openai:*", 1.0, 1.0), ("openai:gpt-?", 2.0, 2.0), ("openai:gpt-4", 3.0, 3.0)]
    for order in (rows, rows[::-1]):
        prices = table(*order)
        found = [prices.find(name) for name in ("openai:gpt-4", "openai:gpt-5", "openai:x", "x")]
        assert [price.prompt if price else None for price in found] == [3, 2, 1, None]


async def test_dollars_are_filled_in() -> None:
    model = Priced(Paid(), table(("openai:gpt-4o", 2.5, 10)))
    assert model.name == "openai:gpt-4o"
    assert model.price_known
    reply = await model.complete(ASK)
    assert reply.usage == Usage(1, 1000, 100, dollars=0.0035)
    outer = await Priced(model, table(("openai:gpt-4o", 5, 0))).complete(ASK)
    assert outer.usage.dollars == 0.005


async def test_a_model_without_a_price_is_left_alone() -> None:
    model = Priced(Paid("openai:own"), table(("openai:gpt-4o", 2.5, 10)))
    assert (model.price_known, model.price) == (False, None)
    assert (await model.complete(ASK)).usage.dollars == 0
    double = Priced(ScriptedModel([Reply("a", Usage(1, dollars=2.0))]), table())
    assert double.price_known
    assert (await double.complete(ASK)).usage.dollars == 2.0


async def test_a_budget_of_dollars_needs_a_price(talk: Any) -> None:
    async def play(model: Any) -> Any:
        episode = Episode("e", "talk-v0")
        budget = Budget(dollars=0.005)
        return await run_episode(talk(), React(), episode=episode, model=model, budget=budget)

    with pytest.raises(ConfigError, match="price of openai:own is not known"):
        await play(Paid("openai:own"))
    with pytest.raises(ConfigError, match="price of openai:own is not known"):
        await play(Limited(Priced(Paid("openai:own"), table()), concurrency=1))
    trace = await play(Priced(Paid(), table(("openai:*", 2.5, 10))))
    assert trace.outcome.reason == "budget: all 0.005 dollars are used"
    assert trace.usage.dollars == pytest.approx(0.007)
    assert (await play(Priced(Paid("openai:own"), table(("openai:own", 0, 0))))).usage.dollars == 0
    assert (await play(ScriptedModel(["a"], cycle=True))).outcome.reason == "terminated"


async def test_meters_hand_the_price_on() -> None:
    inner = Meter(Priced(Paid(), table(("openai:*", 2.5, 10))))
    meter = Meter(inner, Budget(dollars=0.003))
    await meter.complete(ASK)
    with pytest.raises(BudgetExhausted, match="dollars"):
        await meter.complete(ASK)
    with pytest.raises(ConfigError):
        Meter(Meter(Paid()), Budget(dollars=1))
    Meter(Paid(), Budget(calls=1))


def test_names_get_their_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("openai:gpt-4o-mini")
    assert isinstance(model, Priced)
    assert isinstance(model.model, OpenAIModel)
    assert isinstance(load_model("openai:own@http://host/v1"), OpenAIModel)
    own = tmp_path / "own.json"
    own.write_text(
        '{"prices": [{"models": ["openai:own@*", "function:*"], "prompt": 1, "completion": 2}]}'
    )
    monkeypatch.setenv(VARIABLE, str(own))
    assert isinstance(load_model("openai:own@http://host/v1"), Priced)
    assert isinstance(load_model("openai:gpt-4o-mini"), OpenAIModel)
    assert isinstance(load_model("function:json:dumps"), FunctionModel)
    assert isinstance(load_model("function:json:dumps", prices=own), Priced)
    assert isinstance(load_model("openai:gpt-4o", prices=load_prices(PACKAGED)), Priced)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ("{}", "prices: Field required"),
        ({"models": ["m"], "prompt": -1, "completion": 1}, r"prices\.0\.prompt: .*greater"),
        ({"models": ["m"], "prompt": "x", "completion": 1}, r"prices\.0\.prompt: .*number"),
        ({"models": [], "prompt": 1, "completion": 1}, r"prices\.0\.models: "),
        ({"models": ["m"], "prompt": 1}, r"prices\.0\.completion: Field required"),
        ({"models": ["m"], "prompt": 1, "completion": 1, "out": 1}, r"prices\.0\.out: Extra"),
        ({"models": ["m", "m"], "prompt": 1, "completion": 1}, "two prices for 'm'"),
        ({"models": ["m"], "prompt": 1, "completion": 1, "date": "May"}, r"prices\.0\.date: "),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: Any, wrong: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text if isinstance(text, str) else json.dumps({"prices": [text]}))
    with pytest.raises(DataError, match=wrong) as caught:
        load_prices(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere/prices.json")
    with pytest.raises(ConfigError, match=r"cannot read the prices in /nowhere/prices\.json"):
        load_model("openai:gpt-4o")
    load_model("function:json:dumps")


async def test_all_around_one_model(tmp_path: Path) -> None:
    model = Cached(Limited(Priced(Paid(), load_prices()), concurrency=1), tmp_path)
    assert (await model.complete(ASK)).usage.dollars == pytest.approx(0.0035)
    assert (await model.complete(ASK)).usage == Usage(cached=1)
    assert model.saved.dollars == pytest.approx(0.0035)
    turned = Priced(Limited(Cached(Paid(), tmp_path), tokens_per_minute=10), load_prices())
    assert (await turned.complete(ASK)).usage == Usage(cached=1)
    assert Meter(turned, Budget(dollars=1)).price_known
