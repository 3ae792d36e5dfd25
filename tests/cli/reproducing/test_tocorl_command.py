import json
from pathlib import Path
from typing import Any

from forethought.valuefn.reproduce.fleet import FILE
from forethought.valuefn.reproduce.tocorl_plan import ARMS, CLAIMS, QUICK, jobs_of

Run = Any


def test_a_quick_run_is_printed_kept_and_resumed(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ("reproduce", "tocorl", "--quick", "--out", out)
    found = run(*call, "--json").json
    assert list(found) == ["name", "ours", "ci95", "holds", "seconds"]
    assert set(found["holds"]) >= {claim.name for claim in CLAIMS}
    assert {path.name for path in out.iterdir()} == {"run.json", "report.json", "tocorl.png", FILE}
    lines = (out / FILE).read_bytes().splitlines(keepends=True)
    assert len(lines) == len(jobs_of(QUICK))
    kept = json.loads((out / "report.json").read_text())
    again = run(*call)
    assert again.code == 2
    assert "add --resume" in again.err

    (out / FILE).write_bytes(b"".join(lines[:-1]) + lines[-1][:50])  # killed while it wrote
    shown = run(*call, "--resume")
    assert shown.code == 0
    for arm in ARMS:
        assert arm in shown.out
    assert "held-out" in shown.out
    assert "cannot tell" in shown.out
    after = json.loads((out / "report.json").read_text())
    del kept["seconds"], after["seconds"]
    assert after == kept
