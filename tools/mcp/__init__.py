"""The Model Context Protocol both ways: servers' tools as ours, and ours as a server.

Names resolve on first use, so that importing this loads no SDK.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.tools.mcp.client import McpClient, McpTool
    from forethought.tools.mcp.critic import critic_tools
    from forethought.tools.mcp.places import Address, Command
    from forethought.tools.mcp.serving import serve_http, serve_stdio

__all__ = [
    "Address",
    "Command",
    "McpClient",
    "McpTool",
    "critic_tools",
    "serve_http",
    "serve_stdio",
]

_HOMES = MappingProxyType(
    {
        "Address": "forethought.tools.mcp.places",
        "Command": "forethought.tools.mcp.places",
        "McpClient": "forethought.tools.mcp.client",
        "McpTool": "forethought.tools.mcp.client",
        "critic_tools": "forethought.tools.mcp.critic",
        "serve_http": "forethought.tools.mcp.serving",
        "serve_stdio": "forethought.tools.mcp.serving",
    }
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
