"""A web server on loopback that answers as told and keeps what it was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/html; charset=utf-8"
    drip: float = 0.0  # seconds between the bytes of the body
    head_drip: float = 0.0  # seconds between the bytes of the head
    endless: bytes = b""  # sent over and over after the body


@dataclass
class WebServer:
    """Answers each path in turn with what is scripted for it; the last answer stays."""

    script: dict[str, list[Reply]]
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    gone: int = 0
    open: int = 0
    most: int = 0  # requests under way at a time

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [head.split(" ", 2)[1] for head in self.heads]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await self._handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.gone += 1
        finally:
            self.open -= 1
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        lines = [line.partition(":") for line in head.lower().splitlines()]
        length = next((int(value) for name, _, value in lines if name == "content-length"), 0)
        self.bodies.append(await reader.readexactly(length))
        replies = self.script.get(head.split(" ", 2)[1].partition("?")[0], [Reply(status=404)])
        await self._send(replies.pop(0) if len(replies) > 1 else replies[0], writer)

    async def _send(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {reply.status} said"]
        if reply.kind:
            lines.append(f"content-type: {reply.kind}")
        lines += [f"{name}: {value}" for name, value in reply.headers]
        lines += ["connection: close", "", ""]
        await _drip("\r\n".join(lines).encode(), reply.head_drip, writer)
        await _drip(reply.body, reply.drip, writer)
        while reply.endless:
            writer.write(reply.endless)
            await writer.drain()


async def _drip(data: bytes, pause: float, writer: asyncio.StreamWriter) -> None:
    if not pause:
        writer.write(data)
        await writer.drain()
        return
    for index in range(len(data)):
        writer.write(data[index : index + 1])
        await writer.drain()
        await asyncio.sleep(pause)


@asynccontextmanager
async def web_server(
    tls: ssl.SSLContext | None = None, /, **script: Reply | list[Reply]
) -> AsyncIterator[WebServer]:
    """Serve; `name=Reply(...)` answers `/name`, `_` answers `/`."""
    paths = {
        "/" + name.strip("_"): replies if isinstance(replies, list) else [replies]
        for name, replies in script.items()
    }
    served = WebServer(paths)
    server = await asyncio.start_server(served.handle, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


def answers(*addresses: str) -> tuple[Callable[[str, int], Awaitable[list[str]]], list[str]]:
    """A name server that gives these addresses for every name, and what it was asked."""
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return list(addresses)

    return resolver, asked
