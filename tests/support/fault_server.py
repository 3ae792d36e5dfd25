"""A chat server on loopback that misbehaves as told: one scripted answer for each request."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "application/json"
    cut: int | None = None  # close after this many bytes of the body
    drip: float = 0.0  # seconds between bytes


def chat(text: str | None, *, finish: str = "stop", prompt: int = 10, **message: Any) -> Answer:
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": prompt, "completion_tokens": 2, "total_tokens": prompt + 2}
    return Answer(json.dumps({"id": "1", "choices": [choice], "usage": usage}).encode())


def refusal(
    status: int, message: str, headers: dict[str, str] | None = None, **more: Any
) -> Answer:
    body = json.dumps({"error": {"message": message, **more}}).encode()
    return Answer(body, status, tuple((headers or {}).items()))


HANG_UP = Answer(status=0)


@dataclass
class FaultServer:
    script: list[Answer | Callable[[Body], Answer]]
    url: str = ""
    bodies: list[Body] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    gone: int = 0  # requests whose client went away before the answer was out

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone += 1
        finally:
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.partition(":")[2])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        )
        body: Body = json.loads(await reader.readexactly(length))
        self.bodies.append(body)
        self.headers.append(head)
        self.times.append(asyncio.get_running_loop().time())
        entry = self.script.pop(0)
        answer = entry(body) if callable(entry) else entry
        if answer.status == 0:
            return
        lines = [
            f"HTTP/1.1 {answer.status} X",
            f"content-type: {answer.kind}",
            f"content-length: {len(answer.body)}",
            "connection: close",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if answer.drip:
            watch = asyncio.ensure_future(reader.read(1))
            for byte in answer.body:
                writer.write(bytes([byte]))
                done, _ = await asyncio.wait([watch], timeout=answer.drip)
                if done:
                    self.gone += 1
                    return
            watch.cancel()
        writer.write(answer.body[: answer.cut])
        await writer.drain()


@asynccontextmanager
async def serve(*script: Answer | Callable[[Body], Answer]) -> AsyncIterator[FaultServer]:
    fault = FaultServer(list(script))
    server = await asyncio.start_server(fault.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fault.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield fault
    finally:
        server.close()
        await server.wait_closed()
