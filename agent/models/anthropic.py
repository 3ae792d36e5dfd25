"""`anthropic:`: the messages protocol of the Anthropic service or of any server that speaks it.

Puts requests into the protocol's words; `agent.models.blocks` reads the answers, and what every
model behind a server does is in `agent.models.served`. A schema is put as the output's format where
that can be said without loss, else as a tool that the model has to fill in, else in words.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from forethought.agent.errors import needs
from forethought.agent.models import address
from forethought.agent.models.blocks import BlockListener, form_of, read
from forethought.agent.models.border import Sdk, Server, trust
from forethought.agent.models.dialect import Rung
from forethought.agent.models.exchange import Limits
from forethought.agent.models.served import Habits, PrefixPolicy, ServedModel, ToolPolicy
from forethought.agent.models.wire import Answer
from forethought.agent.types import Message, Request

with needs("a model behind an Anthropic server", "pip install 'forethought[anthropic]'"):
    import anthropic
    import httpx2

PUBLIC_URL = "https://api.anthropic.com"
HOTTEST = 1.0
"""The protocol's highest temperature; requests may ask for more and get this."""
_FORM = "reply"
_FORM_MEANS = "Gives the reply. Call it once, with the whole reply as its arguments."


def _client(url: str, key: str, timeout: float, environment: bool) -> anthropic.AsyncAnthropic:
    http = anthropic.DefaultAsyncHttpxClient(
        timeout=timeout,
        trust_env=environment,
        verify=trust(httpx2.create_ssl_context, environment),
    )
    return anthropic.AsyncAnthropic(api_key=key, base_url=url, max_retries=0, http_client=http)


SDK = Sdk(
    status=(anthropic.APIStatusError,),
    late=(anthropic.APITimeoutError, httpx2.TimeoutException),
    unreachable=(anthropic.APIConnectionError, httpx2.HTTPError, httpx2.StreamError),
    other=(anthropic.AnthropicError, httpx2.InvalidURL),
    hints={
        401: "check the API key (api_key=, or the variable ANTHROPIC_API_KEY)",
        402: "check the account's balance",
        403: "check that the API key may use this model",
        404: "check the model's name, and that the address is the server's, without a path",
    },
    client=_client,
)


def _is_closed(schema: object) -> bool:
    """Whether every object of a schema lists its fields: the output's format knows no others."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, dict):
        return True
    is_object = schema.get("type") == "object"
    further = schema.get("additionalProperties") not in (None, False)
    if is_object and (further or not schema.get("properties")):
        return False
    return all(map(_is_closed, schema.values()))


def _format(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schema as the output's format may have it; `None` where that would lose something."""
    if schema is None or not _is_closed(dict(schema)):
        return None
    try:
        return anthropic.transform_schema(dict(schema))
    except (ValueError, TypeError, AttributeError):  # what it raises on schemas it cannot read
        return None


class MessagesWire:
    """The messages protocol.

    Args:
        model: The model's name on the server.
        server: Who answers.
    """

    offers = frozenset({"temperature", "stop", "tools", "stream"})
    rungs: tuple[Rung, ...] = (
        Rung("schema", lambda request: _format(request.schema) is not None, with_prefix=False),
        Rung(
            "form",
            lambda request: not request.tools and (request.schema or {}).get("type") == "object",
            with_prefix=False,
        ),
    )

    def __init__(self, model: str, server: Server) -> None:
        self._model = model
        self._server = server

    def continues(self, prefix: str) -> bool:
        """Whitespace alone cannot be handed over: the protocol takes none at a message's end."""
        return bool(prefix.strip())

    def body(
        self,
        request: Request,
        messages: tuple[Message, ...],
        features: frozenset[str],
        *,
        native: bool,
    ) -> dict[str, Any]:
        """The request as arguments of the SDK."""
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            **_turns(messages, native=native),
        }
        stops = [stop for stop in request.stop if stop.strip()]  # others are cut off here
        if "stop" in features and stops:
            body["stop_sequences"] = stops
        if "temperature" in features:  # not an argument of the SDK: newer models refuse it
            body["extra_body"] = {"temperature": min(request.temperature, HOTTEST)}
        if "tools" in features:
            body["tools"] = [_tool(t.name, t.description, t.schema) for t in request.tools]
        if request.schema is not None and "schema" in features:
            given = {"type": "json_schema", "schema": _format(request.schema)}
            body["output_config"] = {"format": given}
        elif request.schema is not None and "form" in features:
            body["tools"] = [_tool(_FORM, _FORM_MEANS, request.schema)]
            body["tool_choice"] = {"type": "tool", "name": _FORM}
        return body

    def send(
        self, client: Any, body: Mapping[str, Any], *, stream: bool
    ) -> AbstractAsyncContextManager[Any]:
        """Send a body."""
        more = {"stream": True} if stream else {}
        sent: AbstractAsyncContextManager[Any]
        sent = client.messages.with_streaming_response.create(**body, **more)
        return sent

    def read(self, content: bytes, kind: str, body: Mapping[str, Any]) -> Answer:
        """Read a whole answer."""
        return read(content, kind, self._server, form_of(body))

    def listen(self, body: Mapping[str, Any]) -> BlockListener:
        """Something to read a stream."""
        return BlockListener(self._server, form_of(body))


