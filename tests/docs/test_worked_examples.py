"""The long examples, each once as a user runs it: a program of its own, in an empty folder.

What they say of nonsense is asked in this process, since loading them is most of their time.
"""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from nursery import Nursery

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PNG = b"\x89PNG"
HAND_WRITTEN = ("--players", "heuristic,boulware,unguided", "--games", "2", "--out", "t")
Say = Callable[..., tuple[int, str, str]]
Run = Callable[..., str]


@pytest.fixture
def run(nursery: Nursery) -> Run:
    """Runs a program; gives what it prints, if it ends well and complains of nothing."""

    def go(place: Path, name: str, *typed: str) -> str:
        cache = {"FORETHOUGHT_CACHE": str(place / "cache")}
        child = nursery.run(EXAMPLES / f"{name}.py", *typed, cwd=place, env=cache, strict=True)
        assert child.returncode == 0, child.stderr
        assert "Warning" not in child.stderr
        return child.stdout

    return go


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs an example here; gives its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)

    def go(name: str, *typed: str) -> tuple[int, str, str]:
        code = 0
        try:
            load(name).main(typed)
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return go


def test_everybody_meets_everybody_and_a_stopped_tournament_goes_on(
    tmp_path: Path, say: Say, run: Run
) -> None:
    said = run(tmp_path, "tournament", *HAND_WRITTEN)
    assert "own share [95 %]" in said
    report = json.loads((tmp_path / "t" / "bench.json").read_text())
    assert report["episodes"] == 2 * 3 * 2  # instances, opponents, seats
    assert set(report["by_opponent"]) == set(report["arms"])
    assert report["paired"]["heuristic vs unguided"]["diff"] > 0
    assert (tmp_path / "t" / "tournament.png").read_bytes().startswith(PNG)
    code, _, complaint = say("tournament", *HAND_WRITTEN)
    assert code == 2
    assert "resume it" in complaint
    traces = tmp_path / "t" / "traces.jsonl"
    lines = traces.read_text().splitlines(keepends=True)
    traces.write_text("".join(lines[: len(lines) // 3]))
    code, _, complaint = say("tournament", *HAND_WRITTEN, "--resume")
    assert (code, complaint) == (0, "")
    assert json.loads((tmp_path / "t" / "bench.json").read_text()) == report


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("--players", "rank,heuristic"), "needs its head: add --head DIR"),
        (("--players", "heurstic,linear"), "did you mean 'heuristic'"),
        (("--players", "react,linear"), "needs a model"),
        (("--players", "linear,linear"), "named twice"),
        (("--games", "1"), "--games must be 2 or more"),
        (("--head", "nowhere"), "there is no head"),
    ],
)
def test_what_cannot_be_played_is_told_before_anything_is(
    tmp_path: Path, say: Say, typed: tuple[str, ...], told: str
) -> None:
    code, said, complaint = say("tournament", *typed, "--out", "t")
    assert (code, said) == (2, "")
    assert complaint.startswith("error: ")
    assert told in complaint
    assert not (tmp_path / "t").exists()


def test_a_head_from_dialogues_follows_one_of_them(tmp_path: Path, say: Say, run: Run) -> None:
    small = ("--talks", "40", "--members", "1", "--out", "d")
    said = run(tmp_path, "dialogues", *small)
    assert "64 sides of talks to learn from, 16 held out" in said
    assert "100%" in said
    assert (tmp_path / "d" / "talk.png").read_bytes().startswith(PNG)
    assert (tmp_path / "d" / "head" / "config.json").is_file()
    code, _, complaint = say("dialogues", *small, "--dialogue", "9999")
    assert code == 2
    assert "none of those held out, such as" in complaint


def test_data_that_is_not_there_is_named_in_one_line(say: Say) -> None:
    code, said, complaint = say("dialogues", "persuasion")
    assert (code, said) == (2, "")
    assert complaint.count("\n") == 1
    assert "set FORETHOUGHT_DATA" in complaint
    assert "full_dialog.csv" in complaint
    code, _, complaint = say("dialogues", "--talks", "4")
    assert (code, complaint) == (2, "error: --talks must be 40 or more, not 4\n")


def test_a_small_curriculum_from_start_to_end(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("trl", reason="trl is not installed: extra rl")
    small = ("--updates", "3", "--every", "1", "--count", "4", "--base-steps", "10", "--out", "i")
    said = run(tmp_path, "small_icrl", *small)
    assert "solved, three shown" in said
    found = json.loads((tmp_path / "i" / "figures.json").read_text())
    assert list(found["figures"]) == ["before", "after, 3 -> 0", "after, none"]
    assert [point["update"] for point in found["courses"]["none"]] == [0, 1, 2, 3]
    assert (tmp_path / "i" / "icrl.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("option", ["--updates", "--every", "--count", "--base-steps"])
def test_a_curriculum_of_nothing_is_told_before_anything_is_made(say: Say, option: str) -> None:
    pytest.importorskip("trl", reason="trl is not installed: extra rl")
    code, said, complaint = say("small_icrl", option, "0")
    assert (code, said, complaint) == (2, "", f"error: {option} must be 1 or more, not 0\n")


def test_the_guide_shows_the_recipe_that_the_example_trains_by() -> None:
    recipe = (EXAMPLES / "small_icrl.toml").read_text().partition("\n")[2]  # without its remark
    assert recipe in (EXAMPLES.parent / "recipes.md").read_text()
