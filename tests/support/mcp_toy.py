"""A server made with the SDK alone, to be connected to: `python mcp_toy.py [stdio | http PORT]`."""

import os
import sys
from typing import Any

import anyio
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, EmbeddedResource, ResourceLink, TextResourceContents

toy = MCPServer("toy")


@toy.tool()
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@toy.tool(name="list-files.all")
def list_files() -> list[str]:
    """A name that is no Python identifier."""
    return ["a.txt", "b.txt"]


@toy.tool()
def weather(city: str) -> dict[str, Any]:
    """Structured content."""
    return {"city": city, "degrees": 21.5}


@toy.tool(structured_output=False)
def picture() -> list[Any]:
    """Text and an image."""
    return ["Here it is.", Image(data=b"\x89PNG" + bytes(96), format="png")]


@toy.tool(structured_output=False)
def papers() -> CallToolResult:
    """A link, an embedded text and structured content that no text holds."""
    held = TextResourceContents(uri="memo://1", text="Sell.")
    return CallToolResult(
        content=[
            ResourceLink(name="report", uri="file:///report.pdf", description="last year"),
            EmbeddedResource(resource=held),
        ],
        structured_content={"pages": 3},
    )


@toy.tool()
async def sleep(seconds: float, context: Context[Any]) -> str:
    """Wait."""
    await anyio.sleep(seconds)
    return "rested"


@toy.tool()
def pid() -> int:
    """Its process."""
    return os.getpid()


@toy.tool()
def fail(why: str) -> str:
    """Object."""
    raise ToolError(why)


@toy.tool()
def flood(characters: int) -> str:
    """Much text."""
    return "x" * characters


@toy.tool()
def chatter(lines: int) -> str:
    """Write to standard error."""
    for number in range(lines):
        sys.stderr.write(f"line {number} " + "." * 200 + "\n")
    return "said"


@toy.tool()
def change() -> str:
    """Change what is offered."""
    toy.remove_tool("weather")
    toy.remove_tool("add")

    @toy.tool(name="add")
    def add_words(left: str, right: str) -> str:
        """Join two words."""
        return left + right

    return "changed"


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        toy.run("streamable-http", port=int(sys.argv[2]))
    else:
        toy.run()
