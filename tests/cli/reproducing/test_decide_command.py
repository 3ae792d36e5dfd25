import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forethought.valuefn.reproduce import decide_plan

Run = Any


def test_the_command_trains_prints_and_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(
        decide_plan.QUICK, changes={"size": "0.02M", "steps": 20}, curve=4, count=4, seeds=1
    )
    monkeypatch.setattr(decide_plan, "QUICK", tiny)
    out = tmp_path / "run"
    call = ("reproduce", "decision-sampling", "--quick", "--out", out)
    found = run(*call, "--json").json
    assert list(found) == ["name", "claims", "gradients", "seconds"]
    assert set(found["claims"]) == {claim.name for claim in decide_plan.CLAIMS}
    assert {"run.json", "runs.jsonl", "report.json", "decide.png"} <= {
        path.name for path in out.iterdir()
    }
    kept = json.loads((out / "report.json").read_text())
    assert {row["arm"] for row in kept["rows"]} == {"base", *decide_plan.ARMS}
    assert "add --resume" in run(*call).err
    shown = run(*call, "--resume")
    assert shown.code == 0
    assert "holds here" in shown.out
    assert "sample / decision" in shown.out
