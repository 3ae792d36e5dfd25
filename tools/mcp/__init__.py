"""The Model Context Protocol both ways: servers' tools as ours, and ours as a server.

Names resolve on first use, so that importing this loads no SDK.
"""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

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

__getattr__, __dir__ = lazy(
    __name__,
    {
        "client": ("McpClient", "McpTool"),
        "critic": ("critic_tools",),
        "places": ("Address", "Command"),
        "serving": ("serve_http", "serve_stdio"),
    },
)
