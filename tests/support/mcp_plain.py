"""A server written by hand, of the older protocol, that starts fast and misbehaves as it is told.

`python mcp_plain.py HOW`, HOW being well, garbage, mute, endless, broken, deaf, wild or paged; or
`python mcp_plain.py http PORT` for one that keeps sessions and forgets them when it starts again.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOW = sys.argv[1]
ECHO = {
    "name": "echo",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def breed() -> int:
    """Start a child that does not end when it is told to."""
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.DEVNULL)
    return child.pid


def stop() -> None:
    """Stop the whole process, as a debugger would."""
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)  # the signal may reach another thread first


TOOLS: dict[str, Callable[[], object]] = {
    "pid": os.getpid,
    "environment": lambda: json.dumps(dict(os.environ)),
    "sleep": lambda: time.sleep(600),
    "stop": stop,
    "breed": breed,
}


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    """What a request is answered with; nothing for a notification."""
    if "id" not in message:
        return None
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        told: dict[str, Any] = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "plain", "version": "1"},
        }
    elif method == "tools/list":
        told = {"tools": [ECHO, *(ECHO | {"name": each} for each in TOOLS)]}
        if HOW == "paged":
            page = int(params.get("cursor", 0))
            told = {"tools": [ECHO | {"name": f"echo-{page}"}], "nextCursor": str(page + 1)}
    elif method == "tools/call":
        inside = TOOLS.get(params["name"])
        text = str(inside() if inside else params["arguments"].get("text"))
        told = {"content": [{"type": "text", "text": text}]}
        if HOW == "wild":
            told = {"content": [{"type": "hologram", "beam": 1}]}
    else:
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}
    return {"jsonrpc": "2.0", "id": message["id"], "result": told}


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def talk() -> None:
    if HOW == "broken":
        sys.exit("the database is locked")
    for line in sys.stdin:
        if HOW == "mute":
            continue
        message = json.loads(line)
        if message["method"] == "tools/call" and HOW == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        if message["method"] == "tools/call" and HOW == "endless":
            say("x" * (17 * 2**20))
        if HOW == "garbage":
            say('Listening...\n\n{"half": \n\x00\xff[1, 2]\n')
        threading.Thread(target=reply, args=(message,), daemon=True).start()


def reply(message: dict[str, Any]) -> None:
    told = answer(message)
    if told is not None:
        say(json.dumps(told) + "\n")


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        session = self.headers.get("Mcp-Session-Id")
        known = message["method"] == "initialize" or session == str(os.getpid())
        if message["method"] == "server/discover" or not known:
            self._send(404, None)
        elif self.headers.get("Authorization") != "Bearer of good news":
            self._send(401, None)
        else:
            told = answer(message)
            self._send(202 if told is None else 200, told)

    def do_GET(self) -> None:
        self._send(405, None)

    def do_DELETE(self) -> None:
        self._send(200, None)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _send(self, status: int, told: dict[str, Any] | None) -> None:
        data = b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Mcp-Session-Id", str(os.getpid()))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    if HOW == "http":
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Door).serve_forever()
    talk()
