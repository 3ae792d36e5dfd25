import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, DataError, RunError
from forethought.valuefn.reproduce.crew import Job, finished, work_off

WORK = "crew_work:square"
SOURCE = """
import os
import time
from forethought.agent.errors import ConfigError

def square(settings, step):
    if settings.get("fails"):
        raise ConfigError("no square today")
    if settings.get("dies"):
        os._exit(3)
    step(1)
    time.sleep(settings.get("sleeps", 0))
    return {"square": settings["number"] ** 2, "threads": os.environ.get("OMP_NUM_THREADS")}
"""


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "crew_work.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("crew_work", None)
    return tmp_path


def jobs(*numbers: int, **more: object) -> list[Job]:
    return [Job(f"job {n}", {"number": n, **more}, 2) for n in numbers]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_leaves_one_line(tmp_path: Path, workers: int) -> None:
    file, told = tmp_path / "out" / "runs.jsonl", []
    found = work_off(
        jobs(3, 1, 2),
        WORK,
        file,
        workers=workers,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert [each["square"] for each in found.values()] == [9, 1, 4]
    assert finished(file) == found
    assert told[0] == ("updates", 0, 6)
    assert told[-1] == ("updates", 6, 6)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    if workers > 1:
        assert {each["threads"] for each in found.values()} == {"1"}


def test_a_run_goes_on_with_what_lacks(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    whole = work_off(jobs(1, 2, 3), WORK, file)
    lines = file.read_text().splitlines()
    file.write_text(f"{lines[0]}\n{lines[1][:9]}")  # killed while it wrote
    begun: list[int] = []
    assert work_off(jobs(1, 2, 3), WORK, file, progress=lambda *t: begun.append(t[1])) == whole
    assert begun[0] == 2
    assert file.read_text().splitlines() == lines
    assert list(work_off(jobs(3, 1, 4), WORK, file)) == ["job 3", "job 1", "job 4"]
    assert work_off([], WORK, file) == {}


def test_a_damaged_line_is_told(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text('{"key": \n{"key": "job 1"}\n')
    with pytest.raises(DataError, match="line 1"):
        work_off(jobs(1), WORK, file)


@pytest.mark.parametrize(("more", "words"), [("fails", "no square today"), ("dies", "died")])
def test_a_job_that_fails_is_named(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(RunError, match=f"job 1.*{words}"):
        work_off([*jobs(1, **{more: True}), *jobs(2)], WORK, tmp_path / "r.jsonl", workers=2)


def test_no_workers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        work_off(jobs(1), WORK, tmp_path / "r.jsonl", workers=0)


def test_processes_end_with_the_one_that_was_killed(tmp_path: Path, root: Path) -> None:
    script = tmp_path / "begin.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from forethought.valuefn.reproduce.crew import Job, work_off

            if __name__ == "__main__":
                rows = [Job(f"job {n}", {"number": n, "sleeps": n / 2}, 1) for n in range(4)]
                work_off(rows, "crew_work:square", Path(sys.argv[1]), workers=2)
            """
        )
    )
    file = tmp_path / "runs.jsonl"
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    begun = subprocess.Popen(
        [sys.executable, str(script), str(file)], env={**os.environ, "PYTHONPATH": paths}
    )
    children = Path(f"/proc/{begun.pid}/task/{begun.pid}/children")
    _until(lambda: file.is_file() and file.read_text().count("\n") >= 1)
    theirs = [int(each) for each in children.read_text().split()]
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert kept[0]["square"] == 0
    _until(lambda: not any(_alive(each) for each in theirs))
    found: Mapping[str, Any] = work_off(
        [Job(f"job {n}", {"number": n}, 1) for n in range(4)], WORK, file
    )
    assert [each["square"] for each in found.values()] == [0, 1, 4, 9]


def _until(holds: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def _alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
