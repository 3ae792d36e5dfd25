"""What is read of answers in the OpenAI chat protocol, whole or streamed. No network."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from forethought.agent.errors import ModelError, ModelUnavailable
from forethought.agent.models.border import Server, refusal
from forethought.agent.models.wire import Answer, RawCall


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Function(_Part):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(_Part):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(_Part):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(_Part):
    index: int = 0
    message: _Message = _Message()
    delta: _Message = _Message()
    finish_reason: str | None = None


class _Counts(_Part):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(_Part):
    """A completion or a chunk of one; fields that are not named here are passed over."""

    choices: list[_Choice] | None = None
    usage: _Counts | None = None
    error: Any = None


def read(content: bytes, kind: str, server: Server) -> Answer:
    """Read a whole answer; its first choice is what counts.

    Args:
        content: JSON, if all is well.
        kind: The content type it came with, for the message.
        server: Who sent it.

    Raises:
        ModelUnavailable: If it is not a chat completion, or has no choice.
        ModelRefused: If it is an error that stays.
    """
    completion = _parse(content)
    if completion is None:
        raise ModelUnavailable(
            f"{server.shown} sent something that is not a chat completion"
            f" ({kind.partition(';')[0] or 'of no stated type'}): check that the address ends in"
            " /v1"
        )
    if completion.error:
        raise _failure(completion.error, server)
    if not completion.choices:
        raise ModelUnavailable(f"{server.shown} sent an answer without choices")
    choice = completion.choices[0]
    usage = completion.usage or _Counts()
    return Answer(
        choice.message.content,
        choice.finish_reason or "stop",
        choice.message.refusal,
        tuple(
            RawCall(call.function.name or "", call.function.arguments or "")
            for call in choice.message.tool_calls or ()
            if call.function
        ),
        usage.prompt_tokens,
        usage.completion_tokens,
    )


class ChatListener:
    """Reads the stream of one answer.

    Args:
        server: Who sends it.
    """

    def __init__(self, server: Server) -> None:
        self.whole = False
        self.done = False
        self._server = server
        self._finish = ""
        self._text: list[str] = []
        self._declined: list[str] = []
        self._calls: list[tuple[_ToolCall, list[str]]] = []
        self._counts = _Counts()

    def take(self, data: str) -> str:
        """Read one chunk and return the text it adds.

        Raises:
            ModelUnavailable: If it is not a chunk, or an error that can pass.
            ModelRefused: If it is an error that stays.
        """
        if data.strip() == "[DONE]":
            self.done = True
            self.whole = self.whole or bool(self._text or self._calls)
            return ""
        chunk = _parse(data)
        if chunk is None:
            raise ModelUnavailable(f"{self._server.shown} sent a stream that cannot be read")
        if chunk.error:
            raise _failure(chunk.error, self._server)
        self._counts = chunk.usage or self._counts
        choice = next((choice for choice in chunk.choices or () if choice.index == 0), None)
        return self._add(choice) if choice else ""

    def _add(self, choice: _Choice) -> str:
        if choice.finish_reason:
            self._finish = choice.finish_reason
            self.whole = True
        delta = choice.delta
        if delta.refusal:
            self._declined.append(delta.refusal)
        for call in delta.tool_calls or ():
            self._add_call(call)
        if delta.content:
            self._text.append(delta.content)
        return delta.content or ""

    def _add_call(self, call: _ToolCall) -> None:
        """A call begins where its place or its id is new; servers leave out either."""
        function = call.function or _Function()
        for begun, arguments in reversed(self._calls):
            same = begun.index == call.index and call.id in {None, "", begun.id}
            if same and (call.index is not None or not function.name):
                arguments.append(function.arguments or "")
                return
        self._calls.append((call, [function.arguments or ""]))

    def answer(self) -> Answer:
        """What was said; a reply that ended without a word is an empty one.

        Raises:
            ModelUnavailable: If the stream ended before the reply did, or was none.
        """
        if not self.whole:
            raise ModelUnavailable(
                f"{self._server.shown} ended its stream before the reply was whole"
            )
        return Answer(
            "".join(self._text),
            self._finish or "stop",
            "".join(self._declined) if self._declined else None,
            tuple(
                RawCall((call.function and call.function.name) or "", "".join(arguments))
                for call, arguments in self._calls
            ),
            self._counts.prompt_tokens,
            self._counts.completion_tokens,
        )


def _parse(data: bytes | str) -> _Completion | None:
    """`None` where it is none; no cause is kept, because it would quote what was sent."""
    try:
        return _Completion.model_validate_json(data)
    except ValidationError:
        return None


def _failure(error: object, server: Server) -> ModelError:
    """An error that came where an answer should be, with status 200."""
    parts = error if isinstance(error, dict) else {"message": str(error)}
    code, kind = parts.get("code"), str(parts.get("type"))
    stays = "invalid_request" in f"{code} {kind}" or "context" in f"{code} {kind}"
    status = 400 if stays else 500
    return refusal(
        code if isinstance(code, int) and 400 <= code <= 599 else status,
        str(parts.get("message") or error),
        server,
        broke="insufficient_quota" in {code, kind},
    )
