from pathlib import Path

import pytest
import torch

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.models.names import load_model
from forethought.agent.types import Message, Request
from forethought.valuefn.rl.toys import bases
from forethought.valuefn.rl.toys.bases import BASES, FACTS, digest, load, prepare, row_of
from forethought.valuefn.rl.toys.pretraining import BaseRecipe

TINY = {"size": "0.02M", "steps": 3, "batch": 2, "warmup": 1}


def test_a_base_is_made_once_and_then_read(tmp_path: Path) -> None:
    told: list[str] = []
    first = prepare(
        "modes", changes=TINY, place=tmp_path, count=4, progress=lambda *a: told.append(a[0])
    )
    assert told == ["pre-train modes"] * 3
    again = prepare(
        "modes", changes=TINY, place=tmp_path, count=4, progress=lambda *a: told.append(a[0])
    )
    assert len(told) == 3
    assert first.folder == again.folder
    assert first.measured == again.measured
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(first.model(input_ids=ids).logits, again.model(input_ids=ids).logits)
    assert [path.name for path in tmp_path.iterdir()] == [first.folder.name]
    assert not again.model.training


def test_other_seeds_recipes_and_tasks_are_other_bases() -> None:
    recipe = BaseRecipe(size="0.02M")
    names = {digest(row, recipe) for row in BASES.values()}
    names.add(digest(BASES["modes"], BaseRecipe(size="0.02M", seed=1)))
    names.add(digest(BASES["modes"], BaseRecipe(size="0.1M")))
    assert len(names) == len(BASES) + 2
    assert digest(BASES["modes"], recipe) == digest(BASES["modes"], recipe)


def test_a_base_that_was_cut_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bases, "EVERY", 2)

    class Cut(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise Cut

    changes = TINY | {"steps": 5}
    with pytest.raises(Cut):
        prepare("sums", changes=changes, place=tmp_path, count=2, progress=stop)
    (kept,) = tmp_path.iterdir()
    assert kept.name.endswith(".checkpoint")
    steps: list[int] = []
    base = prepare(
        "sums",
        changes=changes,
        place=tmp_path,
        count=2,
        progress=lambda _, done, __: steps.append(done),
    )
    assert steps == [2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == [base.folder.name]


def test_bases_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'modes'"):
        row_of("mode")
    with pytest.raises(ConfigError, match="no such field"):
        prepare("modes", changes={"step": 3}, place=tmp_path)
    with pytest.raises(UnknownName, match="model size"):
        prepare("modes", changes={"size": "7B"}, place=tmp_path)
    with pytest.raises(ConfigError, match="there is no base in"):
        load(tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigError, match="cannot keep a base"):
        prepare("modes", changes=TINY, place=file, count=2)


def test_bases_lie_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    base = prepare("modes", changes=TINY, count=2)
    assert base.folder.parent == tmp_path / "bases"
    assert (base.folder / FACTS).is_file()


async def test_local_serves_a_base(tmp_path: Path) -> None:
    base = prepare("modes", changes=TINY, place=tmp_path, count=2)
    model = load_model(f"local:{base.folder}")
    request = Request((Message("user", "#07"),), prefix="<direct>", max_tokens=3, seed=0)
    reply = await model.complete(request)
    assert reply.text.startswith("<direct>")
