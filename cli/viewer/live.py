"""The page of a run that is still going, served on this machine alone.

The page asks for what is added by server-sent events. Requests under any name but this machine's
are refused, so that no web page can read a run by having its own name point here.
"""

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Trace
from forethought.cli.viewer.packing import pack
from forethought.cli.viewer.rows import COLUMNS, record_of, row_of
from forethought.cli.viewer.tail import Tail

_EVERY = 0.3
"""Seconds between two looks at the files."""
_BEAT = 10.0
"""Seconds without news after which a line is sent all the same, to notice who has gone."""
_AT_ONCE = 200
"""Episodes in one event."""
Draw = Callable[[Any, int], str]
"""The page, of packed episodes and the number of the last change they hold."""


class Live:
    """A server for one run on 127.0.0.1.

    Args:
        tail: The run's files.
        draw: Draws the page.
        port: 0 for any that is free.

    Raises:
        ConfigError: If the port is taken.
    """

    def __init__(self, tail: Tail, draw: Draw, *, port: int = 0) -> None:
        self.over = threading.Event()
        live = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                self.answer(live, tail, draw)

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise ConfigError(f"port {port} cannot be used: {error.strerror}") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    def run(self) -> None:
        """Serve until `stop` is called, or the thread is interrupted."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self.over.set()
            self._server.server_close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self.over.set()
        self._server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""

    def answer(self, live: Live, tail: Tail, draw: Draw) -> None:
        parts = urlsplit(self.path)
        if self.headers.get("Host") not in {f"127.0.0.1:{live.port}", f"localhost:{live.port}"}:
            self.send_error(HTTPStatus.FORBIDDEN, "not under this name")
        elif parts.path == "/":
            self._page(tail, draw)
        elif parts.path == "/events":
            after = parse_qs(parts.query).get("after", ["0"])[0]
            self._events(live, tail, int(after) if after.isdecimal() else 0)
        else:
            self.send_error(HTTPStatus.NOT_FOUND, "nothing here")

    def _page(self, tail: Tail, draw: Draw) -> None:
        try:
            tail.read()
        except DataError as error:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return
        change, traces = tail.since(0)
        body = draw(pack(traces), change).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _events(self, live: Live, tail: Tail, after: int) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        told = time.monotonic()
        try:
            while not live.over.is_set():
                tail.read()
                after, traces = tail.since(after)
                for first in range(0, len(traces), _AT_ONCE):
                    self.wfile.write(_event(traces[first : first + _AT_ONCE]))
                if traces or time.monotonic() - told > _BEAT:
                    self.wfile.write(b": still here\n\n")
                    self.wfile.flush()
                    told = time.monotonic()
                live.over.wait(_EVERY)
        except (ConnectionError, DataError):
            return  # the reader has gone, or the file has been damaged: the page keeps what it has


def _event(traces: list[Trace]) -> bytes:
    said = {
        "names": COLUMNS,
        "rows": [row_of(trace) for trace in traces],
        "records": [record_of(trace) for trace in traces],
    }
    return f"data: {json.dumps(said, allow_nan=False)}\n\n".encode()
