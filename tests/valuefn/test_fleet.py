import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, DataError, RunError
from forethought.valuefn.reproduce.fleet import FILE, read_runs, run_all


def double(key: str, number: int, log: Path) -> dict[str, Any]:
    with log.open("a") as lines:
        lines.write(f"{key} {os.getpid()}\n")
    return {"key": key, "value": 2 * number, "pair": (number, number)}


def die(key: str) -> dict[str, Any]:
    os._exit(3)


def stay(key: str, mark: Path) -> dict[str, Any]:
    mark.write_text(str(os.getpid()))
    time.sleep(60)
    return {"key": key}


def _work(log: Path, count: int = 4) -> dict[str, Any]:
    return {f"r{at}": (double, (f"r{at}", at, log)) for at in range(count)}


def test_runs_are_made_once_and_told_in_order(tmp_path: Path) -> None:
    log, told = tmp_path / "log", []
    first = run_all(tmp_path, _work(log, 2), progress=lambda *at: told.append(at))
    assert told == [("runs", 0, 2), ("runs", 1, 2), ("runs", 2, 2)]
    both = run_all(tmp_path, _work(log))
    assert [each["value"] for each in both] == [0, 2, 4, 6]
    assert both[:2] == first
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["r0", "r1", "r2", "r3"]
    assert run_all(tmp_path, _work(log)) == both  # fresh records are those that are read again


def test_a_line_that_was_cut_is_made_again(tmp_path: Path) -> None:
    whole = run_all(tmp_path, _work(tmp_path / "log"))
    file = tmp_path / FILE
    for cut in (1, 5, 30):
        file.write_bytes(file.read_bytes()[:-cut])
        assert run_all(tmp_path, _work(tmp_path / "log")) == whole
    assert len(read_runs(file)) == 4


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    run_all(tmp_path, _work(tmp_path / "log"))
    file = tmp_path / FILE
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(["no\n", *lines]))
    with pytest.raises(DataError, match="line 1"):
        read_runs(file)


def test_processes_give_the_same_in_the_same_order(tmp_path: Path) -> None:
    alone = run_all(tmp_path / "one", _work(tmp_path / "log"))
    spread = run_all(tmp_path / "two", _work(tmp_path / "log"), workers=2)
    assert spread == alone
    pids = {line.split()[1] for line in (tmp_path / "log").read_text().splitlines()[4:]}
    assert str(os.getpid()) not in pids


def test_a_process_that_dies_ends_the_runs(tmp_path: Path) -> None:
    work = {"a": (die, ("a",)), "b": (die, ("b",))}
    with pytest.raises(RunError, match="a process of the runs died"):
        run_all(tmp_path, work, workers=2)


def test_no_process_is_left_when_the_command_is_killed(tmp_path: Path) -> None:
    marks = [tmp_path / "a", tmp_path / "b"]
    script = tmp_path / "go.py"
    script.write_text(
        "import sys, pathlib\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_fleet import stay\n"
        "from forethought.valuefn.reproduce.fleet import run_all\n"
        "if __name__ == '__main__':\n"
        f"    marks = [pathlib.Path(each) for each in {[str(each) for each in marks]!r}]\n"
        "    run_all(marks[0].parent, {m.name: (stay, (m.name, m)) for m in marks}, workers=2)\n"
    )
    with subprocess.Popen([sys.executable, str(script)]) as made:
        assert _within(60, lambda: all(mark.is_file() and mark.read_text() for mark in marks))
        made.send_signal(signal.SIGKILL)
    pids = [int(mark.read_text()) for mark in marks]
    assert _within(20, lambda: not any(_alive(pid) for pid in pids))


def test_no_workers_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--workers"):
        run_all(tmp_path, {}, workers=0)


def _within(seconds: float, holds: Any) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def threads(key: str) -> dict[str, Any]:
    import torch

    return {"key": key, "threads": torch.get_num_threads()}


def test_each_process_has_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    made = run_all(tmp_path, {f"r{at}": (threads, [f"r{at}"]) for at in range(2)}, workers=2)
    assert [each["threads"] for each in made] == [1, 1]
