import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, MissingExtra
from forethought.tools.sandbox import Limits, PythonTool, python

LOOT = f"loot-{os.urandom(6).hex()}"
ENV = "FORETHOUGHT_CANARY"
RUNNERS = ("monty", "cpython")
SECONDS = 1.0


@dataclass(frozen=True)
class Host:
    """What there is to be had outside."""

    folder: Path
    port: int
    abstract: str

    def fill(self, code: str) -> str:
        given = {
            "@SECRET@": str(self.folder / "secret.txt"),
            "@HOST@": str(self.folder),
            "@PORT@": str(self.port),
            "@ABSTRACT@": self.abstract,
            "@PID@": str(os.getpid()),
            "@ENV@": ENV,
        }
        for name, value in given.items():
            code = code.replace(name, value)
        return code


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("user")
    (folder / "secret.txt").write_text(LOOT, encoding="utf-8")
    (folder / "module.py").write_text(f"loot = {LOOT!r}\n", encoding="utf-8")
    listener = socket.create_server(("127.0.0.1", 0))
    servers = [listener]
    abstract = f"forethought-{os.urandom(4).hex()}"
    if sys.platform == "linux":
        twin = socket.socket(socket.AF_UNIX)
        twin.bind(f"\0{abstract}")
        twin.listen()
        servers.append(twin)
    for server in servers:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
    os.environ[ENV] = LOOT
    yield Host(folder, listener.getsockname()[1], abstract)
    del os.environ[ENV]
    for server in servers:
        server.close()


def _serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(LOOT.encode())


@pytest.fixture(scope="session", params=RUNNERS)
def sandbox(request: pytest.FixtureRequest) -> PythonTool:
    return sandboxed(request.param, Limits(seconds=SECONDS))


def sandboxed(name: str, limits: Limits) -> PythonTool:
    """A tool in a sandbox; skips the test, with the reason, where the sandbox is not there."""
    if name == "cpython" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    try:
        return python("monty" if name == "monty" else "cpython", limits=limits)
    except (ConfigError, MissingExtra) as error:
        pytest.skip(str(error))
