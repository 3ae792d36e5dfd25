from pathlib import Path
from typing import Any

import pytest
from topic_encoder import Topics

pytest.importorskip("bm25s")

Run = Any


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "bike.md").write_text("# Bike manual\n\n## Chain\n\nOil the chain each month.\n")
    (folder / "bad.txt").write_bytes(b"\0\0")
    return folder


def test_a_folder_is_indexed_searched_and_followed(run: Run, manuals: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run("index", manuals, "--out", out)
    expected = f"1 document, 1 passage in {out}"
    assert (said.code, " ".join(said.out.split())) == (0, expected)
    assert said.err == "warning: bad.txt was left out: it is no text\n"
    (manuals / "new.txt").write_text("Oil for lamps.")
    told = run("index", manuals, "--out", out, "--json").json
    assert told == {
        "index": str(out),
        "documents": 2,
        "passages": 2,
        "problems": {"bad.txt": "it is no text"},
        "meaning": False,
    }
    shown = run("find", out, "oil", "chain").out
    assert shown.startswith("[1] Bike manual: Chain (bike.md, character 0)\n    # Bike manual\n")
    assert "[2] new: new.txt, character 0\n    Oil for lamps.\n" in shown
    assert len(run("find", out, "oil", "--count", "1", "--json").json["hits"]) == 1
    only = tmp_path / "only"
    assert run("index", manuals, "--out", only, "--suffix", ".md", "--json").json["documents"] == 1


def test_documents_are_searched_without_an_index_of_ones_own(run: Run, manuals: Path) -> None:
    (hit,) = run("find", manuals, "chains", "--json").json["hits"]
    assert (hit["document"], hit["section"], hit["offset"]) == ("bike.md", "Chain", 0)
    said = run("find", manuals, "zzz")
    expected = f"nothing was found for 'zzz' in {manuals}"
    assert (said.code, " ".join(said.out.split())) == (0, expected)
    assert run("find", manuals, "zzz", "--json").json == {"query": "zzz", "hits": []}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("index nowhere --out o", "there is no folder 'nowhere'"),
        ("index . --out o", "there is nothing to search in '.'"),
        ("index . --out o --suffix .doc", "files in .doc cannot be read"),
        ("index .", "Missing option '--out'"),
        ("find nowhere word", "there is no folder 'nowhere'"),
        ("find . word --count 0", "--count"),
    ],
)
def test_mistakes_are_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*line.split())
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_meaning_is_made_and_used(
    run: Run, manuals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forethought.cli.searching.Sentences", Topics)
    out = tmp_path / "out"
    said = run("index", manuals, "--out", out, "--meaning")
    expected = f"1 document, 1 passage in {out}, by words and by meaning"
    assert (said.code, " ".join(said.out.split())) == (0, expected)
    assert len(list((out / "vectors").glob("topics-*/keys"))) == 1
    assert run("find", out, "bicycle", "--json").json["hits"] == []
    (hit,) = run("find", out, "bicycle", "--meaning", "--json").json["hits"]
    assert hit["document"] == "bike.md"


def test_a_folder_that_holds_something_else_is_not_written_into(run: Run, manuals: Path) -> None:
    said = run("index", manuals, "--out", manuals)
    assert said.code == 2
    assert "holds no index and is not empty" in said.err


def test_ctrl_c_says_how_to_go_on(
    run: Run, manuals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*each: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("forethought.tools.find.Index.update", stop)
    said = run("index", manuals, "--out", tmp_path / "o")
    assert said.code == 130
    assert said.err == f"stopped; to go on: forethought index {manuals} --out {tmp_path / 'o'}\n"
