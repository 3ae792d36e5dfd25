import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_hunts import as_hotpot, real, write_hunts

from forethought.agent.errors import ConfigError, DataError, MissingExtra
from forethought.agent.types import Candidate, Observation
from forethought.envs.multihop import find, library
from forethought.envs.multihop.library import open_library
from forethought.envs.multihop.passages import FOLDER, read_shelf
from forethought.envs.multihop.world import SPLITS, MultiHop, multihop_world
from forethought.envs.options import PLACE
from forethought.envs.registry import World, get_world

pytest.importorskip("bm25s")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    write_hunts(tmp_path)
    yield tmp_path
    library._opened.cache_clear()


def test_data_that_is_missing_or_damaged_is_one_clear_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PLACE, raising=False)
    with pytest.raises(ConfigError, match=f"set {PLACE} to the folder that holds {FOLDER}/"):
        get_world("multihop-qa-v0").make().reset(seed=0)
    monkeypatch.setenv(PLACE, str(folder))
    with pytest.raises(ConfigError, match=f"holds no folder {FOLDER}"):
        get_world("multihop-find-v0").make().reset(seed=0)
    name = "hotpot_dev200_ctx.json"
    whole = (folder / name).read_text()
    for bad, why in (
        ("{}\n", "0.question: Field required"),
        ("nonsense", "is not JSON"),
        ('[{"question": 3}]', "0.question: Input should be a valid string"),
        (whole.replace("supporting_facts", "facts"), "0.supporting_facts: Field required"),
        (json.dumps(as_hotpot(1) | {"supporting_facts": []}), "the question needs no passage"),
    ):
        (folder / name).write_text(bad)
        with pytest.raises(DataError, match=why) as caught:
            read_shelf(folder)
        assert "\n" not in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(DataError, match="cannot read"):
        read_shelf(folder)


def test_a_missing_search_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[search\]'"):
        MultiHop(folder).reset(seed=0)


def test_questions_without_passages_are_left_out(folder: Path) -> None:
    before = len(read_shelf(folder).questions["2wiki_dev200_ctx.json"])
    rows = (folder / "2wiki_dev200_ctx.json").read_text()
    bare = as_hotpot(99)
    del bare["context"]
    (folder / "2wiki_dev200_ctx.json").write_text(f"{rows}{json.dumps(bare)}\n")
    assert len(read_shelf(folder).questions["2wiki_dev200_ctx.json"]) == before


def play(world: World, name: str, instance: int) -> dict[str, Any]:
    rng = random.Random(instance)
    env = world.make()
    assert isinstance(env, MultiHop)
    text, info = env.reset(options={"instance": instance})
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        chosen: Candidate = world.bots[name](seen, rng)
        assert chosen in info["candidates"]
        text, _, over, cut, info = env.step(chosen.action or "")
        assert not info.get("invalid")
        if over or cut:
            return dict(info["outcome"].facts)


def test_a_folder_has_its_own_splits_and_bridging_finds_more(folder: Path) -> None:
    for world in (multihop_world(folder), multihop_world(folder, find.WORLD)):
        assert {name: len(numbers) for name, numbers in world.splits.items()} == {
            "train": 18,
            "validation": 6,
            "test": 16,
            "test-musique": 8,
            "test-hotpotqa": 4,
            "test-2wiki": 4,
        }
        for name in world.bots:
            play(world, name, world.splits["train"][3])
    finding = multihop_world(folder, find.WORLD)
    found = {
        name: sum(play(finding, name, n)["all_found"] for n in finding.splits["test"])
        for name in ("repeat", "heuristic")
    }
    assert found["heuristic"] > found["repeat"]


@real
def test_the_files_hold_what_the_splits_say() -> None:
    shelf = open_library()
    assert shelf.splits == dict(SPLITS)
    assert len(shelf.passages) == 14_980
    texts = [
        {question.text.lower() for question in questions} for questions in shelf.questions.values()
    ]
    assert len(set().union(*texts)) == sum(map(len, texts))
    for questions in shelf.questions.values():
        for question in questions:
            assert 2 <= len(question.gold) <= 4


@real
def test_bare_questions_find_what_was_measured() -> None:
    shelf = open_library()
    asked = [shelf.question(number) for number in SPLITS["test-musique"]]
    share = sum(q.gold <= set(shelf.index.find(q.text)[:10]) for q in asked) / len(asked)
    assert 0.16 < share < 0.25
    numbers = random.Random(0).sample(SPLITS["validation"], 25)
    means = {
        name: sum(play(find.WORLD, name, n)["recall"] for n in numbers) / len(numbers)
        for name in ("unguided", "repeat", "heuristic")
    }
    assert means["unguided"] < means["heuristic"] > means["repeat"]
