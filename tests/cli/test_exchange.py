import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.trace import TraceWriter, read_traces, write_traces
from forethought.agent.types import Episode, Outcome, Trace

Run = Any
FOREIGN = {
    "schema_version": "ATIF-v1.8",
    "session_id": "r1",
    "agent": {"name": "other", "version": "1"},
    "steps": [
        {"step_id": 1, "source": "user", "message": "Hi."},
        {"step_id": 2, "source": "agent", "message": "Hello."},
    ],
}


def test_traces_go_out_and_come_back_as_they_were(run: Run, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    run("play", "bargaining-v0", "--arm", "heuristic", "--episodes", 4, "--out", logs)
    with TraceWriter(logs / "traces.jsonl") as writer:
        writer.begin(Episode("begun", "signpost-v0"))
    said = run("export", logs, "--to", "atif", "--out", tmp_path / "a" / "logs.jsonl", "--json")
    assert said.json == {"file": f"{tmp_path}/a/logs.jsonl", "format": "atif", "episodes": 5}
    back = run("import", tmp_path / "a" / "logs.jsonl", "--from", "atif", "--out", tmp_path / "b")
    assert back.code == 0, back.err
    assert "1 episode without a reward" in back.err
    before, after = read_traces(logs), read_traces(tmp_path / "b")
    assert (after.traces, after.open) == (before.traces, before.open)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["logs.jsonl"]


def test_one_episode_is_one_document(run: Run, tmp_path: Path) -> None:
    write_traces(tmp_path / "t.jsonl", [Trace(Episode(n, "w"), (), Outcome(0, True)) for n in "ab"])
    out = tmp_path / "b.json"
    said = run("export", tmp_path / "t.jsonl", "--episode", "b", "--out", out)
    assert said.code == 0, said.err
    assert json.loads(out.read_text())["trajectory_id"] == "b"
    assert run("import", out, "--out", tmp_path / "back").code == 0
    assert [t.episode.id for t in read_traces(tmp_path / "back").traces] == ["b"]


def test_another_agents_file_comes_in(run: Run, tmp_path: Path) -> None:
    rewarded = FOREIGN | {"session_id": "r2", "extra": {"reward": 1}}
    (tmp_path / "f.jsonl").write_text(f"{json.dumps(FOREIGN)}\n\n{json.dumps(rewarded)}\n")
    said = run("import", tmp_path / "f.jsonl", "--out", tmp_path / "in", "--json")
    assert said.json == {
        "traces": f"{tmp_path}/in/traces.jsonl",
        "episodes": 2,
        "unfinished": 1,
    }
    found = read_traces(tmp_path / "in")
    assert [t.episode.id for t in (*found.open, *found.traces)] == ["r1", "r2"]
    assert found.traces[0].steps[0].decision.action == "Hello."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("export nowhere --out x.json", "cannot read nowhere"),
        ("export two.jsonl --out x.json", "holds 2 episodes"),
        ("export two.jsonl --to atiff --out x.jsonl", "did you mean 'atif'"),
        ("export two.jsonl --episode c --out x.json", "holds no episode 'c'"),
        ("export two.jsonl --out two.jsonl", "two.jsonl exists"),
        ("export two.jsonl", "Missing option '--out'"),
        ("import nowhere --out d", "cannot read nowhere"),
        ("import nowhere --from atif --out d", "cannot read nowhere"),
        ("import bad.json --out d", "no row could be read: not JSON (bad.json, line 1)"),
        ("import two.jsonl --from atif --out d", "line 1: not an ATIF trajectory"),
        ("import bad.json --from atif --out d", "bad.json: not JSON"),
        ("import list.json --from atif --out d", "not a JSON object"),
        ("import half.jsonl --from atif --out d", "half.jsonl, line 2: not JSON"),
        ("import binary --from atif --out d", "no UTF-8"),
        ("import one.json --from csv --out d", "unknown format 'csv'"),
        ("import one.json --from atif --out one.json", "is a file"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_traces("two.jsonl", [Trace(Episode(n, "w"), (), Outcome(0, True)) for n in "ab"])
    Path("bad.json").write_text("{")
    Path("list.json").write_text("[1]")
    Path("one.json").write_text(json.dumps(FOREIGN))
    Path("half.jsonl").write_text(f"{json.dumps(FOREIGN)}\n{{\n")
    Path("binary").write_bytes(b"\xff\xfe\x00")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    said = run(*line.split())
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
