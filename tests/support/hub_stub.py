"""A hub on loopback: the few endpoints that pushing and fetching a small repository needs."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "hf_stub"


class HubStub:
    """Repositories in memory: by name, a list of commits, each a mapping from file to bytes."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.asked: list[str] = []
        self.url = ""

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        commits = self.repos.setdefault(repo, {})
        held = dict(list(commits.values())[-1]) if commits else {}
        sha = hashlib.sha1(f"{repo} {len(commits)}".encode()).hexdigest()
        commits[sha] = held | files
        return sha

    def find(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.repos.get(repo, {})
        if revision == "main" and commits:
            return list(commits.items())[-1]
        return (revision, commits[revision]) if revision in commits else None


class _Server(ThreadingHTTPServer):
    hub: HubStub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    @property
    def hub(self) -> HubStub:
        return self.server.hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, status: int = 200, **headers: str) -> None:
        self._send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def _allowed(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path)
        self.hub.asked.append(f"POST {path}")
        if path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif not self._allowed():
            self._json({"error": "Invalid credentials"}, 401)
        elif path == "/api/repos/create":
            given = json.loads(body)
            name = "/".join(filter(None, (given.get("organization"), given["name"])))
            self.hub.repos.setdefault(name, {})
            self._json({"url": f"{self.hub.url}/{name}", "name": name})
        elif found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            files = json.loads(body)["files"]
            regular = {"uploadMode": "regular", "shouldIgnore": False}
            self._json({"files": [{"path": f["path"], **regular} for f in files]})
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            lines = [json.loads(line) for line in body.splitlines()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            sha = self.hub.commit(found[1], files)
            url = f"{self.hub.url}/{found[1]}/commit/{sha}"
            self._json({"success": True, "commitOid": sha, "commitUrl": url})
        else:
            self._json({"error": "no such place"}, 404)

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        self.hub.asked.append(f"{self.command} {path}")
        if found := re.fullmatch(r"/api/models/(.+)/(revision|tree)/([^/]+)", path):
            self._info(found[1], found[2], found[3])
        elif found := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path):
            self._file(found[1], found[2], found[3])
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
            self._info(found[1], "revision", "main")
        else:
            self._json({"error": "no such place"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _info(self, repo: str, kind: str, revision: str) -> None:
        held = self.hub.find(repo, revision)
        if held is None:
            code = "RevisionNotFound" if self.hub.repos.get(repo) else "RepoNotFound"
            self._json({"error": code}, 404, X_Error_Code=code)
        elif kind == "tree":
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in held[1].items()
            ]
            self._json(entries)
        else:
            names = [{"rfilename": name} for name in held[1]]
            self._json({"id": repo, "modelId": repo, "sha": held[0], "siblings": names})

    def _file(self, repo: str, revision: str, name: str) -> None:
        held = self.hub.find(repo, revision)
        if held is None or name not in held[1]:
            self._json({"error": "none"}, 404, X_Error_Code="EntryNotFound")
            return
        data = held[1][name]
        self._send(200, data, ETag=f'"{_oid(data)}"', X_Repo_Commit=held[0])


def _oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def hub_stub() -> Iterator[HubStub]:
    """Serve a hub until the block ends."""
    hub = HubStub()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = hub
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
