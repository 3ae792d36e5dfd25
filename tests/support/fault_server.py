"""A chat server on loopback that misbehaves as told: one scripted answer for each request.

It speaks both protocols, whole and streamed; `PROTOCOLS` holds what a test needs of each.
"""

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
    drip: float = 0.0  # seconds between grains
    grain: int = 1  # bytes sent at a time where it drips


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


def _sse(*parts: Body | str) -> bytes:
    lines = []
    for part in parts:
        data = part if isinstance(part, str) else json.dumps(part)
        name = f"event: {part['type']}\n" if isinstance(part, dict) and "type" in part else ""
        lines.append(f"{name}data: {data}\n\n")
    return "".join(lines).encode()


def sse(*parts: Body | str) -> Answer:
    return Answer(_sse(*parts), kind="text/event-stream")


def chunk(delta: Body, finish: str | None = None) -> Body:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def chat_stream(
    *pieces: str, finish: str = "stop", counts: bool = True, deltas: tuple[Body, ...] = ()
) -> Answer:
    parts = [chunk({"role": "assistant", "content": None})]
    parts += [chunk({"content": piece}) for piece in pieces]
    parts += [chunk(delta) for delta in deltas]
    parts.append(chunk({}, finish))
    if counts:
        parts.append({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}})
    return sse(*parts, "[DONE]")


def message(
    text: str | None, *, finish: str = "end_turn", prompt: int = 10, blocks: tuple[Body, ...] = ()
) -> Answer:
    content = [] if text is None else [{"type": "text", "text": text}]
    usage = {"input_tokens": prompt - 3, "cache_read_input_tokens": 3, "output_tokens": 2}
    whole = {"type": "message", "role": "assistant", "content": [*content, *blocks]}
    return Answer(json.dumps({**whole, "stop_reason": finish, "usage": usage}).encode())


def block(index: int, begin: Body, *deltas: Body) -> list[Body]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begin},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def message_stream(*pieces: str, finish: str = "end_turn", blocks: tuple[Body, ...] = ()) -> Answer:
    usage = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return sse(
        {"type": "message_start", "message": {"content": [], "usage": usage}},
        {"type": "ping"},
        *(block(0, {"type": "text", "text": ""}, *deltas) if pieces else ()),
        *blocks,
        {
            "type": "message_delta",
            "delta": {"stop_reason": finish, "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    )


@dataclass(frozen=True)
class Protocol:
    """One protocol as a server speaks it."""

    scheme: str
    whole: Callable[[str], Answer]
    stream: Callable[..., Answer]

    def says(self, *pieces: str) -> Callable[[Body], Answer]:
        def answer(body: Body) -> Answer:
            return self.stream(*pieces) if body.get("stream") else self.whole("".join(pieces))

        return answer


OPENAI = Protocol("openai", chat, chat_stream)
ANTHROPIC = Protocol("anthropic", message, message_stream)
PROTOCOLS = (OPENAI, ANTHROPIC)


@dataclass
class FaultServer:
    script: list[Answer | Callable[[Body], Answer]]
    url: str = ""
    bodies: list[Body] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    then: Callable[[Body], Answer] | None = None  # answers once the script is used up
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
        self.paths.append(head.split()[1])
        entry = self.script.pop(0) if self.script or self.then is None else self.then
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
            for at in range(0, len(answer.body), answer.grain):
                writer.write(answer.body[at : at + answer.grain])
                done, _ = await asyncio.wait([watch], timeout=answer.drip)
                if done:
                    self.gone += 1
                    return
            watch.cancel()
        writer.write(answer.body[: answer.cut])
        await writer.drain()


@asynccontextmanager
async def serve(
    *script: Answer | Callable[[Body], Answer],
    then: Callable[[Body], Answer] | None = None,
    port: int = 0,
) -> AsyncIterator[FaultServer]:
    fault = FaultServer(list(script), then=then)
    server = await asyncio.start_server(fault.handle, "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    fault.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield fault
    finally:
        server.close()
        await server.wait_closed()
