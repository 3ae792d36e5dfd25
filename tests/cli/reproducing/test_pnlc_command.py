import json
from pathlib import Path
from typing import Any

import pytest

from forethought.valuefn.reproduce import pnlc
from forethought.valuefn.reproduce.pnlc import Size

Run = Any
TINY = Size(480, 1, 2, 2, {"members": 1, "hidden": 8, "steps": 2})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnlc, "QUICK", TINY)
    monkeypatch.setattr(pnlc, "OBJECTIVES", ())
    monkeypatch.setattr(pnlc, "GRID_EACH", (2,))


@pytest.mark.usefixtures("tiny")
def test_reproduce_prints_the_paper_beside_ours(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ("reproduce", "pnlc", "--quick", "--out", out)
    found = run(*call, "--json").json
    assert list(found) == ["name", "paper", "ours", "ci95", "holds", "seconds"]
    assert found["paper"]["full > react"]["Avalon win rate"] == 26
    assert found["ours"]["full > asked"] is None
    assert found["holds"].keys() == found["ci95"].keys() == found["ours"].keys()
    assert {"run.json", "report.json", "ablations.png", "seed-0"} == {
        path.name for path in out.iterdir()
    }
    assert json.loads((out / "report.json").read_text())["size"]["test"] == 2
    again = run(*call)
    assert again.code == 2
    assert "add --resume" in again.err
    other = run(*call, "--resume", "--seed", 1)
    assert other.code == 2
    assert "other settings" in other.err
    resumed = run(*call, "--resume")
    assert resumed.code == 0
    assert "holds here" in resumed.out
    assert "not played" in resumed.out
    assert "graded secondary" in " ".join(resumed.out.split())
