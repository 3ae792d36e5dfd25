"""The command as a process: how fast it starts, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forethought.agent.trace import read_traces

HELP_LIMIT = 0.3
"""Seconds of processor time until the help is printed."""
TRIES = 5
_MAIN = "from forethought.cli.app import main; main()"
_MODULES = """
import sys
from forethought.cli.app import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"torch", "numpy", "rich", "httpx", "openai", "sklearn", "pydantic"} & set(sys.modules)
assert not heavy, heavy
"""
_WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        hidden = {"torch", "safetensors", "matplotlib", "sklearn", "openai", "ray"}
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
from forethought.cli.app import main
main(sys.argv[1:])
"""


def _call(*arguments: object, code: str = _MAIN, cwd: Path | None = None) -> tuple[int, str, str]:
    child = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
    )
    return child.returncode, child.stdout, child.stderr


def _processor_seconds() -> float:
    before = os.times()
    assert _call("--help")[0] == 0
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def test_help_comes_at_once() -> None:
    assert min(_processor_seconds() for _ in range(TRIES)) <= HELP_LIMIT
    code, _, err = _call(code=_MODULES)
    assert code == 0, err


def test_threads_that_wait_soon_sleep_unless_the_environment_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    world = tmp_path / "told.py"
    world.write_text(
        "import os, sys; sys.stderr.write(os.environ.get('GOMP_SPINCOUNT', 'as they do') + '\\n')"
    )
    told = _call("play", "world:told", cwd=tmp_path)[2]
    assert told.startswith("10000\n")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert _call("play", "world:told", cwd=tmp_path)[2].startswith("7\n")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert _call("play", "world:told", cwd=tmp_path)[2].startswith("as they do\n")


def test_without_a_command_the_help_is_shown() -> None:
    for arguments in ((), ("--help",), ("-h",)):
        code, out, err = _call(*arguments)
        assert (code, err) == (0, "")
        for name in ("demo", "envs", "play", "train", "eval", "improve", "bench"):
            assert name in out


def test_the_version_is_told() -> None:
    code, out, _ = _call("--version")
    assert code == 0
    assert out.startswith("forethought ")


def test_exit_codes_and_streams() -> None:
    code, out, err = _call("play", "nowhere-v0")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    code, out, err = _call("play", "signpost-v0", "--episodes", 2, "--json")
    assert code == 0
    assert json.loads(out)["episodes"] == 2
    assert "\x1b[" not in out + err


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    for arguments in (
        ("train", "value", "casino", "--out", tmp_path / "h"),
        ("play", "signpost-v0", "--arm", "rank"),
        ("eval", "value", "h", "casino"),
        ("bench", "signpost-v0", "--arms", "unguided", "--engine", "ray"),
        ("demo",),
        ("improve", "signpost-v0"),
        ("play", "signpost-v0", "--arm", "react", "--model", "openai:x@http://127.0.0.1:9/v1"),
    ):
        code, out, err = _call(*arguments, code=_WITHOUT, cwd=tmp_path)
        assert (code, out) == (2, ""), arguments
        assert "pip install 'forethought[" in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    code, _, err = _call("play", "signpost-v0", "--episodes", 3, code=_WITHOUT)
    assert code == 0, err


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _MAIN, "envs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.close()
    _, err = child.communicate(timeout=60)
    assert b"Traceback" not in err


def test_ctrl_c_leaves_what_was_played_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["play", "bargaining-v0", "--episodes", "200000", "--out", str(out)]
    child = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    file = out / "traces.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (file.exists() and file.stat().st_size > 100_000):
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    stdout, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert stdout == b""
    assert err.decode().splitlines() == [
        f"stopped; to go on: forethought {' '.join(words)} --resume"
    ]
    count = len(read_traces(out).traces)
    assert count > 5
    code, said, _ = _call(
        *("play", "bargaining-v0", "--episodes", count + 5, "--out", out, "--resume", "--json")
    )
    assert code == 0
    assert json.loads(said)["episodes"] == count + 5


def test_the_demo_in_short(tmp_path: Path) -> None:
    code, out, err = _call("demo", "--quick", "--out", tmp_path / "d")
    assert code == 0, err
    for words in (
        "1 of 3",
        "2 of 3",
        "3 of 3",
        "rank+permuted",
        "next, try",
        "people.png",
        "forethought view",
    ):
        assert words in out
    folder = tmp_path / "d" / "quick-0"
    assert (folder / "people.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "bench" / "bench.html").read_text()
    kept = json.loads((folder / "demo.json").read_text())
    assert list(kept["games"]["arms"]) == ["heuristic", "unguided", "rank+permuted", "rank"]
    assert {"people", "games", "talk", "seconds"} <= set(kept)
