"""What a call of the Python tool costs, and how late it ends what does not end by itself.

    python tests/benchmarks/python_tool.py [--calls 500] [--late 5]

Prints the median and the 99th percentile of a warm call (its episode has a worker), of the first
call of an episode and of a call with one tool in it; then how long after its deadline each bomb
was ended, worst of `--late` tries. Everything runs in this process, on whatever cores there are.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Awaitable, Callable

from forethought.agent.errors import ForethoughtError, ToolError
from forethought.agent.protocols import RunContext
from forethought.tools import python
from forethought.tools.function import tool
from forethought.tools.sandbox import Limits, PythonTool

SECONDS = 0.5
BOMBS = {
    "while True": "while True: pass",
    "sleep": "import time\ntime.sleep(60)",
    "memory in pieces": "x = []\nwhile True: x.append('a' * 10 ** 5 + str(len(x)))",
    "output": "while True: print('x', end='')",
    "one slow number": "x = 7 ** (7 ** 10)",
}
PROCESS_BOMBS = {
    "fork": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    "sleeping children": (
        "import subprocess, time\nfor n in range(4): subprocess.Popen(['sleep', '99'])\n"
        "time.sleep(99)"
    ),
    "signals ignored": (
        "import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\nwhile True: pass"
    ),
    "files": (
        "n = 0\nwhile True:\n  n += 1\n  try: open(f'f{n}', 'wb').write(b'x' * 10 ** 6)\n"
        "  except OSError: pass"
    ),
}


@tool(inline=True)
def double(number: int) -> int:
    """Twice a number.

    Args:
        number: Any.
    """
    return 2 * number


async def _times(count: int, work: Callable[[int], Awaitable[str]]) -> str:
    took = []
    for number in range(count):
        began = time.perf_counter()
        await work(number)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return f"{statistics.median(took):8.2f} {took[int(0.99 * (count - 1))]:8.2f}"


async def _late(box: PythonTool, code: str, tries: int) -> float:
    worst = 0.0
    for number in range(tries):
        began = time.perf_counter()
        with contextlib.suppress(ToolError):
            await box.call_in(RunContext(None, f"bomb {number}"), {"code": code})
        worst = max(worst, time.perf_counter() - began - SECONDS)
        box.end(f"bomb {number}")
    return worst * 1000


async def _interpreter(calls: int, tries: int) -> None:
    box = python("monty", limits=Limits(seconds=SECONDS))
    context = RunContext(None, "warm", tools=(double,))
    await box.call_in(context, {"code": "x = 1"})
    code = {"code": "x = sum(n * n for n in range(10))\nx"}
    calling = {"code": "double(21)"}

    async def first(number: int) -> str:
        made = await box.call_in(RunContext(None, f"first {number}"), code)
        box.end(f"first {number}")
        return made

    print("interpreter: ms a call      median      p99")
    print("  warm               ", await _times(calls, lambda n: box.call_in(context, code)))
    print("  warm, one tool call", await _times(calls, lambda n: box.call_in(context, calling)))
    print("  first of an episode", await _times(max(20, calls // 10), first))
    await _bombs(box, BOMBS, tries)
    await box.close()


async def _cpython(calls: int, tries: int) -> None:
    try:
        box = python("cpython", limits=Limits(seconds=SECONDS))
    except ForethoughtError as error:
        print(f"CPython: {error}")
        return
    print("CPython: ms a call          median      p99")
    print("  each               ", await _times(max(20, calls // 20), lambda n: box.call(_EMPTY)))
    await _bombs(box, BOMBS | PROCESS_BOMBS, tries)


_EMPTY = {"code": "print(1)"}


async def _bombs(box: PythonTool, bombs: dict[str, str], tries: int) -> None:
    print(f"  late, ms after {SECONDS:g} s, worst of {tries} (below 0: it ended by itself)")
    for name, code in bombs.items():
        print(f"    {name:18} {await _late(box, code, tries):8.1f}")


def main() -> None:
    """Measure both sandboxes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--late", type=int, default=5, help="tries of each bomb")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    asyncio.run(_interpreter(options.calls, options.late))
    asyncio.run(_cpython(options.calls, options.late))


if __name__ == "__main__":
    main()
