import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from sandboxes import RUNNERS, sandboxed

from forethought.agent.errors import ToolError
from forethought.agent.protocols import RunContext
from forethought.tools.sandbox import Limits, PythonTool

SECONDS = 0.4
LATE = 0.2
"""Seconds a call may take longer than it may run."""
TRIES = 3
"""A machine that is busy with something else is late itself."""

BOMBS = {
    "forever": "while True: pass",
    "forever-caught": ("while True:\n  try:\n    while True: pass\n  except BaseException: pass"),
    "forever-finally": ("def f():\n  try:\n    while True: pass\n  finally:\n    f()\nf()"),
    "one-slow-number": "x = 7 ** (7 ** 10)",
    "one-slow-pattern": "import re\nre.match('(a|aa)+$', 'a' * 60 + 'b')",
    "one-slow-sum": "sum(range(10 ** 12))",
    "one-slow-sort": "sorted(range(10 ** 9), key=lambda n: -n)",
    "sleep": "import time\ntime.sleep(100)",
    "sleep-in-pieces": "import time\nwhile True: time.sleep(0.01)",
    "memory-at-once": "x = 'a' * 10 ** 11",
    "memory-by-doubling": "x = [0]\nwhile True: x = x + x",
    "memory-in-pieces": "x = []\nwhile True: x.append('a' * 10 ** 6 + str(len(x)))",
    "memory-in-a-table": "x = {}\nwhile True: x[len(x)] = str(len(x)) * 1000",
    "a-billion-laughs": "x = 'ha' * 10\nfor n in range(40): x = f'{x}{x}'",
    "output-in-lines": "while True: print('x' * 1000)",
    "output-in-letters": "while True: print('x', end='')",
    "output-at-once": "print('x' * 10 ** 7)",
    "recursion": "def f(n): return f(n + 1) + 1\nf(0)",
    "recursion-in-the-parser": "x = " + "(" * 5000 + ")" * 5000,
    "recursion-in-eval": "eval('-' * 100000 + '1')",
    "deep-value": "x = []\nfor n in range(10 ** 5): x = [x]\nprint(x)",
    "many-tasks": (
        "import asyncio\nasync def f(): await asyncio.sleep(50)\n"
        "async def g(): await asyncio.gather(*[f() for n in range(2000)])\n"
        "asyncio.run(g())"
    ),
    "fork": "import os\nwhile True: os.fork()",
    "fork-caught": ("import os\nwhile True:\n  try: os.fork()\n  except BaseException: pass"),
    "threads": (
        "import threading, time\nwhile True:\n"
        "  try: threading.Thread(target=time.sleep, args=(100,)).start()\n"
        "  except RuntimeError: pass"
    ),
    "sleeping-children": (
        "import subprocess, time\n"
        "for n in range(4): subprocess.Popen(['sleep', '9753'], start_new_session=True)\n"
        "time.sleep(100)"
    ),
    "children-left-behind": (
        "import os, subprocess\n"
        "subprocess.Popen(['sleep', '9753'], start_new_session=True,\n"
        "                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
        "    os.close(1)\n    os.close(2)\n"
        "    os.execvp('sleep', ['sleep', '9753'])"
    ),
    "signals-ignored": (
        "import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\nwhile True: pass"
    ),
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "one-file": "f = open('big', 'wb')\nwhile True: f.write(b'x' * 10 ** 6)",
    "many-files": (
        "n = 0\nwhile True:\n  n += 1\n"
        "  try: open(f'file{n}', 'wb').write(b'x' * 10 ** 6)\n  except OSError: pass"
    ),
    "no-end-of-folders": "import os\nwhile True:\n  os.mkdir('d')\n  os.chdir('d')",
    "sparse-file": "open('big', 'wb').truncate(10 ** 13)",
    "shared-memory": (
        "n = 0\nwhile True:\n  n += 1\n  open(f'/dev/shm/{n}', 'wb').write(b'x' * 10 ** 6)"
    ),
    "crash": "import ctypes\nctypes.string_at(0)",
    "abort": "import os\nos.abort()",
    "output-closed": "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(100)",
    "input-awaited": "import sys\nsys.stdin.read()\ninput()",
}


@pytest.fixture(scope="module", params=RUNNERS)
def quick(request: pytest.FixtureRequest) -> PythonTool:
    return sandboxed(request.param, Limits(seconds=SECONDS))


def _left_running() -> list[str]:
    """Programs of a sandbox that still run; what has only to be cleared away does not count."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"9753" in words or b"/program.py" in words:
            found.append(b" ".join(words).decode("utf-8", "replace"))
    return found


def _groups() -> list[Path]:
    mine = f"forethought-{os.getpid()}-*"
    return [*Path("/sys/fs/cgroup").glob(mine), *Path("/sys/fs/cgroup").glob(f"**/{mine}")]


async def _nothing_left() -> None:
    """The kernel may take a moment to clear away what was killed."""
    until = time.monotonic() + 3
    while (_left_running() or _groups()) and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert _left_running() == []
    assert _groups() == []


async def _timed(tool: PythonTool, context: RunContext[Any], code: str) -> tuple[str, float]:
    began = time.monotonic()
    try:
        told = await tool.call_in(context, {"code": code})
    except ToolError as error:
        told = str(error)
    return told, time.monotonic() - began


@pytest.mark.parametrize("code", BOMBS.values(), ids=BOMBS.keys())
async def test_a_bomb_ends_in_time_and_nothing_is_left(quick: PythonTool, code: str) -> None:
    context = RunContext(None, "bombs")
    scratch = sorted(Path.cwd().iterdir())
    for left in reversed(range(TRIES)):
        told, took = await _timed(quick, context, code)
        if took <= SECONDS + LATE or not left:
            break
    assert took <= SECONDS + LATE, told[-300:]
    assert len(told) <= quick.runner.limits.output + 200
    await _nothing_left()
    assert sorted(Path.cwd().iterdir()) == scratch
    assert (await _timed(quick, context, "print(6 * 7)"))[0] == "42"


@pytest.mark.parametrize("name", RUNNERS)
async def test_a_cancelled_call_leaves_nothing_running(name: str) -> None:
    tool = sandboxed(name, Limits(seconds=30))
    code = "while True: pass" if name == "monty" else BOMBS["sleeping-children"]
    task = asyncio.create_task(tool.call_in(RunContext(None, "cancelled"), {"code": code}))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < LATE
    await _nothing_left()
    before = _work_done()
    await asyncio.sleep(0.2)
    assert _work_done() - before < 0.1
    await tool.close()


@pytest.mark.parametrize("name", RUNNERS)
async def test_other_work_goes_on_beside_a_bomb(name: str) -> None:
    tool = sandboxed(name, Limits(seconds=SECONDS))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    task = asyncio.create_task(tick())
    with pytest.raises(ToolError, match=r"more than 0\.4 s"):
        await tool.call({"code": "while True: pass"})
    task.cancel()
    assert ticks > 10
    await tool.close()


def _work_done() -> float:
    """Seconds of processor time that children of this process have used and were not cleared."""
    used = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(") ")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            used += int(rest.split()[11])
    return used / os.sysconf("SC_CLK_TCK")
