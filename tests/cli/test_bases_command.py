from pathlib import Path
from typing import Any

Run = Any


def test_bases_are_listed(run: Run) -> None:
    assert "lookup-names: a table behind a tool" in run("train", "base").out
    assert "modes" in run("train", "base", "--json").json["bases"]
    said = run("train", "base", "mode")
    assert said.code == 2
    assert "did you mean 'modes'" in said.err


def test_a_base_is_trained_and_measured(run: Run, tmp_path: Path) -> None:
    call = ("train", "base", "lookup-gate", "--size", "0.02M", "--steps", 2, "--out", tmp_path)
    found = run(*call, "--json").json
    assert list(found) == ["name", "folder", "seconds", "measured"]
    names = [each["name"] for each in found["measured"]]
    assert "shown 0: p(the right call)" in names
    assert Path(found["folder"]).parent == tmp_path
    shown = run(*call)
    assert "copied when the call is forced" in shown.out
    assert found["folder"] in shown.out.replace("\n", "")
