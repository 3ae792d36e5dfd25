import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_children import SUPPORT, Web, settled
from mcp_shop import rest, stock
from mcp_types import CallToolResult, TextContent

from forethought import Candidate, Estimate, Goal, ScriptedCritic
from forethought.agent.errors import ConfigError, HeadError, ToolError
from forethought.agent.types import Evidence
from forethought.tools.mcp import critic_tools, serve_http
from forethought.tools.mcp.serving import mcp_server

COMMAND = ["-c", "from forethought.cli.app import main; main()", "mcp", "serve"]
SHOP = ["--tools", "mcp_shop:both"]
TOKEN = "a token of enough characters"


def over_stdio(*words: str) -> StdioServerParameters:
    env = {"PYTHONPATH": f"{SUPPORT}:{os.environ['PYTHONPATH']}"}
    return StdioServerParameters(command=sys.executable, args=[*COMMAND, *words], env=env)


def text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def test_any_client_can_call_our_tools() -> None:
    async with Client(over_stdio(*SHOP)) as client:
        first, second = (await client.list_tools()).tools
        assert (first.name, first.description) == ("stock", "Units left in the warehouse.")
        assert first.input_schema == stock.schema
        assert second.name == "rest"
        good = await client.call_tool("stock", {"item": "gravel bike"})
        assert (text(good), good.is_error) == ("3", False)
        for item, said in (("unicorn", "no such item"), ("helmet", "failed: KeyError: 'helmet'")):
            bad = await client.call_tool("stock", {"item": item})
            assert (text(bad), bad.is_error) == (said, True)
        wrong = await client.call_tool("stock", {"thing": 1})
        assert wrong.is_error
        assert "item: Field required" in text(wrong)
        with pytest.raises(MCPError, match="no tool 'stork'; there are stock, rest"):
            await client.call_tool("stork", {})
        slow = [client.call_tool("rest", {"seconds": 0.3}) for _ in range(3)]
        assert [text(each) for each in await asyncio.gather(*slow)] == ["rested"] * 3


