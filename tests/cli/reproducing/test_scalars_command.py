import json
from pathlib import Path
from typing import Any

import pytest

Run = Any


def test_the_simulation_prints_the_paper_beside_ours(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ("reproduce", "decision-sampling-toy", "--quick", "--out", out)
    found = run(*call, "--json").json
    assert list(found) == ["name", "paper", "ours", "ci95", "holds", "seconds"]
    assert found["paper"]["KL: sample / decision"] == pytest.approx(0.207 / 0.017)
    assert {path.name for path in out.iterdir()} == {"run.json", "report.json", "scalars.png"}
    kept = json.loads((out / "report.json").read_text())
    assert {each["name"] for each in kept["controls"]} >= {"as fitted", "no penalty"}
    again = run(*call)
    assert again.code == 2
    assert "add --resume" in again.err
    shown = run(*call, "--resume")
    assert shown.code == 0
    assert "within 25 %" in shown.out
    assert "choices tried" in shown.out
