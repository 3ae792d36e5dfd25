"""What is read of answers in the Anthropic messages protocol, whole or streamed. No network.

Finishes are told in the words of the other protocols: `stop`, `length`, `tool_calls`. Tokens read
from or written to the server's cache are prompt tokens.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from forethought.agent.errors import ModelError, ModelUnavailable
from forethought.agent.models.border import Server, refusal
from forethought.agent.models.wire import Answer, RawCall

_FINISH = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
    }
)
_STATUS = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "overloaded_error": 529,
    }
)
"""The statuses that errors inside a stream stand for; others are the server's fault, 500."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Block(_Part):
    type: str = ""
    text: str = ""
    name: str = ""
    input: Any = None


class _Delta(_Part):
    text: str | None = None
    partial_json: str | None = None


class _Counts(_Part):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def prompt(self) -> int | None:
        """Tokens of the prompt, cached ones too; `None` where they were not counted."""
        if self.input_tokens is None:
            return None
        return (
            self.input_tokens
            + (self.cache_creation_input_tokens or 0)
            + (self.cache_read_input_tokens or 0)
        )


class _Details(_Part):
    explanation: str | None = None


class _End(_Part):
    """How a message ended: a part of it, or of an event near its end."""

    stop_reason: str | None = None
    stop_details: _Details | None = None


class _Message(_End):
    content: list[_Block]
    usage: _Counts = _Counts()


class _Error(_Part):
    type: str = ""
    message: str = ""


class _Event(_Part):
    """An event of a stream; kinds that are not known are passed over."""

    type: str
    index: int = 0
    content_block: _Block = _Block()
    delta: dict[str, Any] = {}
    message: dict[str, Any] = {}
    usage: _Counts = _Counts()
    error: _Error = _Error()


def read(content: bytes, kind: str, server: Server, form: str) -> Answer:
    """Read a whole answer.

    Args:
        content: JSON, if all is well.
        kind: The content type it came with, for the message.
        server: Who sent it.
        form: Name of the tool whose arguments are the reply's text; empty for none.

    Raises:
        ModelUnavailable: If it is not a message.
    """
    try:
        message = _Message.model_validate_json(content)
    except ValidationError:  # no cause is kept: it would quote what was sent
        message = None
    if message is None:
        raise ModelUnavailable(
            f"{server.shown} sent something that is not a message"
            f" ({kind.partition(';')[0] or 'of no stated type'}): check that the address is that of"
            " an Anthropic server, without /v1"
        )
    texts, calls = [], []
    for block in message.content:
        if block.type == "text":
            texts.append(block.text)
        elif block.type == "tool_use":
            written = json.dumps(block.input, ensure_ascii=False)
            if block.name == form:
                texts.append(written)
            else:
                calls.append(RawCall(block.name, written))
    return _answer(texts, calls, message, message.usage)


class BlockListener:
    """Reads the stream of one answer.

    Args:
        server: Who sends it.
        form: Name of the tool whose arguments are the reply's text; empty for none.
    """

    def __init__(self, server: Server, form: str) -> None:
        self.whole = False
        self.done = False
        self._server = server
        self._form = form
        self._blocks: dict[int, tuple[_Block, list[str]]] = {}
        self._end = _End()
        self._counts = _Counts()

    def take(self, data: str) -> str:
        """Read one event and return the text it adds.

        Raises:
            ModelUnavailable: If it is not an event, or an error that can pass.
            ModelRefused: If it is an error that stays.
        """
        try:
            event = _Event.model_validate_json(data)
            return self._take(event)
        except ValidationError:
            pass
        raise ModelUnavailable(f"{self._server.shown} sent a stream that cannot be read")

    def _take(self, event: _Event) -> str:
        if event.type == "error":
            raise self._failure(event.error)
        if event.type == "message_start":
            self._counts = _Counts.model_validate(event.message.get("usage") or {})
        elif event.type == "content_block_start":
            return self._begin(event)
        elif event.type == "content_block_delta":
            return self._add(event.index, _Delta.model_validate(event.delta))
        elif event.type == "message_delta":
            self._end = _End.model_validate(event.delta)
            self._counts = self._counts.model_copy(update=event.usage.model_dump(exclude_none=True))
            self.whole = self._end.stop_reason is not None
        elif event.type == "message_stop":
            self.whole = self.done = True
        return ""

    def _begin(self, event: _Event) -> str:
        self._blocks[event.index] = (event.content_block, [])
        return self._add(event.index, _Delta(text=event.content_block.text))

    def _add(self, index: int, delta: _Delta) -> str:
        block, pieces = self._blocks.setdefault(index, (_Block(type="text"), []))
        piece = (delta.partial_json if block.type == "tool_use" else delta.text) or ""
        pieces.append(piece)
        shown = block.type == "text" or (block.type == "tool_use" and block.name == self._form)
        return piece if shown else ""

    def _failure(self, error: _Error) -> ModelError:
        words = f"{error.type}: {error.message}" if error.type else error.message
        return refusal(
            _STATUS.get(error.type, 500), words, self._server, broke=error.type == "billing_error"
        )

    def answer(self) -> Answer:
        """What was said.

        Raises:
            ModelUnavailable: If the stream ended before the reply did, or was none.
        """
        if not self.whole:
            raise ModelUnavailable(
                f"{self._server.shown} ended its stream before the reply was whole"
            )
        texts, calls = [], []
        for _, (block, pieces) in sorted(self._blocks.items()):
            written = "".join(pieces)
            if block.type == "text":
                texts.append(written)
            elif block.type == "tool_use":
                written = written or json.dumps(block.input or {}, ensure_ascii=False)
                if block.name == self._form:
                    texts.append(written)
                else:
                    calls.append(RawCall(block.name, written))
        return _answer(texts, calls, self._end, self._counts)


def _answer(texts: list[str], calls: list[RawCall], end: _End, counts: _Counts) -> Answer:
    """A message without a block is an empty reply: the protocol means it so."""
    declined = None
    if end.stop_reason == "refusal":
        declined = (end.stop_details and end.stop_details.explanation) or "it gave no reason"
    reason = end.stop_reason or "end_turn"
    return Answer(
        "".join(texts) if declined is None else None,
        _FINISH.get(reason, reason),
        declined,
        tuple(calls),
        counts.prompt,
        counts.output_tokens,
    )


def form_of(body: Mapping[str, Any]) -> str:
    """The tool that a request forces the model to fill in; empty for none."""
    name: str = body.get("tool_choice", {}).get("name", "")
    return name
