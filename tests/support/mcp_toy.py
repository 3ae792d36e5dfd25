"""A server made with the SDK alone, to be connected to: `python mcp_toy.py [stdio | http PORT]`."""

import base64
import os
import signal
import subprocess
import sys
import time
from typing import Any

import anyio
from mcp.server.mcpserver import Context, Image, MCPServer
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


@toy.tool()
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
def environment() -> dict[str, str]:
    """All variables."""
    return dict(os.environ)


@toy.tool()
async def sleep(seconds: float, context: Context[Any]) -> str:
    """Wait."""
    await anyio.sleep(seconds)
    return "rested"


@toy.tool()
def freeze() -> str:
    """Answer nobody any more."""
    time.sleep(600)
    return "never"


@toy.tool()
def stop() -> str:
    """Stop the process itself, as a debugger would."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return "never"


@toy.tool()
def pid() -> int:
    """Its process."""
    return os.getpid()


@toy.tool()
def breed() -> int:
    """Start a child that ignores being asked to end."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL).pid


@toy.tool()
def fail(why: str) -> str:
    """Object."""
    raise ValueError(why)


@toy.tool()
def flood(characters: int) -> str:
    """Much text."""
    return "x" * characters


@toy.tool()
def chatter(lines: int) -> str:
    """Write to standard error."""
    for number in range(lines):
        print(f"line {number} " + "." * 200, file=sys.stderr)
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
        stateless = len(sys.argv) > 3
        toy.run("streamable-http", port=int(sys.argv[2]), stateless_http=stateless)
    else:
        toy.run()