def test_standard_output_is_the_protocol_alone() -> None:
    call = {"name": "stock", "arguments": {"item": "gravel bike"}}
    messages: list[dict[str, Any]] = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": call},
    ]
    lines = [json.dumps({"jsonrpc": "2.0", **each}) for each in messages]
    lines.insert(1, "this is no message")
    params = over_stdio(*SHOP)
    with subprocess.Popen(
        [params.command, *params.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=params.env,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdin.write("\n".join(lines) + "\n")
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        server.stdin.close()
        rest = server.stdout.read()
        said = server.stderr.read()
        assert server.wait(10) == 0
    assert [each["id"] for each in answers] == [1, 2]
    assert answers[1]["result"]["content"][0]["text"] == "3"
    assert rest == ""
    assert said == "a library says hello\nlooking\nlooking harder\n"


def test_ctrl_c_ends_it_while_its_input_is_open() -> None:
    params = over_stdio(*SHOP)
    with subprocess.Popen(
        [params.command, *params.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=params.env,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        server.stdin.flush()
        server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(5) == 130


async def test_over_http(web: Callable[..., Web]) -> None:
    place = web("mcp_serve.py", "PORT").place
    async with Client(place.url) as one, Client(place.url, mode="legacy") as two:
        for client in (one, two):
            assert len((await client.list_tools()).tools) == 2
            good = await client.call_tool("stock", {"item": "gravel bike"})
            assert text(good) == "3"
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx.AsyncClient() as browser:
        evil = await browser.post(place.url, json=body, headers={"Host": "evil.example"})
        other = await browser.post(place.url, json=body, headers={"Origin": "http://evil.example"})
    assert (evil.status_code, other.status_code) == (421, 403)


async def test_a_token_keeps_others_out(web: Callable[..., Web]) -> None:
    place = web("mcp_serve.py", "PORT", TOKEN).place
    async with httpx.AsyncClient() as stranger:
        for headers in ({}, {"Authorization": "Bearer of bad news"}, {"Authorization": TOKEN}):
            refused = await stranger.post(place.url, json={}, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert (await stranger.post(place.url, json={}, headers=right)).status_code != 401


def test_http_ends_when_told(web: Callable[..., Web]) -> None:
    made = web("mcp_serve.py", "PORT")
    made.process.send_signal(signal.SIGTERM)
    assert settled(lambda: made.process.poll() is not None, 5)


def test_what_cannot_be_served_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="nothing to serve"):
        mcp_server([])
    with pytest.raises(ConfigError, match="two tools are called 'stock'"):
        mcp_server([stock, rest, stock])
    with pytest.raises(ConfigError, match="set a token"):
        serve_http([stock], host="0.0.0.0")
    with pytest.raises(ConfigError, match="can be guessed"):
        serve_http([stock], token="short")
    with pytest.raises(ConfigError, match="port must be 0 to 65535, not 99999"):
        serve_http([stock], port=99999)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1, port {port}: Addr"):
            serve_http([stock], port=port)


def guess(state: str, candidate: Candidate, goal: Goal) -> Estimate:
    return Estimate(0.123456 if "wait" in candidate.thought else 0.9, 0.1, 0.95, goal.text != "?")


async def test_a_critic_is_two_tools() -> None:
    estimate, explain = critic_tools(ScriptedCritic(guess))
    asked = {
        "state": "They asked for 5.",
        "candidates": ["I wait.", {"thought": "I give in.", "prefix": "Fine,"}],
        "goals": ["We agree.", {"text": "?", "kind": "feared"}],
    }
    told = json.loads(await estimate.call(asked))
    assert [each["thought"] for each in told["candidates"]] == ["I wait.", "I give in."]
    assert told["candidates"][0]["goals"] == [
        {"goal": "We agree.", "chance": 0.1235, "low": 0.1, "high": 0.95, "supported": True},
        {"goal": "?", "chance": 0.1235, "low": 0.1, "high": 0.95, "supported": False},
    ]
    with pytest.raises(ToolError, match="at least one"):
        await estimate.call({**asked, "goals": []})
    with pytest.raises(ToolError, match="at most 2000"):
        await estimate.call({**asked, "candidates": ["x"] * 1001})
    with pytest.raises(ToolError, match="nearest must be"):
        await explain.call({"state": "s", "candidate": "x", "goal": "g", "nearest": 0})


class Later:
    """A critic that is asynchronous, remembers one episode and can break."""

    name = "later"

    async def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        await asyncio.sleep(0)
        return [[Estimate(0.5, 0.4, 0.6)] * len(goals) for _ in candidates]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        if nearest > 1:
            raise HeadError("this head keeps no thoughts")
        return [Evidence("e1", state, candidate.thought, 0.25, reached=True)]


async def test_a_critic_may_be_asynchronous_and_may_refuse() -> None:
    estimate, explain = critic_tools(Later())
    told = json.loads(await estimate.call({"state": "s", "candidates": ["a", "b"], "goals": ["g"]}))
    assert [each["goals"][0]["chance"] for each in told["candidates"]] == [0.5, 0.5]
    asked = {"state": "s", "candidate": "I wait.", "goal": "g"}
    evidence = json.loads(await explain.call({**asked, "nearest": 1}))["evidence"]
    assert evidence == [
        {"episode": "e1", "state": "s", "thought": "I wait.", "distance": 0.25, "reached": True}
    ]
    with pytest.raises(ToolError, match="keeps no thoughts"):
        await explain.call(asked)


async def test_a_critic_behind_the_protocol() -> None:
    async with Client(mcp_server(critic_tools(Later()))) as client:
        asked = {"state": "s", "candidates": ["a"], "goals": ["g"]}
        told = json.loads(text(await client.call_tool("estimate", asked)))
    assert told["critic"] == "later"
