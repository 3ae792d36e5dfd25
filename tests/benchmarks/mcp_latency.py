"""What a call over MCP costs: `python tests/benchmarks/mcp_latency.py [--calls N]`.

The same tool, called directly, over standard streams and over HTTP on loopback; each server is a
process of its own, made of our tools. Milliseconds for one call at a time, median and 95th
percentile; the time from nothing to the first list of tools; and, for the share of it that is the
SDK's own, the same calls by its client without ours.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mcp import Client, StdioServerParameters

from forethought.tools.function import tool
from forethought.tools.mcp import Address, Command, McpClient

PROGRAM = """
import sys
from forethought.tools.mcp import serve_http, serve_stdio
from forethought.tools.mcp.wires import Wires
from mcp_latency import look
if sys.argv[1:]:
    serve_http([look], port=int(sys.argv[1]))
else:
    with Wires() as wires:
        serve_stdio([look], wires)
"""
HERE = str(Path(__file__).parent)


@tool(inline=True)
def look(item: str) -> str:
    """Look an item up.

    Args:
        item: Catalogue name.
    """
    return f"{item}: 7 in stock"


async def timed(call: Callable[[], Awaitable[object]], calls: int) -> dict[str, float]:
    """Milliseconds of one call: median and 95th percentile."""
    took = []
    for number in range(calls + 20):
        start = time.perf_counter()
        await call()
        if number >= 20:
            took.append((time.perf_counter() - start) * 1000)
    took.sort()
    return {"median": round(statistics.median(took), 3), "p95": round(took[calls * 95 // 100], 3)}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def over(place: Command | Address, calls: int) -> dict[str, float]:
    start = time.perf_counter()
    async with McpClient(place) as client:
        (far,) = await client.tools()
        begun = round((time.perf_counter() - start) * 1000)
        return {**await timed(lambda: far.call({"item": "bike"}), calls), "first list": begun}


async def bare(server: StdioServerParameters | str, calls: int) -> dict[str, float]:
    async with Client(server) as client:
        return await timed(lambda: client.call_tool("look", {"item": "bike"}), calls)


async def measure(calls: int) -> dict[str, dict[str, float]]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-c", PROGRAM]
    told = {"direct": await timed(lambda: look.call({"item": "bike"}), calls)}
    told["stdio"] = await over(Command(words, env=(), variables=env), calls)
    told["stdio, SDK's client alone"] = await bare(
        StdioServerParameters(command=words[0], args=words[1:], env=env), calls
    )
    port = free_port()
    with subprocess.Popen([*words, str(port)], env=env) as server:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            url = f"http://127.0.0.1:{port}/mcp"
            told["http"] = await over(Address(url), calls)
            told["http, SDK's client alone"] = await bare(url, calls)
        finally:
            server.terminate()
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    print(json.dumps(asyncio.run(measure(parser.parse_args().calls)), indent=2))
