"""`openai:`: chat completions of the OpenAI service or of any server that speaks its protocol.

Puts requests into the protocol's words; `agent.models.completion` reads the answers, and what every
model behind a server does is in `agent.models.served`.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from forethought.agent.errors import needs
from forethought.agent.models import address
from forethought.agent.models.border import Sdk, Server, trust
from forethought.agent.models.completion import ChatListener, read
from forethought.agent.models.dialect import Rung
from forethought.agent.models.exchange import Limits
from forethought.agent.models.served import Habits, PrefixPolicy, ServedModel, ToolPolicy
from forethought.agent.models.wire import Answer
from forethought.agent.types import Message, Request

with needs("a model behind an OpenAI-compatible server", "pip install 'forethought[openai]'"):
    import httpx2
    import openai

PUBLIC_URL = "https://api.openai.com/v1"


def _client(url: str, key: str, timeout: float, environment: bool) -> openai.AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(
        timeout=timeout,
        trust_env=environment,
        verify=trust(httpx2.create_ssl_context, environment),
    )
    return openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=0, http_client=http)


SDK = Sdk(
    status=(openai.APIStatusError,),
    late=(openai.APITimeoutError, httpx2.TimeoutException),
    unreachable=(openai.APIConnectionError, httpx2.HTTPError, httpx2.StreamError),
    other=(openai.OpenAIError, httpx2.InvalidURL),
    hints={
        401: "check the API key (api_key=, or the variable OPENAI_API_KEY)",
        403: "check that the API key may use this model",
        404: "check the model's name, and that the address ends in /v1",
    },
    client=_client,
)


class ChatWire:
    """The chat protocol.

    Args:
        model: The model's name on the server.
        server: Who answers.
        native_body: Extra body of requests whose prefix the server is to continue.
    """

    offers = frozenset(
        {"max_tokens", "temperature", "seed", "stop", "tools", "stream", "stream_options"}
    )
    rungs: tuple[Rung, ...] = (Rung("schema", lambda request: True),)

    def __init__(self, model: str, server: Server, native_body: Mapping[str, Any]) -> None:
        self._model = model
        self._server = server
        self._native_body = dict(native_body)

    def continues(self, prefix: str) -> bool:
        """Any text can be handed over."""
        return True

    def body(
        self,
        request: Request,
        messages: tuple[Message, ...],
        features: frozenset[str],
        *,
        native: bool,
    ) -> dict[str, Any]:
        """The request as arguments of the SDK."""
        limit = "max_tokens" if "max_tokens" in features else "max_completion_tokens"
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            limit: request.max_tokens,
        }
        options = {
            "temperature": request.temperature,
            "seed": request.seed,
            "stop": list(request.stop),
            "tools": [_tool(tool.name, tool.description, tool.schema) for tool in request.tools],
        }
        body |= {name: value for name, value in options.items() if name in features}
        if "schema" in features and request.schema is not None:
            schema = {"name": "reply", "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if features >= {"stream", "stream_options"}:
            body["stream_options"] = {"include_usage": True}
        if native and self._native_body:
            body["extra_body"] = self._native_body
        return body

    def send(
        self, client: Any, body: Mapping[str, Any], *, stream: bool
    ) -> AbstractAsyncContextManager[Any]:
        """Send a body."""
        more = {"stream": True} if stream else {}
        sent: AbstractAsyncContextManager[Any]
        sent = client.chat.completions.with_streaming_response.create(**body, **more)
        return sent

    def read(self, content: bytes, kind: str, body: Mapping[str, Any]) -> Answer:
        """Read a whole answer."""
        return read(content, kind, self._server)

    def listen(self, body: Mapping[str, Any]) -> ChatListener:
        """Something to read a stream."""
        return ChatListener(self._server)


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": dict(schema)}
    return {"type": "function", "function": function}


class OpenAIModel(ServedModel):
    """A model behind a server that speaks the OpenAI chat protocol.

    Args:
        model: The model's name on the server.
        base_url: The server's address, `/v1` included; by default `OPENAI_BASE_URL`, else the
            OpenAI service.
        api_key: The key; by default `OPENAI_API_KEY`. Servers other than the OpenAI service may
            need none.
        timeout: Seconds that one try may take; of a stream, seconds until its next event.
        deadline: Seconds that one request may take, tries, waits and corrections included.
        retries: Tries after the first, for what can succeed again: no connection, no answer in
            time, an answer that cannot be read, status 408, 409, 425, 429 or 5xx (but 501).
        prefix: `auto` continues prefixes natively where the server does so and emulates them
            elsewhere (always at the OpenAI service); `native` trusts the server; `emulated` never
            asks it to.
        tool_calls: `auto` gives tools to the server until it refuses them; `native` always;
            `text` never, so that planners ask for calls in words.
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
        tool_calls: ToolPolicy = "auto",
        native_body: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        given = base_url or os.environ.get("OPENAI_BASE_URL")
        url = (given or PUBLIC_URL).rstrip("/")
        key = (api_key or os.environ.get("OPENAI_API_KEY", "")).strip()
        public = address.is_at(url, "api.openai.com")
        address.check(f"openai:{model}", url, key, "OPENAI_API_KEY" if public else "")
        server = Server(SDK, url, key)
        trusted = {"auto": False if public else None, "native": True, "emulated": False}
        super().__init__(
            name or f"openai:{model}" + (f"@{server.shown}" if given else ""),
            ChatWire(model, server, native_body or {}),
            server,
            Limits(timeout, deadline, retries),
            Habits(trusted[prefix], tools=tool_calls),
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
    native_body: Mapping[str, Any] | None = None,
) -> OpenAIModel:
    """The model `openai:NAME` or `openai:NAME@http://host/v1`.

    Raises:
        ConfigError: As `OpenAIModel`; also if an address stands after `@` without `http://`.
    """
    model, url = address.split("openai", rest)
    return OpenAIModel(
        model,
        base_url=url or base_url,
        api_key=api_key,
        timeout=timeout,
        deadline=deadline,
        retries=retries,
        prefix=prefix,
        tool_calls=tool_calls,
        native_body=native_body,
    )
