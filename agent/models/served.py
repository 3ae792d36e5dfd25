"""A model behind a server, whatever protocol the server speaks.

Does the prefix, what a server was seen to refuse, and telling while the reply is written. Where a
final assistant message is continued by the server, a prefix is native, and that is verified by what
the server does; elsewhere it is emulated (see `agent.models.prefix`). Does not count dollars.
"""

from dataclasses import dataclass, replace
from typing import Literal

from forethought.agent.errors import ModelRefused
from forethought.agent.models.border import Server, words_of
from forethought.agent.models.dialect import REFUSALS, Dialect
from forethought.agent.models.ear import Ear
from forethought.agent.models.exchange import Call, Exchange, Limits
from forethought.agent.models.prefix import CORRECTION, INSTRUCTION, append_instruction, fit, join
from forethought.agent.models.requests import check_requests_allowed
from forethought.agent.models.retry import Clock
from forethought.agent.models.wire import Said, Wire, until
from forethought.agent.parsing import clean
from forethought.agent.protocols import Hear
from forethought.agent.types import Message, PrefixMode, Reply, Request

PrefixPolicy = Literal["auto", "native", "emulated"]
ToolPolicy = Literal["auto", "native", "text"]
_Messages = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of a server before it was asked anything."""

    continues: bool | None = None
    """Whether it continues a final assistant message; `None` where that is to be found out."""
    echoes: bool = True
    """Whether it may return the message that it continues as well."""
    tools: ToolPolicy = "auto"


class ServedModel:
    """A model behind a server: what the classes for single protocols share.

    Args:
        name: The model's name in traces.
        wire: The protocol.
        server: Where to.
        limits: How long and how often.
        habits: What is known of the server.
    """

    def __init__(
        self, name: str, wire: Wire, server: Server, limits: Limits, habits: Habits
    ) -> None:
        self.name = name
        self.url = server.url
        """The server's address."""
        self._wire = wire
        self._exchange = Exchange(wire, server, limits)
        self._deadline = limits.deadline
        self._dialect = Dialect(
            wire.offers,
            wire.rungs,
            without={"tools"} if habits.tools == "text" else (),
            keep={"tools"} if habits.tools == "native" else (),
        )
        self._native = habits.continues
        self._echoes = habits.echoes

    @property
    def calls_tools(self) -> bool:
        """Whether tools go to the server in its own way: true until it refuses them."""
        return self._dialect.calls_tools

    async def complete(self, request: Request) -> Reply:
        """Answer one request; `Reply.usage.calls` counts the answers it took.

        A prefix that the server did not continue and the model did not write, asked twice, leaves
        the reply as the model wrote it and `prefix_mode` at `none`.

        Raises:
            ModelUnavailable: If no answer came within the tries and the deadline.
            ModelRefused: If the server will not serve this request.
            ConfigError: If real requests are forbidden here.
        """
        return await self._answer(request, None)

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`, heard while it is written.

        The pieces since the last `None`, joined, are the text of the reply that is returned.

        Raises:
            ModelUnavailable: As `complete`.
            ModelRefused: As `complete`.
            ConfigError: As `complete`.
        """
        ear = Ear(hear, echoes=self._echoes)
        reply = await self._answer(request, ear)
        ear.settle(reply.text)
        return reply

    async def _answer(self, request: Request, ear: Ear | None) -> Reply:
        check_requests_allowed(self.name)
        ask = _Asking(request, Call(Clock(self._deadline)), ear)
        if not request.prefix:
            said = await self._ask(ask, request.messages)
            return _reply(ask, said, said.text, "none")
        refused = False
        if self._native is not False and self._wire.continues(request.prefix):
            try:
                reply = await self._continued(ask)
            except ModelRefused as error:
                if error.status not in REFUSALS:
                    raise
                refused = request.messages[-1:] != () and request.messages[-1].role != "assistant"
            else:
                if reply is not None:
                    return reply
        reply = await self._emulated(ask)
        if refused:  # the same request was served without the prefix: the prefix was the matter
            self._native = False
        return reply

    async def _continued(self, ask: "_Asking") -> Reply | None:
        """Have the server continue the prefix; `None` where it turns out that it does not."""
        prefix = ask.request.prefix
        messages = (*ask.request.messages, Message("assistant", prefix))
        said = await self._ask(ask, messages, native=True)
        if said.calls and not said.text:
            return _reply(ask, said, "", "none")
        text = fit(prefix, said.text) if self._echoes else None
        if text is None:  # the server returns only what it added, or it did not continue at all
            if self._native is None:
                self._native = await self._continues(ask)
            if not self._native:
                return None
            text = join(prefix, said.text)
        return _reply(ask, said, text, "native")

    async def _continues(self, ask: "_Asking") -> bool:
        """Tell from the server's own token counts whether it continues assistant messages.

        A one-token assistant message lengthens the prompt by exactly one token where it is
        continued; elsewhere by the marks around a turn as well, or by nothing where it is dropped.
        """
        sizes = []
        for tail in ((), (Message("assistant", "a"),)):
            request = Request((Message("user", "Hello"), *tail), max_tokens=1, temperature=0.0)
            quiet = replace(ask, request=request, ear=None)
            said = await self._ask(quiet, request.messages, native=bool(tail))
            sizes.append(said.prompt_tokens)
        return sizes[0] is not None and sizes[1] is not None and sizes[1] - sizes[0] == 1

    async def _emulated(self, ask: "_Asking") -> Reply:
        """Ask for the prefix in words, check, and ask once more where it is not there."""
        prefix = ask.request.prefix
        words = INSTRUCTION.format(prefix=prefix)
        messages = append_instruction(ask.request.messages, words)
        first = await self._ask(ask, messages)
        text = fit(prefix, first.text)
        if text is not None:
            return _reply(ask, first, text, "emulated")
        if first.calls and not first.text:
            return _reply(ask, first, "", "none")
        correction = Message("user", CORRECTION.format(prefix=prefix))
        written = first.text if first.text.strip() else "(nothing)"  # no server takes an empty turn
        messages = (*messages, Message("assistant", written), correction)
        second = await self._ask(ask, messages)
        text = fit(prefix, second.text)
        if text is not None:
            return _reply(ask, second, text, "emulated")
        return _reply(ask, first, first.text, "none")

    async def _ask(self, ask: "_Asking", messages: _Messages, *, native: bool = False) -> Said:
        """Ask once for these messages, giving up features that the server refuses.

        A schema that the server passes over in silence counts as refused.
        """
        request, dialect = ask.request, self._dialect
        features = dialect.features(request, native=native, stream=ask.ear is not None)
        tried = features
        while True:
            tried |= features
            try:
                said = await self._send(ask, messages, features, native=native)
            except ModelRefused as error:
                words = words_of(error)
                fewer = dialect.give_up(request, features, words, native=native)
                if not _may_teach(error.status, words) or fewer == features:
                    raise
                features = fewer
                continue
            if not native and _passed_over(request, said):
                fewer = dialect.descend(request, features) or features
                if fewer != features:
                    features = fewer
                    continue
            dialect.served(request, tried, features, sure=not native)
            return said

    async def _send(
        self, ask: "_Asking", messages: _Messages, features: frozenset[str], *, native: bool
    ) -> Said:
        worded = self._dialect.worded(ask.request, messages, features)
        body = self._wire.body(ask.request, _writable(worded), features, native=native)
        return await self._exchange.send(
            body,
            ask.call,
            ear=ask.ear if "stream" in features else None,
            prefix=ask.request.prefix if native else "",
        )


@dataclass(frozen=True, slots=True)
class _Asking:
    """One request on its way."""

    request: Request
    call: Call
    ear: Ear | None


def _reply(ask: _Asking, said: Said, text: str, mode: PrefixMode) -> Reply:
    after = len(ask.request.prefix) if mode != "none" else 0
    cut = until(text, ask.request.stop, after)
    return ask.call.reply(said if cut == text else replace(said, finish="stop"), cut, mode)


def _may_teach(status: int | None, words: str) -> bool:
    """Whether a refusal may be about a feature; gateways say 404 where no model takes tools."""
    return status in REFUSALS or (status == 404 and "tool use" in words)


def _passed_over(request: Request, said: Said) -> bool:
    """Whether a reply that was to be an object is plainly none."""
    if request.schema is None or request.schema.get("type") != "object" or said.calls:
        return False
    begins = said.text.lstrip()
    return begins != "" and not begins.startswith(("{", "```"))


def _writable(messages: _Messages) -> _Messages:
    """The messages as they can be sent: half a surrogate pair has no place in UTF-8."""
    return tuple(replace(message, content=clean(message.content)) for message in messages)
