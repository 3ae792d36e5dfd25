import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sandboxes import sandboxed

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.protocols import RunContext
from forethought.tools import python
from forethought.tools.sandbox import BubblewrapRunner, Limits, PythonTool, cgroups

_SUM = {"code": "print(1 + 2)"}


@pytest.fixture(scope="module")
def box() -> PythonTool:
    return sandboxed("cpython", Limits(seconds=20))


async def _fails(box: PythonTool, code: str) -> str:
    with pytest.raises(ToolError) as caught:
        await box.call({"code": code})
    return str(caught.value)


async def test_it_is_real_python(box: PythonTool) -> None:
    code = "import fractions, statistics\nprint(fractions.Fraction(1, 3), statistics.mean([1, 2]))"
    assert await box.call({"code": code}) == "1/3 1.5"
    assert await box.call({"code": "x = 1"}) == "(nothing was printed)"


@pytest.mark.slow
async def test_its_packages_are_those_of_this_python(box: PythonTool) -> None:
    pytest.importorskip("sympy")
    code = "import numpy, sympy\nprint(numpy.arange(3).sum(), sympy.factor('x**2 - 1'))"
    assert await box.call({"code": code}) == "3 (x - 1)*(x + 1)"
    assert "numpy" in box.description


async def test_mistakes_and_endings_are_told(box: PythonTool) -> None:
    told = await _fails(box, "print('so far')\n1 / 0")
    assert told.startswith("so far\nTraceback")
    assert told.endswith("ZeroDivisionError: division by zero")
    assert await _fails(box, "import sys\nsys.exit(3)") == "it ended with status 3"
    assert await _fails(box, "import os\nos.abort()") == "stopped by signal 6"
    assert "MemoryError" in await _fails(box, "x = 'a' * 10 ** 11")


async def test_files_are_for_one_call(box: PythonTool) -> None:
    code = "open('a.txt', 'w').write('hi')\nprint(open('a.txt').read(), __file__)"
    assert await box.call({"code": code}) == "hi /program.py"
    assert "FileNotFoundError" in await _fails(box, "open('a.txt')")


async def test_processes_may_talk_among_themselves(box: PythonTool) -> None:
    code = (
        "import multiprocessing as m\nif __name__ == '__main__':\n"
        "  with m.Pool(2) as pool: print(pool.map(abs, [-1, 2]))"
    )
    assert await box.call({"code": code}) == "[1, 2]"


async def test_odd_text_arrives(box: PythonTool) -> None:
    assert await box.call({"code": "print('ä ☃')"}) == "ä ☃"
    code = "import sys\nsys.stdout.buffer.write(b'\\xff\\n')"
    assert await box.call({"code": code}) == "\N{REPLACEMENT CHARACTER}"
    assert await box.call({"code": f"print(len({'x' * 150_000!r}))"}) == "150000"


async def test_a_filter_and_no_new_privileges_are_in_force(box: PythonTool) -> None:
    told = await box.call({"code": "print(open('/proc/self/status').read())"})
    assert "NoNewPrivs:\t1" in told
    assert "Seccomp:\t2" in told


async def test_memory_is_counted_together_where_groups_can_be_made() -> None:
    group = cgroups.open_group(1 << 20, 10)
    if group is None:
        pytest.skip("no control groups here")
    group.close()
    assert not any(folder.exists() for folder in group.folders)
    box = sandboxed("cpython", Limits(seconds=20, memory=100 << 20))
    code = (
        "import os, time\nfor n in range(4):\n  if os.fork() == 0:\n    x = b'a' * (50 << 20)\n"
        "    time.sleep(1)\n    os._exit(0)\nprint([os.wait()[1] for n in range(4)])"
    )
    try:
        told = await box.call({"code": code})
    except ToolError as error:
        told = str(error)
    assert told != "[0, 0, 0, 0]"


async def test_root_gives_its_programs_to_nobody_where_nobody_can_read_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not system.exists():
        pytest.skip("only root can")
    monkeypatch.setattr(sys, "executable", str(system))
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    box = sandboxed("cpython", Limits(seconds=20))
    runner = box.runner
    assert isinstance(runner, BubblewrapRunner)
    assert runner.identity["user"] == 65534
    assert await box.call({"code": "import os\nprint(os.getuid())"}) == "65534"


async def test_tools_are_not_called_from_it(box: PythonTool) -> None:
    context: RunContext[Any] = RunContext(None, "one", tools=(box,))
    with pytest.raises(ToolError, match="NameError"):
        await box.call_in(context, {"code": "python('1')"})
    with pytest.raises(ConfigError, match="cannot call tools"):
        python("cpython", tools=[box])


def test_a_kernel_that_allows_no_sandbox_is_said(
    box: PythonTool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ConfigError, match=r"No permissions to create new namespace.*monty"):
        python("cpython")


def test_it_works_from_a_loop_in_another_thread(box: PythonTool) -> None:
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(asyncio.run(box.call(_SUM))))
    thread.start()
    thread.join()
    assert told == ["3"]


async def test_calls_at_once_do_not_wait_for_each_other(box: PythonTool) -> None:
    code = {"code": "import time\ntime.sleep(0.5)\nprint(3)"}
    began = time.monotonic()
    assert await asyncio.gather(*(box.call(code) for _ in range(4))) == ["3"] * 4
    assert time.monotonic() - began < 1.9
