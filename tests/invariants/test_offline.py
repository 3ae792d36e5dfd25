import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

FAR = ("192.0.2.1", 80)  # an address reserved for documentation


def _connect() -> None:
    with socket.socket() as sock:
        sock.connect(FAR)


def _connect_ex() -> None:
    with socket.socket() as sock:
        sock.connect_ex(FAR)


def _datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", FAR)


def _resolve() -> None:
    socket.getaddrinfo("example.org", 443)


def _asyncio() -> None:
    asyncio.run(asyncio.open_connection(*FAR))


def _httpx() -> None:
    httpx.get("http://192.0.2.1/")


def _httpx2() -> None:
    pytest.importorskip("httpx2").get("https://example.org/")


@pytest.mark.parametrize(
    "reach", [_connect, _connect_ex, _datagram, _resolve, _asyncio, _httpx, _httpx2]
)
def test_no_way_out(reach: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError, match="network is off in tests"):
        reach()


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
        thread.join()


def test_unix_sockets_are_open(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as server,
        socket.socket(socket.AF_UNIX) as client,
    ):
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


def test_child_processes_are_offline_too() -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.returncode == 1
    assert "network is off in tests" in child.stderr


def test_hubs_are_offline_and_the_cache_is_temporary(cache_folder: Path) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["FORETHOUGHT_CACHE"] == str(cache_folder)
