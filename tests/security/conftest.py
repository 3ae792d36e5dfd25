import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from sandboxes import ENV, LOOT, RUNNERS, Host, sandboxed

from forethought.tools.sandbox import Limits, PythonTool

SECONDS = 1.0


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
    with subprocess.Popen(["sleep", "3600"], start_new_session=True) as neighbour:
        yield Host(folder, listener.getsockname()[1], abstract, neighbour.pid)
        assert neighbour.poll() is None, "a program ended a process of the user"
        neighbour.kill()
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
