import json
from pathlib import Path
from typing import Any

Run = Any


def test_curricula_are_trained_kept_and_resumed(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ("reproduce", "icrl", "--quick", "--out", out)
    found = run(*call, "--json").json
    assert list(found) == ["name", "paper", "ours", "ci95", "holds", "seconds"]
    assert "lookup-names: take-off, 3 -> 2 -> 0 over none" in found["holds"]
    files = {"run.json", "runs.jsonl", "report.json", "icrl.png"}
    assert {path.name for path in out.iterdir()} == files
    runs = (out / "runs.jsonl").read_text()
    assert len(runs.splitlines()) == 8
    first = json.loads(runs.splitlines()[0])
    assert [point["update"] for point in first["points"]] == [0, 4, 8]
    assert all(0 < point["right"] < point["call"] < 1 for point in first["points"])
    assert len(first["rollouts"]) == 8
    report = json.loads((out / "report.json").read_text())
    assert [each["copies"] for each in report["bases"]] == [False, False]

    again = run(*call)
    assert again.code == 2
    assert "add --resume" in again.err
    (out / "runs.jsonl").write_text(runs[:-40])  # killed while it wrote the last line
    shown = run(*call, "--resume")
    assert shown.code == 0
    for words in ("too seldom, 0.95 is needed", "0 of 1", "cannot tell", "neither seeds nor"):
        assert words in shown.out.replace("\n", " ")
    done = json.loads((out / "report.json").read_text())
    changing = ("seconds", "worked")
    assert {k: v for k, v in done.items() if k not in changing} == {
        k: v for k, v in report.items() if k not in changing
    }
