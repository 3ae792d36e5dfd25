import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support_signpost import signpost_traces

from forethought.agent.errors import HeadError
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import load_critic
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head
from forethought.valuefn.lineage import Origin

KEPT = Path(__file__).parent / "heads" / "format1"
"""Saved by the version before heads had ids."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Head.from_pretrained(KEPT).save_pretrained(tmp_path / "head")


def test_heads_of_the_first_format_load_and_are_saved_in_the_second(folder: Path) -> None:
    old = Head.from_pretrained(KEPT)
    assert json.loads((KEPT / "config.json").read_text())["format"] == 1
    assert old.origin == Origin()
    new = Head.from_pretrained(folder)
    assert (new.id, json.loads((folder / "config.json").read_text())["format"]) == (old.id, 2)
    assert new.origin.created.endswith("+00:00")
    candidates = [load_critic(place).estimate for place in (KEPT, folder)]
    from forethought.agent.types import Candidate, Goal

    asked = ("The sign is red.", [Candidate("I go.", "Left.")], [Goal(old.goals[0])])
    assert candidates[0](*asked) == candidates[1](*asked)


def test_an_id_is_made_of_contents_and_an_origin_stays() -> None:
    config = head_config(hidden=4, members=1, batch=64, steps=10)
    one, again = (fit_head(signpost_traces(40), config) for _ in range(2))
    other = fit_head(signpost_traces(40, seed=1), config)
    assert one.id == again.id != other.id
    assert len(one.id) == 16
    assert one.origin.data == again.origin.data != other.origin.data
    weights = {**one.weights, "phi.biases.0": one.weights["phi.biases.0"] + np.float32(1e-6)}
    assert replace(one, weights=weights).id != one.id
    child = fit_head(signpost_traces(40, seed=1), config, start=one)
    assert (one.origin.parent, child.origin.parent) == ("", one.id)
    assert child.id != one.id


def test_a_head_keeps_its_birthday_and_its_parent(tmp_path: Path) -> None:
    origin = Origin("2026-01-02T03:04:05+00:00", "0.1.0", "0123456789abcdef", "feed")
    head = replace(Head.from_pretrained(KEPT), origin=origin)
    loaded = Head.from_pretrained(head.save_pretrained(tmp_path / "a"))
    assert loaded.origin == origin
    card = (loaded.save_pretrained(tmp_path / "b") / "README.md").read_text()
    assert "continued from head `0123456789abcdef`" in card


def test_files_that_are_no_part_of_a_head_are_never_opened(folder: Path) -> None:
    (folder / "head.py").write_text("raise SystemExit(3)")
    (folder / "__init__.py").write_text("raise SystemExit(3)")
    (folder / "weights.pkl").write_bytes(b"\x80\x04cos\nabort\n.")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nabort\n.")
    opened: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(args[0], str | Path) and watching:
            opened.append(Path(args[0]).name)

    watching = True
    sys.addaudithook(hook)
    Head.from_pretrained(folder)
    watching = False
    allowed = {"config.json", "head.safetensors", "calibration.json", "evidence.jsonl"}
    assert {name for name in opened if (folder / name).exists()} <= allowed | {
        "metrics.json",
        "origin.json",
    }
    assert "config.json" in opened


def edit_config(change: Callable[[Any], Any]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        value = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(change(value)))

    return edit


def edit_arrays(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        arrays = load_file(folder / "head.safetensors")
        change(arrays)
        save_file(arrays, folder / "head.safetensors")

    return edit


def raw(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def tensors(header: dict[str, Any], data: bytes = b"") -> Callable[[Path], object]:
    text = json.dumps(header).encode()
    return raw("head.safetensors", len(text).to_bytes(8, "little") + text + data)


BF16 = {"critic.x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
HUGE = {"critic.x": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 4]}}
STEP = "phi.weights.0"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (edit_config(lambda c: {**c, "goals": "a sentence"}), "goals"),
        (edit_config(lambda c: {**c, "encoder": None}), "encoder"),
        (edit_config(lambda c: {**c, "support": {**c["support"], "foreign": {}}}), "no limit for"),
        (edit_config(lambda c: {**c, "goals": [*c["goals"], "More."]}), "changed on disk"),
        (edit_config(lambda c: {**c, "training": {"hiden": 3}}), "training.hiden"),
        (edit_config(lambda c: [c]), "head format None"),
        (edit_config(lambda c: {**c, "format": "2"}), "head format 2"),
        (raw("config.json", b"[" * 200_000), "nested too deep"),
        (raw("config.json", b"\xff\xfe{"), "damaged"),
        (raw("calibration.json", b'{"method": "magic"}'), "method"),
        (raw("evidence.jsonl", b"[" * 200_000), "nested too deep"),
        (raw("evidence.jsonl", b""), "evidence and reference points differ"),
        (raw("metrics.json", b"{"), "damaged"),
        (raw("origin.json", b'{"created": 3}'), "created"),
        (raw("head.safetensors", b""), "damaged"),
        (raw("head.safetensors", b"\xff" * 64), "damaged"),
        (tensors(BF16, b"\0" * 4), "damaged"),
        (tensors(HUGE, b"\0" * 4), "damaged"),
        (tensors({}), "block.state.columns is missing"),
        (edit_arrays(lambda a: a.pop("support.goals")), "support.goals is missing"),
        (
            edit_arrays(lambda a: a.update({f"critic.{STEP}": a[f"critic.{STEP}"] * np.nan})),
            "not finite",
        ),
        (
            edit_arrays(lambda a: a.update({f"critic.{STEP}": a[f"critic.{STEP}"].astype("f8")})),
            "holds float64",
        ),
        (
            edit_arrays(
                lambda a: a.update({"block.goal.columns": a["block.goal.columns"] + 10**6})
            ),
            "lies outside the encoder",
        ),
        (
            edit_arrays(lambda a: a.update({"block.goal.seen": a["block.goal.seen"][:-1].copy()})),
            "differ in length",
        ),
        (
            edit_arrays(lambda a: a.update({"block.goal.scale": a["block.goal.scale"] * 0})),
            "not above 0",
        ),
        (
            edit_arrays(lambda a: a.update({f"critic.{STEP}": a[f"critic.{STEP}"] + 1})),
            "changed on disk",
        ),
    ],
)
def test_a_spoilt_file_is_a_clear_error(
    folder: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(folder)
    with pytest.raises(HeadError) as told:
        Head.from_pretrained(folder)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_later_format_says_what_to_do(folder: Path) -> None:
    edit_config(lambda c: {**c, "format": 3})(folder)
    with pytest.raises(HeadError, match=r"format 3; this version reads 1 and 2; a later version"):
        Head.from_pretrained(folder)


def test_a_bomb_is_not_unpacked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forethought.valuefn.stored.LARGEST_JSON", 2**20)
    for name in ("config.json", "calibration.json", "evidence.jsonl"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(b" " * (2**20 + 1))
        with pytest.raises(HeadError, match=f"{name} is larger than 1 MiB"):
            Head.from_pretrained(folder)
        (folder / name).write_bytes(whole)


def test_a_head_that_was_being_written_is_not_taken_for_one(folder: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(folder, part)
    (part / "evidence.jsonl").unlink()
    (part / "calibration.json").unlink()
    with pytest.raises(HeadError, match=r"not a whole head: calibration.json, evidence.jsonl miss"):
        Head.from_pretrained(part)


def test_a_head_of_another_encoder_under_the_same_name_is_refused(folder: Path) -> None:
    head = replace(Head.from_pretrained(folder), fingerprint="hashed-of-old")
    head.save_pretrained(folder)
    with pytest.raises(HeadError, match=r"trained with encoder 'hashed' \(hashed-of-old\)"):
        load_critic(folder)