def _turns(messages: tuple[Message, ...], *, native: bool) -> dict[str, Any]:
    """System messages apart, as the protocol has them; alone, they are what the user says."""
    system = "\n\n".join(m.content for m in messages if m.role == "system")
    turns = [{"role": m.role, "content": m.content} for m in messages if m.role != "system"]
    if not turns:
        return {"messages": [{"role": "user", "content": system}]}
    if native:
        turns[-1]["content"] = turns[-1]["content"].rstrip()
    return {"system": system, "messages": turns} if system else {"messages": turns}


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": dict(schema)}


class AnthropicModel(ServedModel):
    """A model behind a server that speaks the Anthropic messages protocol.

    Temperatures above 1 are sent as 1, and seeds are not sent: the protocol has none.

    Args:
        model: The model's name on the server.
        base_url: The server's address, without `/v1`; by default `ANTHROPIC_BASE_URL`, else the
            Anthropic service.
        api_key: The key; by default `ANTHROPIC_API_KEY`. Servers other than the Anthropic service
            may need none.
        timeout: Seconds that one try may take; of a stream, seconds until its next event.
        deadline: Seconds that one request may take, tries, waits and corrections included.
        retries: Tries after the first, as for `OpenAIModel`; 529 (overloaded) is one of the
            statuses that can succeed again.
        prefix: `auto` hands prefixes over until the model refuses them, and emulates them from
            then on; `native` does so at servers other than the service without looking at what
            they do; `emulated` never does.
        tool_calls: As for `OpenAIModel`.
        name: The model's name in traces; by default `anthropic:` and what was given.

    Raises:
        ConfigError: If the address is not one, the Anthropic service has no key, or a number
            cannot work.
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
        tool_calls: ToolPolicy = "auto",
        name: str | None = None,
    ) -> None:
        given = base_url or os.environ.get("ANTHROPIC_BASE_URL")
        url = (given or PUBLIC_URL).rstrip("/").removesuffix("/v1")
        key = (api_key or os.environ.get("ANTHROPIC_API_KEY", "")).strip()
        public = address.is_at(url, "api.anthropic.com")
        address.check(f"anthropic:{model}", url, key, "ANTHROPIC_API_KEY" if public else "")
        server = Server(SDK, url, key)
        trusted = {"auto": True if public else None, "native": True, "emulated": False}
        super().__init__(
            name or f"anthropic:{model}" + (f"@{server.shown}" if given else ""),
            MessagesWire(model, server),
            server,
            Limits(timeout, deadline, retries),
            Habits(trusted[prefix], echoes=not public, tools=tool_calls),
        )


def from_name(
    rest: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = 60.0,
    deadline: float = 180.0,
    retries: int = 3,
    prefix: PrefixPolicy = "auto",
    tool_calls: ToolPolicy = "auto",
) -> AnthropicModel:
    """The model `anthropic:NAME` or `anthropic:NAME@http://host`.

    Raises:
        ConfigError: As `AnthropicModel`; also if an address stands after `@` without `http://`.
    """
    model, url = address.split("anthropic", rest)
    return AnthropicModel(
        model,
        base_url=url or base_url,
        api_key=api_key,
        timeout=timeout,
        deadline=deadline,
        retries=retries,
        prefix=prefix,
        tool_calls=tool_calls,
    )
