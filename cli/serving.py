"""`mcp serve` and `mcp tools`: what is named becomes tools, and is served or listed."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from rich.text import Text

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.protocols import Tool
from forethought.cli.console import Screen

TOKEN = "FORETHOUGHT_MCP_TOKEN"
"""The variable that holds what HTTP clients have to send."""
_PARTS = ("name", "description", "schema", "call")


def serve(head: str | None, names: Sequence[str], *, http: bool, host: str, port: int) -> None:
    """Serve a head and tools until the client leaves, or the process is told to stop."""
    if head is None and not names:
        raise ConfigError("there is nothing to serve; give --head HEAD or --tools MODULE:NAME")
    if not http and (host != "127.0.0.1" or port):
        raise ConfigError("--host and --port are for --http; standard streams have neither")
    from forethought.tools.mcp.serving import serve_http, serve_stdio
    from forethought.tools.mcp.wires import Wires

    screen = Screen(as_json=True)  # standard output is the protocol's
    if http:
        token = os.environ.get(TOKEN, "")
        serve_http(
            _served(head, names),
            host=host,
            port=port,
            token=token,
            ready=lambda url: screen.note(f"serving on {url}"),
        )
        return
    with Wires() as wires:  # before anything is loaded that may print
        serve_stdio(_served(head, names), wires)


def list_tools(server: Sequence[str], *, as_json: bool) -> None:
    """Say what a server offers."""
    from forethought.tools.mcp.client import McpClient
    from forethought.tools.mcp.places import Address, Command

    screen = Screen(as_json=as_json)
    web = len(server) == 1 and server[0].startswith(("http://", "https://"))
    with McpClient(Address(server[0]) if web else Command(server)) as client:
        found = client.tools_sync()
    for each in found:
        screen.say(Text.assemble((each.name, "bold"), f": {_plain(each.description)}"))
    screen.result(
        {
            "server": client.name,
            "tools": [
                {"name": t.name, "description": t.description, "schema": t.schema} for t in found
            ],
        }
    )


def _served(head: str | None, names: Sequence[str]) -> list[Tool]:
    tools = [tool for name in names for tool in _named(name)]
    if head is not None:
        from forethought.tools.mcp.critic import critic_tools
        from forethought.valuefn.critic import load_critic

        tools += critic_tools(load_critic(head))
    return tools


def _named(name: str) -> list[Tool]:
    """The tools that `MODULE:NAME` stands for; modules of this folder are found too."""
    module, colon, inside = name.partition(":")
    if not (module and colon and inside):
        raise ConfigError(f"--tools is MODULE:NAME, as in shop.tools:stock, not {name!r}")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = getattr(import_module(module), inside, None)
    except ModuleNotFoundError as error:
        raise ConfigError(f"--tools {name}: {error}") from error
    if found is None:
        raise UnknownName(f"name in {module}", inside, filter(_is_public, dir(sys.modules[module])))
    tools = list(found) if isinstance(found, list | tuple) else [found]
    for each in tools:
        if not all(hasattr(each, part) for part in _PARTS):
            raise ConfigError(f"--tools {name}: {each!r} is no tool; decorate it with @tool")
    return tools


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _plain(text: str) -> str:
    """Foreign text without what could play tricks on a terminal."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)
