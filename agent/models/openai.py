"""`openai:`: chat completions of the OpenAI service or of any server that speaks its protocol.

Does the tries, the total deadline and the prefix. Does not stream, call tools or count dollars.
Where a final assistant message is continued by the server, a prefix is native, and that is verified
by what the server does; elsewhere it is emulated (see `agent.models.prefix`).
"""

import asyncio
import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from forethought.agent.errors import ConfigError, ModelRefused, ModelUnavailable
from forethought.agent.models.border import border, client_for, display
from forethought.agent.models.completion import Completion, Counts, Said, parse, read
from forethought.agent.models.dialect import REFUSALS, Dialect
from forethought.agent.models.prefix import CORRECTION, INSTRUCTION, append_instruction, fit, join
from forethought.agent.models.requests import check_requests_allowed
from forethought.agent.models.retry import Clock, backoff
from forethought.agent.types import Message, PrefixMode, Reply, Request, Usage

PUBLIC_URL = "https://api.openai.com/v1"
PrefixPolicy = Literal["auto", "native", "emulated"]
_Messages = tuple[Message, ...]


@dataclass(slots=True)
class _Call:
    """One request while it is being served: its deadline and what it has cost."""

    clock: Clock
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def count(self, completion: Completion) -> None:
        usage = completion.usage or Counts()
        self.calls += 1
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens

    def reply(self, text: str, mode: PrefixMode, finish: str) -> Reply:
        spent = self.clock.spent
        usage = Usage(self.calls, self.prompt_tokens, self.completion_tokens, spent)
        return Reply(text, usage, mode, finish)


class OpenAIModel:
    """A model behind a server that speaks the OpenAI chat protocol.

    Args:
        model: The model's name on the server.
        base_url: The server's address, `/v1` included; by default `OPENAI_BASE_URL`, else the
            OpenAI service.
        api_key: The key; by default `OPENAI_API_KEY`. Servers other than the OpenAI service may
            need none.
        timeout: Seconds that one try may take.
        deadline: Seconds that one request may take, tries, waits and corrections included.
        retries: Tries after the first, for what can succeed again: no connection, no answer in
            time, an answer that cannot be read, status 408, 409, 425, 429 or 5xx (but 501).
        prefix: `auto` continues prefixes natively where the server does so and emulates them
            elsewhere (always at the OpenAI service); `native` trusts the server; `emulated` never
            asks it to.
        native_body: Extra body of requests whose prefix the server is to continue. vLLM needs
            `{"continue_final_message": True, "add_generation_prompt": False}`.
        name: The model's name in traces; by default `openai:` and what was given.

    Raises:
        ConfigError: If the address is not one, the OpenAI service has no key, or a number cannot
            work.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
        deadline: float = 180.0,
        retries: int = 3,
        prefix: PrefixPolicy = "auto",
        native_body: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        given = base_url or os.environ.get("OPENAI_BASE_URL")
        self.url = (given or PUBLIC_URL).rstrip("/")
        """The server's address."""
        self._key = api_key or os.environ.get("OPENAI_API_KEY", "")
        _check(model, self.url, self._key, timeout, deadline, retries)
        self._server = display(self.url)
        self.name = name or f"openai:{model}" + (f"@{self._server}" if given else "")
        self._model = model
        self._timeout = timeout
        self._deadline = deadline
        self._retries = retries
        self._native_body = dict(native_body or {})
        self._rng = random.Random()  # jitter: processes that failed together must not return so
        self._dialect = Dialect()
        self._native: bool | None = {"auto": None, "native": True, "emulated": False}[prefix]
        if prefix == "auto" and _is_public(self.url):
            self._native = False

    async def complete(self, request: Request) -> Reply:
        """Answer one request; `Reply.usage.calls` counts the answers it took.

        A prefix that the server did not continue and the model did not write, asked twice, leaves
        the reply as the model wrote it and `prefix_mode` at `none`.

        Raises:
            ModelUnavailable: If no answer came within the tries and the deadline.
            ModelRefused: If the server will not serve this request.
            ConfigError: If real requests are forbidden here.
        """
        check_requests_allowed(self.name)
        call = _Call(Clock(self._deadline))
        if not request.prefix:
            said = await self._ask(request, request.messages, call)
            return call.reply(said.text, "none", said.finish)
        refused = False
        if self._native is not False:
            try:
                reply = await self._continued(request, call)
            except ModelRefused as error:
                if error.status not in REFUSALS:
                    raise
                refused = request.messages[-1:] != () and request.messages[-1].role != "assistant"
            else:
                if reply is not None:
                    return reply
        reply = await self._emulated(request, call)
        if refused:  # the same request was served without the prefix: the prefix was the matter
            self._native = False
        return reply

    async def _continued(self, request: Request, call: _Call) -> Reply | None:
        """Have the server continue the prefix; `None` where it turns out that it does not."""
        messages = (*request.messages, Message("assistant", request.prefix))
        said = await self._ask(request, messages, call, native=True)
        text = fit(request.prefix, said.text)
        if text is None:  # the server returns only what it added, or it did not continue at all
            if self._native is None:
                self._native = await self._continues(call)
            if not self._native:
                return None
            text = join(request.prefix, said.text)
        return call.reply(text, "native", said.finish)

    async def _continues(self, call: _Call) -> bool:
        """Tell from the server's own token counts whether it continues assistant messages.

        A one-token assistant message lengthens the prompt by exactly one token where it is
        continued; elsewhere by the marks around a turn as well, or by nothing where it is dropped.
        """
        sizes = []
        for tail in ((), (Message("assistant", "a"),)):
            request = Request((Message("user", "Hello"), *tail), max_tokens=1, temperature=0.0)
            said = await self._ask(request, request.messages, call, native=bool(tail))
            sizes.append(said.prompt_tokens)
        return sizes[0] is not None and sizes[1] is not None and sizes[1] - sizes[0] == 1

    async def _emulated(self, request: Request, call: _Call) -> Reply:
        """Ask for the prefix in words, check, and ask once more where it is not there."""
        words = INSTRUCTION.format(prefix=request.prefix)
        messages = append_instruction(request.messages, words)
        first = await self._ask(request, messages, call)
        text = fit(request.prefix, first.text)
        if text is not None:
            return call.reply(text, "emulated", first.finish)
        correction = Message("user", CORRECTION.format(prefix=request.prefix))
        messages = (*messages, Message("assistant", first.text), correction)
        second = await self._ask(request, messages, call)
        text = fit(request.prefix, second.text)
        if text is not None:
            return call.reply(text, "emulated", second.finish)
        return call.reply(first.text, "none", first.finish)

    async def _ask(
        self, request: Request, messages: _Messages, call: _Call, *, native: bool = False
    ) -> Said:
        """Ask once for these messages, giving up features that the server refuses."""
        features = self._dialect.features(request)
        while True:
            body = self._dialect.body(request, messages, features)
            if native and self._native_body:
                body["extra_body"] = self._native_body
            try:
                said = await self._send(body, call)
            except ModelRefused as error:
                fewer = self._dialect.give_up(features, str(error))
                if error.status not in REFUSALS or fewer == features:
                    raise
                features = fewer
            else:
                self._dialect.served(request, features, sure=not native)
                return said

    async def _send(self, body: dict[str, Any], call: _Call) -> Said:
        """Send one request until it is answered, the tries are used up or the deadline is near."""
        tries = 0
        while True:
            tries += 1
            try:
                return await self._try(body, call)
            except ModelUnavailable as error:
                failed = error
            wait = backoff(tries - 1, failed.retry_after, self._rng)
            if tries > self._retries or wait >= call.clock.left:
                break
            await asyncio.sleep(wait)
        late = tries <= self._retries
        why = f"{tries} {'try' if tries == 1 else 'tries'}"
        if late and failed.retry_after:
            why += f"; it asked to wait {failed.retry_after:.0f} s, past the deadline"
        elif late:
            why += f" in {call.clock.spent:.0f} s, the deadline is {self._deadline:g} s"
        raise ModelUnavailable(f"{failed} ({why})", failed.retry_after) from failed.__cause__

    async def _try(self, body: dict[str, Any], call: _Call) -> Said:
        """One exchange with the server."""
        client = await client_for(self.url, self._key, self._timeout)
        with border(self._server, self._key):
            async with asyncio.timeout(min(self._timeout, call.clock.left)):
                raw = await client.chat.completions.with_raw_response.create(
                    model=self._model, **body
                )
        answer = raw.http_response
        kind = answer.headers.get("content-type", "")
        completion = parse(answer.content, kind, self._server)
        call.count(completion)
        return read(completion, self._server)


