"""Our tools as an MCP server, over standard streams or streamable HTTP.

What a tool objects to and what it breaks on becomes the result of its call, marked as an error.
Over HTTP the server listens on loopback; anywhere else it wants a token from every client. It
speaks plain HTTP: put a proxy that speaks TLS before it where others can listen.
"""

import hmac
import inspect
import socket
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol, cast

from forethought.agent.errors import ConfigError, ToolError, needs
from forethought.agent.protocols import RunContext, Tool
from forethought.tools.mcp.wires import Wires

with needs("serving tools over MCP", "pip install 'forethought[mcp]'"):
    import anyio
    import mcp_types as types
    import uvicorn
    from mcp import MCPError
    from mcp.server import Server
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 16
"""Characters."""
GRACE = 2
"""Seconds that calls under way have when the server is told to stop."""


class _Inside(Protocol):
    def __call__(
        self, context: RunContext[Any], arguments: dict[str, Any]
    ) -> Awaitable[str] | str: ...


def mcp_server(
    tools: Sequence[Tool], *, name: str = "forethought", instructions: str = ""
) -> "Server[Any]":
    """A server of these tools, to be run over any transport of the SDK.

    Args:
        tools: What is offered, each with a name of its own.
        name: What the server says it is called.
        instructions: What clients are told of it as a whole.

    Raises:
        ConfigError: If there are none, or two have the same name.
    """
    offered = {each.name: each for each in tools}
    if not offered:
        raise ConfigError("there is nothing to serve; give tools or a head")
    if len(offered) < len(tools):
        names = sorted(each.name for each in tools)
        twice = next(a for a, b in pairwise(names) if a == b)
        raise ConfigError(f"two tools are called {twice!r}; rename one")
    listing = types.ListToolsResult(
        tools=[
            types.Tool(name=t.name, description=t.description, input_schema=dict(t.schema))
            for t in offered.values()
        ]
    )

    async def list_tools(
        context: Any, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return listing

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in offered:
            known = ", ".join(offered)
            raise MCPError(types.INVALID_PARAMS, f"no tool {params.name!r}; there are {known}")
        text, failed = await _run(offered[params.name], params.arguments or {})
        return types.CallToolResult(content=[types.TextContent(text=text)], is_error=failed)

    return Server(
        name,
        instructions=instructions or None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _run(tool: Tool, arguments: dict[str, Any]) -> tuple[str, bool]:
    """What came of a call, and whether it failed."""
    inside = cast("_Inside | None", getattr(tool, "call_in", None))
    try:
        result = inside(RunContext(None), arguments) if inside else tool.call(arguments)
        return (await result if inspect.isawaitable(result) else result), False
    except ToolError as error:
        return str(error), True
    except Exception as error:
        # A border: tools are other people's code; a broken one ends its call, not the server.
        return f"failed: {type(error).__name__}: {error}", True


def serve_stdio(tools: Sequence[Tool], wires: Wires, *, instructions: str = "") -> None:
    """Serve a client at the other end of the standard streams until it leaves.

    Args:
        tools: What is offered, each with a name of its own.
        wires: The standard streams, taken away from everybody else.
        instructions: What clients are told of the server as a whole.

    Raises:
        ConfigError: If there are no tools, or two have the same name.
    """
    server = mcp_server(tools, instructions=instructions)

    async def serve() -> None:
        async with wires.streams() as (came, goes):
            await server.run(came, goes, server.create_initialization_options())

    anyio.run(serve)


def serve_http(
    tools: Sequence[Tool],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    ready: Callable[[str], None] = lambda url: None,
    instructions: str = "",
) -> None:
    """Serve any number of clients over streamable HTTP until the process is told to stop.

    Args:
        tools: What is offered, each with a name of its own.
        host: Where to listen.
        port: Where to listen; 0 for any that is free.
        token: What clients have to send as a bearer token; empty for none.
        ready: Told the address once it can be reached.
        instructions: What clients are told of the server as a whole.

    Raises:
        ConfigError: If there are no tools, two have the same name, others could reach the server
            without a token, or it cannot listen there.
    """
    if host not in LOOPBACK and not token:
        raise ConfigError(
            f"whoever reaches {host} could call these tools; set a token, or serve on 127.0.0.1"
        )
    if not 0 <= port < 65536:
        raise ConfigError(f"port must be 0 to 65535, not {port}")
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"a token of fewer than {SHORTEST_TOKEN} characters can be guessed")
    app: ASGIApp = mcp_server(tools, instructions=instructions).streamable_http_app(host=host)
    if token:
        app = _Guard(app, token)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    with listening:
        # a small answer must not wait for the client to acknowledge the piece before it
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listening.getsockname()[1]}/mcp")
        uvicorn.Server(config).run(sockets=[listening])


class _Guard:
    """Lets requests through that carry the token, and answers 401 to all others."""

    def __init__(self, app: "ASGIApp", token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(given, self._wanted):
            answer = Response("a bearer token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
