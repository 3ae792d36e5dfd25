import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.trace import read_traces

Run = Any
MAP = """
[episode]
id = "id"

[[outcomes]]
column = "solved"
equals = true
says = "It is solved."
otherwise = "It stays open."
"""


def chats(count: int = 40) -> str:
    rows = []
    for number in range(count):
        good = number % 2 == 0
        said = "I look it up." if good else "Read the manual."
        messages = [
            {"role": "user", "content": f"Order {number} is late."},
            {"role": "assistant", "content": said},
        ]
        rows.append(
            {"id": f"t{number}", "messages": messages, "solved": good, "rating": number % 3}
        )
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chats.jsonl").write_text(chats())
    Path("map.toml").write_text(MAP)


def test_from_chats_to_a_head(run: Run) -> None:
    Path("more.jsonl").write_text('{"id": "x"}\nnot json\n')
    said = run(
        *("import", "chats.jsonl", "more.jsonl", "--map", "map.toml", "--out", "in"),
        *("--rejects", "bad/rows.jsonl", "--json"),
    )
    assert said.code == 0, said.err
    told = said.json
    assert (told["rows"], told["episodes"], told["refused"]) == (42, 40, 2)
    assert told["outcomes"]["It is solved."] == {"reached": 20, "missed": 20}
    assert told["reasons"]["not JSON"]["first"] == ["more.jsonl, line 2"]
    refused = [json.loads(line) for line in Path("bad/rows.jsonl").read_text().splitlines()]
    assert [row["place"] for row in refused] == ["more.jsonl, line 1", "more.jsonl, line 2"]
    assert refused[0]["row"] == {"id": "x"}
    assert refused[1]["row"] == {"": "not json\n"}
    small = ("--set", "steps=50", "--set", "members=1", "--set", "hidden=8")
    trained = run("train", "value", "in", "--out", "head", *small, "--json")
    assert trained.json["data"]["episodes"] == 40
    assert trained.json["data"]["outcomes"]["It is solved."] == [20, 40]


def test_refused_rows_are_mended_and_imported_as_they_lie(run: Run) -> None:
    Path("more.jsonl").write_text(chats(3).replace('"solved": false', '"solved": null'))
    told = ("import", "more.jsonl", "--map", "map.toml", "--out", "in", "--rejects", "bad.jsonl")
    assert run(*told).code == 0
    Path("bad.jsonl").write_text(Path("bad.jsonl").read_text().replace("null", "true"))
    said = run("import", "bad.jsonl", "--map", "map.toml", "--out", "again", "--json").json
    assert (said["rows"], said["episodes"], said["refused"]) == (1, 1, 0)
    assert [trace.episode.id for trace in read_traces("again").traces] == ["t1"]


def test_a_dry_run_shows_what_a_head_would_see_and_writes_nothing(run: Run) -> None:
    before = sorted(Path.cwd().rglob("*"))
    said = run("import", "chats.jsonl", "--map", "map.toml", "--dry-run", "--json")
    assert len(said.json["examples"]) == 3
    assert said.json["examples"][1] == {
        "episode": "t1",
        "step": 0,
        "state": "user: Order 1 is late.",
        "prefix": "",
        "thought": "Read the manual.",
        "reached": ["It stays open."],
        "missed": ["It is solved."],
    }
    shown = run("import", "chats.jsonl", "--map", "map.toml", "--dry-run").out
    assert "user: Order 2 is late." in shown
    assert "40 rows: 40 episodes" in shown
    assert sorted(Path.cwd().rglob("*")) == before


def test_a_guess_is_shown_and_never_used(run: Run) -> None:
    said = run("import", "chats.jsonl", "--out", "in")
    assert (said.code, Path("in").exists()) == (2, False)
    assert "nothing was imported" in said.err
    guess = tomllib.loads(said.out)
    assert guess["episode"] == {"id": "id"}
    assert [rule["column"] for rule in guess["outcomes"]] == ["solved", "rating"]
    Path("guess.toml").write_text(said.out)
    assert run("import", "chats.jsonl", "--map", "guess.toml", "--out", "in").code == 0
    assert len(read_traces("in").traces) == 40
    looked = run("import", "chats.jsonl", "--dry-run", "--json")
    assert looked.json["map"] == said.out.removesuffix("\n")


def test_one_sided_outcomes_are_a_warning(run: Run) -> None:
    Path("wrong.toml").write_text(MAP.replace("equals = true", 'equals = "yes"'))
    said = run("import", "chats.jsonl", "--map", "wrong.toml", "--out", "in")
    assert said.code == 0
    assert "'It is solved.' came out the same way in every episode" in said.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import chats.jsonl --map map.toml", "name a folder to write into"),
        ("import chats.jsonl --map none.toml --out d", "cannot read none.toml"),
        ("import bad.jsonl --map map.toml --out d --strict", "bad.jsonl, line 2: not JSON"),
        ("import none.jsonl --map map.toml --out d", "cannot read none.jsonl"),
        ("import empty.jsonl --map map.toml --out d", "no episode could be taken from empty"),
        ("import empty.jsonl --out d", "there is no row"),
        (
            "import chats.jsonl --map typo.toml --out d",
            "column 'solvd' holds nothing, did you mean 'solved'?",
        ),
        ("import plain.csv --out d", "no column holds a list of messages (columns: a, b)"),
        ("import mute.jsonl --out d", "no column looks like an outcome"),
        ("import chats.jsonl --from atif --map map.toml --out d", "ATIF says itself"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_traces(run: Run, line: str, words: str) -> None:
    Path("bad.jsonl").write_text(chats(1) + "{\n")
    Path("empty.jsonl").write_text("\n")
    Path("plain.csv").write_text("a,b\n1,2\n")
    Path("typo.toml").write_text(MAP.replace('"solved"', '"solvd"'))
    Path("mute.jsonl").write_text('{"messages": [{"role": "user", "content": "x"}]}\n')
    said = run(*line.split())
    assert (said.code, said.out) == (2, "") or "empty.jsonl --map" in line or "typo" in line
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not [path for path in Path.cwd().rglob("*") if "traces.jsonl" in path.name]
    assert not Path("d").exists()


def test_traces_that_are_there_are_not_written_over(run: Run) -> None:
    assert run("import", "chats.jsonl", "--map", "map.toml", "--out", "in").code == 0
    before = Path("in/traces.jsonl").read_bytes()
    said = run("import", "chats.jsonl", "--map", "map.toml", "--out", "in")
    assert (said.code, "traces.jsonl exists" in said.err) == (2, True)
    assert Path("in/traces.jsonl").read_bytes() == before