def from_name(
    rest: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = 60.0,
    deadline: float = 180.0,
    retries: int = 3,
    prefix: PrefixPolicy = "auto",
    native_body: Mapping[str, Any] | None = None,
) -> OpenAIModel:
    """The model `openai:NAME` or `openai:NAME@http://host/v1`.

    Raises:
        ConfigError: As `OpenAIModel`; also if an address stands after `@` without `http://`.
    """
    match = re.fullmatch(r"(?P<model>.+?)@(?P<url>https?://.*)", rest)
    if match is None and re.search(r"@([\w.-]+:\d+|localhost)(/|$)", rest):
        raise ConfigError(f"in model 'openai:{rest}' write the address with http:// in front")
    return OpenAIModel(
        match["model"] if match else rest,
        base_url=match["url"] if match else base_url,
        api_key=api_key,
        timeout=timeout,
        deadline=deadline,
        retries=retries,
        prefix=prefix,
        native_body=native_body,
    )


def _check(model: str, url: str, key: str, timeout: float, deadline: float, retries: int) -> None:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not model or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ConfigError(f"not the address of a model: {model or '(no name)'}@{display(url)}")
    if not key and _is_public(url):
        raise ConfigError(
            f"model 'openai:{model}' needs an API key: set the variable OPENAI_API_KEY or pass"
            " api_key="
        )
    if timeout <= 0 or deadline <= 0 or retries < 0:
        raise ConfigError(
            f"timeout ({timeout:g} s) and deadline ({deadline:g} s) must be above 0, retries"
            f" ({retries}) at least 0"
        )


def _is_public(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith("api.openai.com")
