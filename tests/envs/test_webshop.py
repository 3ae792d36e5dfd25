import copy
import json
import os
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, DataError, MissingExtra
from forethought.agent.types import Candidate, Observation
from forethought.envs.check import check_environment, shown
from forethought.envs.options import PLACE
from forethought.envs.registry import get_world
from forethought.envs.webshop import shop as shops
from forethought.envs.webshop.products import FOLDER, LABELS, PRODUCTS, read_products
from forethought.envs.webshop.reading import read_instruction
from forethought.envs.webshop.shop import open_shop
from forethought.envs.webshop.text import GOALS, NOTHING
from forethought.envs.webshop.world import SPLITS, WORLD, WebShop, webshop_world

pytest.importorskip("bm25s")
DATA = Path(os.environ.get(PLACE, "nowhere")) / FOLDER
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"{PLACE} names no folder with {FOLDER}")


def product(number: int) -> dict[str, Any]:
    """An invented lamp; every third one has options."""
    kind = ("desk", "floor", "wall")[number % 3]
    sizes: Any = {"Size": [{"value": "Small/Low"}, {"value": "Tall"}], "Color": [{"value": "Red"}]}
    return {
        "asin": f"B{number:03}",
        "name": f"{kind} lamp model {number}",
        "full_description": "Gives a warm light." if number % 2 else "",
        "small_description": [f"made of solid wood {number}", "easy to carry"],
        "pricing": f"${5 + number}.50",
        "customization_options": sizes if number % 3 == 0 else "",
        "category": "garden",
        "query": f"{kind} lamps",
        "product_category": "Home \u203a Lamps",
        "average_rating": 4.5 if number % 2 else "",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    rows = [product(number) for number in range(40)]
    labels = {
        row["asin"]: {
            "attributes": ["solid wood"],
            "instruction": f"Find me solid wood {row['query']} for warm light",
            "instruction_attributes": ["solid wood"],
        }
        for row in rows[:24]
    }
    (tmp_path / PRODUCTS).write_text(json.dumps(rows))
    (tmp_path / LABELS).write_text(json.dumps(labels))
    yield tmp_path
    shops._opened.cache_clear()


def another_target(env: WebShop) -> list[str]:
    """What would be shown if the same instruction had been written for another product."""
    twin = copy.copy(env)
    assert twin._errand is not None
    assert twin._visit is not None
    told = []
    for other in twin._visit.shop.products[::7]:
        twin._errand = replace(twin._errand, target=other)
        told.append(shown(*twin._show(twin._visit)))
    return told


SEARCHES = ["search[lamp]", "search[solid wood desk lamps]", "search[nothing of that kind]"]


def test_the_world_keeps_its_contract_and_its_secrets(folder: Path) -> None:
    check_environment(
        partial(WebShop, folder), episodes=20, actions=SEARCHES, secrets=another_target
    )


def go(env: WebShop, *actions: str) -> tuple[str, float, bool, dict[str, Any]]:
    for action in actions:
        text, reward, over, cut, info = env.step(action)
        assert not info.get("invalid"), text
    return text, reward, over or cut, info


def errand_for(folder: Path, asin: str) -> int:
    shop = open_shop(folder)
    for name, numbers in shop.splits.items():
        for number, errand in zip(numbers, shop.errands[name], strict=True):
            if errand.target.asin == asin:
                return number
    raise LookupError(asin)


def test_an_errand_from_search_to_purchase(folder: Path) -> None:
    env = WebShop(folder)
    text, info = env.reset(options={"instance": errand_for(folder, "B003")})
    assert "size: small | low" in text
    assert info["legal_actions"] == ()
    text, _, _, info = go(env, info["candidates"][0].action)
    assert text.splitlines()[1] == "Page 1 of 4, 40 results."
    assert "click[Next >]" in info["legal_actions"]
    text, _, _, info = go(env, "click[b003]")
    assert "size: [small | low] [tall]" in text
    assert "unset goods, the first opened. Short of 0 of 3 demands, to select 2" in info["state"]
    told = [c.thought for c in info["candidates"]]
    assert told[0] == "I set unset goods as asked, with 1 options to select."
    assert told[-1].startswith("I buy unset goods, the first opened, short of 0 of 3 demands")
    text, _, _, info = go(env, "click[Small | Low]", "click[red]")
    assert "[red] (selected)" in text
    assert "On the page of complete goods" in info["state"]
    assert "to select 0, selected 2" in info["state"]
    text, _, _, info = go(env, "click[Description]")
    assert "Gives a warm light." in text
    text, _, _, info = go(env, "click[< Prev]")
    assert "to select 0, selected 2" in info["state"]
    before = info["state"]
    text, _, _, info = go(env, "click[Features]", "click[< Prev]")
    assert "Has words 8 in 10" in info["state"]
    assert "Has words 5 in 10" in before
    text, reward, over, info = go(env, "click[Buy Now]")
    assert over
    assert reward == 1
    assert info["outcome"].success
    assert info["outcome"].missed == (NOTHING,)
    assert info["outcome"].facts["options"] == 2
    assert info["outcome"].facts["group"] == "B003"


def test_options_are_forgotten_on_leaving_and_kept_options_are_counted(folder: Path) -> None:
    env = WebShop(folder)
    env.reset(options={"instance": errand_for(folder, "B003")})
    go(env, "search[floor desk lamp 3]", "click[B003]", "click[tall]")
    _, _, _, info = go(env, "click[< Prev]")
    assert any("reopen promising goods, short of 0 of 3" in c.thought for c in info["candidates"])
    _, _, _, info = go(env, "click[B003]")
    assert "to select 2, selected 0" in info["state"]


def test_what_is_on_offer_and_what_was_seen_decide_the_words(folder: Path) -> None:
    env = WebShop(folder)
    env.reset(options={"instance": errand_for(folder, "B003")})
    _, _, _, info = go(env, "search[lamp]")
    said = {c.action: c.thought for c in info["candidates"]}
    first, second = [action for action in info["legal_actions"] if "click[B" in action][:2]
    assert said[first].startswith("I open next goods")
    assert said[second].startswith("I open later goods")
    assert "Looks left 6" in info["state"]
    go(env, "click[Back to Search]", "search[floor lamp model 1]", "click[B001]")
    _, _, _, info = go(env, "click[< Prev]")
    assert "The best other one is short of 2 of 3 demands." in info["state"]
    _, _, _, info = go(env, "click[B001]")
    assert any(c.thought.startswith("I leave failing goods, the first") for c in info["candidates"])
    _, _, _, info = go(env, "click[Back to Search]", "search[desk lamp 3]", "click[B003]")
    leave = next(c.thought for c in info["candidates"] if c.action == "click[< Prev]")
    assert "better than any other" in leave
    _, _, _, info = go(env, "click[tall]", "click[red]")
    assert "to select 1, selected 2" in info["state"]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (["buy it"], r"say search\[words\]"),
        (["search[ ]"], "say what to search for"),
        (["click[Buy Now]"], "no button 'Buy Now' here"),
        (["search[lamp]", "search[lamp]"], "begins on the search page"),
        (["search[lamp]", "click[< Prev]"], "no button '< Prev' here"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, actions: list[str], message: str) -> None:
    env = WebShop(folder)
    env.reset(seed=1)
    for action in actions[:-1]:
        env.step(action)
    text, reward, over, cut, info = env.step(actions[-1])
    assert info["invalid"]
    assert reward == 0
    assert not over
    assert not cut
    assert re.search(message, text)


def test_a_search_without_hits_leads_back(folder: Path) -> None:
    env = WebShop(folder)
    env.reset(seed=1)
    text, _, _, info = go(env, "search[qwertyuiop]")
    assert "0 results" in text
    assert info["legal_actions"] == ("click[Back to Search]",)
    assert [c.action for c in info["candidates"]] == ["click[Back to Search]"]


def test_time_runs_out(folder: Path) -> None:
    env = WebShop(folder)
    env.reset(seed=1)
    for _ in range(7):
        go(env, "search[lamp]", "click[Back to Search]")
    _, reward, _, cut, info = env.step("search[lamp]")
    assert cut
    assert reward == 0
    assert info["outcome"].reached == (NOTHING,)
    assert len(info["outcome"].missed) == len(GOALS) - 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instance": 999_999}, "has no instance 999999; it has train 0 to"),
        ({"instance": "x"}, "instance must be a whole number, not 'x'"),
        ({"instance": True}, "instance must be a whole number"),
        ({"seat": 1}, "one seat, 0"),
        ({"opponent": "bob"}, "no opponents"),
        ({"folder": "x"}, "no option folder"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        WebShop(folder).reset(options=options)


def test_data_that_is_missing_or_damaged_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PLACE, raising=False)
    with pytest.raises(ConfigError, match=f"set {PLACE} to the folder that holds {FOLDER}/"):
        get_world("webshop-v0").make().reset(seed=0)
    monkeypatch.setenv(PLACE, str(tmp_path))
    with pytest.raises(ConfigError, match=f"holds no folder {FOLDER}"):
        WebShop().reset(seed=0)
    with pytest.raises(DataError, match="cannot read"):
        read_products(tmp_path)
    (tmp_path / LABELS).write_text("{}")
    for bad, why in (
        ("[{}]", "0.asin: Field required"),
        ("nonsense", "Invalid JSON"),
        ("[]", "no"),
    ):
        (tmp_path / PRODUCTS).write_text(bad)
        with pytest.raises(DataError, match=why):
            read_products(tmp_path)
    (tmp_path / PRODUCTS).write_text(json.dumps([product(1)] * 2))
    with pytest.raises(DataError, match="names a product twice"):
        read_products(tmp_path)
    (tmp_path / PRODUCTS).write_text(json.dumps([product(1)]))
    with pytest.raises(DataError, match="nothing to buy"):
        open_shop(tmp_path)


def test_a_missing_search_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[search\]'"):
        WebShop(folder).reset(seed=0)


def test_a_folder_has_its_own_splits(folder: Path) -> None:
    world = webshop_world(folder)
    shop = open_shop(folder)
    assert sum(map(len, world.splits.values())) == 24 + 8  # eight lamps come in two sizes
    targets = [{e.target.asin for e in errands} for errands in shop.errands.values()]
    assert len(set().union(*targets)) == sum(map(len, targets)) == 24
    world.make().reset(options={"instance": world.splits["test"][0]})


def test_an_instruction_is_taken_apart() -> None:
    reading = read_instruction(
        "Find me easy carry lamps with dimmer for bed room with color: red, and fit type: a, b,"
        " and price lower than 40.00 dollars"
    )
    assert dict(reading.options) == {"color": "red", "fit type": "a, b"}
    assert reading.limit == 40
    assert reading.request == "easy carry lamps with dimmer for bed room"
    assert reading.head == "easy carry lamps"
    assert [query for _, query in reading.searches] == [
        "easy carry lamps with dimmer for bed room color red fit type a, b",
        "easy carry lamps with dimmer for bed room",
        "easy carry lamps red a, b",
        "easy carry lamps",
    ]
    bare = read_instruction("a lamp")
    assert (bare.request, dict(bare.options), bare.limit) == ("a lamp", {}, None)
    assert read_instruction("").searches == ()


def play(env: WebShop, name: str, instance: int) -> float:
    rng = random.Random(instance)
    text, info = env.reset(options={"instance": instance})
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        chosen: Candidate = WORLD.bots[name](seen, rng)
        assert chosen in info["candidates"]
        text, reward, over, cut, info = env.step(chosen.action or "")
        assert not info.get("invalid")
        if over or cut:
            return reward


@real
def test_the_release_has_6910_errands_split_by_product() -> None:
    shop = open_shop()
    assert sum(map(len, shop.splits.values())) == 6910
    assert shop.splits["test"] == SPLITS["test"]
    for name, most in (("train", 12), ("validation", 20)):
        some = [shop.errand(number).target.asin for number in SPLITS[name]]
        assert max(map(some.count, some)) == most
        assert set(some) == {errand.target.asin for errand in shop.errands[name]}
    split_of: dict[str, str] = {}
    for name, errands in shop.errands.items():
        for errand in errands:
            assert split_of.setdefault(errand.target.title.lower(), name) == name
            reading = read_instruction(errand.instruction)
            assert (dict(reading.options), reading.limit) == (dict(errand.options), errand.limit)


@real
def test_scripted_shoppers_do_as_well_as_was_measured() -> None:
    env = WebShop()
    numbers = random.Random(0).sample(SPLITS["train"], 60)
    means = {
        name: sum(play(env, name, number) for number in numbers) / len(numbers)
        for name in WORLD.bots
    }
    assert means["unguided"] < 0.3 < 0.6 < means["heuristic"] < means["first-offering"]
    assert means["careful"] > means["heuristic"]


@real
def test_the_world_keeps_its_contract_on_the_release() -> None:
    check_environment(
        WebShop,
        episodes=4,
        options=[{}, {"instance": SPLITS["test"][5]}],
        actions=["search[red dress]", "search[shoes]"],
        secrets=another_target,
    )
