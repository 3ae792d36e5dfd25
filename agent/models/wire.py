"""What a protocol must offer for a model to be served by it, and what is taken from its answers.

A wire puts requests into one protocol's words and reads its answers. It decides nothing: tries,
deadlines, prefixes and what a server was seen to refuse are the same for all (`served`,
`exchange`, `dialect`).
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from forethought.agent.errors import ModelRefused, ModelUnavailable
from forethought.agent.models.dialect import Rung
from forethought.agent.types import Message, Request, ToolCall


@dataclass(frozen=True, slots=True)
class RawCall:
    """A call of a tool as the server sent it."""

    name: str
    arguments: str
    """JSON as the model wrote it; empty where it wrote none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the server sent it, whole."""

    text: str | None
    """`None` where the server sent no text, which is not the same as an empty one."""
    finish: str
    declined: str | None = None
    """The model's words for declining; `None` where it did not."""
    calls: tuple[RawCall, ...] = ()
    prompt_tokens: int | None = None
    """As the server counted them; `None` when it did not."""
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that can be used."""

    text: str
    finish: str
    calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int | None = None


class Listener(Protocol):
    """Reads one stream."""

    whole: bool
    """Whether the reply has ended; what follows is counts and ends of things."""
    done: bool
    """Whether nothing more is to come."""

    def take(self, data: str) -> str:
        """Read one event and return the text it adds, which may be none.

        Raises:
            ModelUnavailable: If it is not an event, or one of an error that can pass.
            ModelRefused: If it is one of an error that stays.
        """
        ...

    def answer(self) -> Answer:
        """What was said.

        Raises:
            ModelUnavailable: If the stream ended before the reply did.
        """
        ...


class Wire(Protocol):
    """One protocol, for one model behind one server."""

    offers: frozenset[str]
    """Features of requests that the protocol has words for."""
    rungs: tuple[Rung, ...]
    """Ways to constrain a reply by a schema, best first."""

    def continues(self, prefix: str) -> bool:
        """Whether a message with this text can be handed over for continuation."""
        ...

    def body(
        self,
        request: Request,
        messages: tuple[Message, ...],
        features: frozenset[str],
        *,
        native: bool,
    ) -> dict[str, Any]:
        """The request in the protocol's words.

        `native` says that its last message is to be continued.
        """
        ...

    def send(
        self, client: Any, body: Mapping[str, Any], *, stream: bool
    ) -> AbstractAsyncContextManager[Any]:
        """Send a body by the SDK's client; the response is read by whoever holds it."""
        ...

    def read(self, content: bytes, kind: str, body: Mapping[str, Any]) -> Answer:
        """Read a whole answer to `body`, of the content type `kind`.

        Raises:
            ModelUnavailable: If it is none.
        """
        ...

    def listen(self, body: Mapping[str, Any]) -> Listener:
        """Something to read the stream of an answer to `body`."""
        ...


def usable(answer: Answer, server: str, *, continuing: bool = False) -> Said:
    """Take what an answer says, or say why it is none.

    Where the arguments of a call are not a JSON object, all calls are left in the text as the model
    wrote them, one a line, so that it can be shown what was wrong.

    Args:
        answer: What the server sent.
        server: Its address, as it may be shown.
        continuing: Whether it was asked to continue a text, which it may leave as it is.

    Raises:
        ModelUnavailable: If there is neither text nor a call.
        ModelRefused: If the model or a content filter declined.
    """
    if answer.declined is not None and not answer.text:
        raise ModelRefused(f"the model declined: {' '.join(answer.declined.split())}")
    if answer.text is None and answer.finish == "content_filter":
        raise ModelRefused(f"the content filter of {server} stopped the reply")
    if answer.text is None and not (answer.calls or continuing or answer.finish == "length"):
        raise ModelUnavailable(f"{server} sent an answer without text ({answer.finish})")
    text = answer.text or ""
    calls = []
    for raw in answer.calls:
        arguments = _object(raw.arguments)
        if arguments is None:
            written = [f"{call.name} {call.arguments}" for call in answer.calls]
            return Said(
                "\n".join([text, *written] if text else written),
                answer.finish,
                prompt_tokens=answer.prompt_tokens,
            )
        calls.append(ToolCall(raw.name, arguments))
    return Said(text, answer.finish, tuple(calls), answer.prompt_tokens)


def until(text: str, stops: Sequence[str], after: int = 0) -> str:
    """The text up to the first of some strings, where the server did not stop there itself.

    Args:
        text: A reply.
        stops: Strings that end it.
        after: Characters at its beginning that are not looked at.
    """
    found = [at for stop in stops if stop and (at := text.find(stop, after)) >= 0]
    return text[: min(found)] if found else text


def _object(text: str) -> dict[str, Any] | None:
    if not text.strip():
        return {}
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
