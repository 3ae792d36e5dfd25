"""MCP servers as children of a test, and whether any of them is left."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from forethought.tools.mcp import Address, Command

SUPPORT = Path(__file__).parent
ENV = ("HOME", "PATH", "PYTHONPATH")
"""The children of these tests need the package too, and are offline as well."""


def children() -> set[int]:
    """Processes below this one that are alive."""
    told = subprocess.run(
        ["ps", "-eo", "pid,ppid,stat,comm"], capture_output=True, text=True
    ).stdout
    rows = [line.split(maxsplit=3) for line in told.splitlines()[1:]]
    ours = [row for row in rows if int(row[1]) == os.getpid()]
    return {int(pid) for pid, _, stat, name in ours if "Z" not in stat and name != "ps"}


def settled(done: Callable[[], bool], seconds: float = 8.0) -> bool:
    """Whether something comes true before long."""
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    return done()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not asked after does not."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(told.stdout.strip()) and "Z" not in told.stdout


def script(name: str, *words: str) -> Command:
    """A server of `tests/support`, over standard streams."""
    return Command([sys.executable, str(SUPPORT / name), *words], env=ENV)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _reached(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Web:
    """A server over HTTP that can be started, killed and started again at the same port."""

    def __init__(self, words: Sequence[str]) -> None:
        self.port = free_port()
        self.words = [sys.executable, *(word.replace("PORT", str(self.port)) for word in words)]
        self.place = Address(
            f"http://127.0.0.1:{self.port}/mcp", {"Authorization": "Bearer of good news"}
        )
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert settled(lambda: _reached(self.port), 20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
