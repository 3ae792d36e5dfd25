import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from mcp_children import ENV, Web, alive, children, script, settled

from forethought import Agent, ScriptedModel, tool
from forethought.agent.errors import ConfigError, RunError, ToolError
from forethought.tools.mcp import Address, Command, McpClient, McpTool


@pytest.fixture(scope="module")
def shared() -> Iterator[McpClient]:
    """One well-behaved server for the tests that leave it as it is."""
    with McpClient(script("mcp_toy.py"), name="toy") as client:
        client.tools_sync()
        yield client


def named(client: McpClient) -> dict[str, McpTool]:
    return {each.name: each for each in client.tools_sync()}


async def test_tools_of_a_server_are_tools_of_ours(shared: McpClient) -> None:
    found = {each.name: each for each in await shared.tools()}
    add = found["add"]
    assert add.description == "Add two numbers."
    assert add.schema["type"] == "object"
    assert list(add.schema["properties"]) == ["a", "b"]
    assert await add.call({"a": 2, "b": 3}) == "5"
    assert repr(add) == "McpTool(add of toy)"
    assert all(each.outside for each in found.values())


async def test_results_are_told_in_words(shared: McpClient) -> None:
    found = named(shared)
    assert await found["picture"].call({}) == (
        "Here it is.\n[an image, image/png, 100 bytes: not shown]"
    )
    assert await found["papers"].call({}) == (
        '[a link to report, file:///report.pdf: last year]\n[from memo://1]\nSell.\n{"pages": 3}'
    )
    assert json.loads(await found["weather"].call({"city": "Rome"})) == {
        "city": "Rome",
        "degrees": 21.5,
    }
    assert await found["list_files_all"].call({}) == "a.txt\nb.txt"
    assert "[cut: the first 8000 of 9000" in await found["flood"].call({"characters": 9000})


async def test_what_the_server_objects_to_is_for_the_model(shared: McpClient) -> None:
    found = named(shared)
    with pytest.raises(ToolError, match="the shop is shut"):
        await found["fail"].call({"why": "the shop is shut"})
    with pytest.raises(ToolError, match="valid integer"):
        await found["add"].call({"a": "x"})


def test_every_run_has_a_loop_of_its_own_and_shares_the_connection(shared: McpClient) -> None:
    call = json.dumps({"thought": "t", "action": {"name": "pid", "arguments": {}}})
    both = json.dumps({"thought": "t", "action": 'pid {}\nadd {"a": 1}'})
    end = json.dumps({"thought": "t", "action": {"answer": "Done."}})
    agent = Agent(ScriptedModel([call, both, end], cycle=True), tools=shared.tools_sync())
    first, second = agent.run_sync("Go."), agent.run_sync("Go.")
    assert first.trace.steps[1].observation == second.trace.steps[1].observation
    assert second.output == "Done."


async def test_calls_run_side_by_side(shared: McpClient) -> None:
    rest = named(shared)["sleep"]
    start = time.monotonic()
    assert await asyncio.gather(*(rest.call({"seconds": 0.5}) for _ in range(6))) == ["rested"] * 6
    assert time.monotonic() - start < 2


async def test_much_on_standard_error_holds_up_nothing(shared: McpClient) -> None:
    assert await named(shared)["chatter"].call({"lines": 3000}) == "said"


async def test_a_cancelled_call_leaves_the_server_well(shared: McpClient) -> None:
    found = named(shared)
    call = asyncio.create_task(found["sleep"].call({"seconds": 60}))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await found["add"].call({"a": 1}) == "2"


async def test_the_child_gets_the_named_variables_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_KEY", "passed")
    monkeypatch.setenv("BANK_KEY", "secret")
    plain = script("mcp_plain.py", "well")
    place = Command(plain.words, env=[*ENV, "SHOP_KEY"], variables={"MODE": "hidden"})
    assert "hidden" not in repr(place)
    with McpClient(place) as client:
        told = json.loads(await named(client)["environment"].call({}))
    # the interpreter of the child sets LC_CTYPE for itself
    assert set(told) <= {*ENV, "SHOP_KEY", "MODE", "LC_CTYPE"}
    assert (told["SHOP_KEY"], told["MODE"]) == ("passed", "hidden")


async def test_killed_in_the_middle_of_a_call() -> None:
    with McpClient(script("mcp_plain.py", "well"), name="toy") as client:
        found = named(client)
        first, child = int(await found["pid"].call({})), int(await found["breed"].call({}))
        call = asyncio.create_task(found["sleep"].call({}))
        await asyncio.sleep(0.2)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ToolError, match=r"toy was lost during the call \(it ended with sig"):
            await asyncio.wait_for(call, 3)
        assert await found["echo"].call({"text": "hi"}) == "hi"
        assert int(await found["pid"].call({})) != first
        assert settled(lambda: not alive(child)), "what the server had started was left running"


def test_a_run_goes_on_after_its_server_was_killed() -> None:
    with McpClient(script("mcp_plain.py", "well"), name="toy") as client:
        found = named(client)

        @tool
        async def kill() -> str:
            """Kill the server in the middle of its call."""
            pid = int(await found["pid"].call({}))
            call = asyncio.create_task(found["sleep"].call({}))
            await asyncio.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
            return await call

        actions = ["kill {}", 'echo {"text": "42"}', "answer: Done."]
        model = ScriptedModel([json.dumps({"thought": "t", "action": each}) for each in actions])
        result = Agent(model, tools=[kill, found["echo"]]).run_sync("Go.")
    assert result.output == "Done."
    seen = [step.observation for step in result.trace.steps]
    assert seen[1].startswith("error: the connection to toy was lost")
    assert seen[2] == "42"


async def test_killed_between_two_calls() -> None:
    with McpClient(script("mcp_plain.py", "well")) as client:
        found = named(client)
        pid = int(await found["pid"].call({}))
        os.kill(pid, signal.SIGKILL)
        assert settled(lambda: not alive(pid))
        await asyncio.sleep(0.2)
        assert await found["echo"].call({"text": "hi"}) == "hi"


async def test_a_server_that_hangs_is_given_up_in_time_and_replaced() -> None:
    with McpClient(script("mcp_plain.py", "well"), name="toy", timeout=0.5) as client:
        found = named(client)
        start = time.monotonic()
        with pytest.raises(ToolError, match=r"toy gave no result within 0\.5 s"):
            await found["stop"].call({})
        assert time.monotonic() - start < 0.7
        assert await found["echo"].call({"text": "hi"}) == "hi"


async def test_a_slow_call_costs_its_server_nothing() -> None:
    with McpClient(script("mcp_plain.py", "well"), timeout=0.5) as client:
        found = named(client)
        before = await found["pid"].call({})
        with pytest.raises(ToolError, match="no result within"):
            await found["sleep"].call({})
        assert await found["pid"].call({}) == before


async def test_a_server_that_reads_nothing_and_ignores_being_told_to_end() -> None:
    with McpClient(script("mcp_plain.py", "deaf"), timeout=0.5) as client:
        echo = named(client)["echo"]
        await asyncio.gather(*(_fails(echo, "x" * 50_000, "no result within") for _ in range(4)))


async def _fails(echo: McpTool, text: str, why: str) -> None:
    start = time.monotonic()
    with pytest.raises(ToolError, match=why):
        await echo.call({"text": text})
    assert time.monotonic() - start < 1


async def test_garbage_on_standard_output_is_passed_over() -> None:
    with McpClient(script("mcp_plain.py", "garbage")) as client:
        assert await named(client)["echo"].call({"text": "héllo\nthere"}) == "héllo\nthere"


async def test_a_line_without_end_and_an_answer_that_is_none() -> None:
    with McpClient(script("mcp_plain.py", "endless"), timeout=10) as client:
        echo = named(client)["echo"]
        with pytest.raises(ToolError, match="was lost during the call"):
            await echo.call({"text": "x"})
    with McpClient(script("mcp_plain.py", "wild")) as client:
        echo = named(client)["echo"]
        with pytest.raises(ToolError, match="cannot be read"):
            await echo.call({"text": "x"})


def test_a_list_without_end_has_an_end_here() -> None:
    with McpClient(script("mcp_plain.py", "paged")) as client:
        found = named(client)
    assert len(found) == 100
    assert {"echo_0", "echo_99"} <= set(found)


def test_a_server_that_does_not_start_says_why() -> None:
    with (
        McpClient(script("mcp_plain.py", "broken"), name="db") as client,
        pytest.raises(RunError, match=r"db cannot be used: .*status 1; .*database is locked"),
    ):
        client.tools_sync()
    with (
        McpClient(Command(["no-such-program"])) as client,
        pytest.raises(RunError, match=r"no-such-program cannot be used: .*No such file"),
    ):
        client.tools_sync()
    with (
        McpClient(script("mcp_plain.py", "mute"), name="mute", start_timeout=0.5) as client,
        pytest.raises(RunError, match=r"mute could not be used within 0\.5 s"),
    ):
        client.tools_sync()


async def test_a_list_of_tools_that_changes() -> None:
    with McpClient(script("mcp_toy.py")) as client:
        old = named(client)
        await old["change"].call({})
        with pytest.raises(ToolError, match="the server no longer offers this tool"):
            await old["weather"].call({"city": "Rome"})
        with pytest.raises(ToolError, match=r'its arguments have changed: .*"left"'):
            await old["add"].call({"a": 1})
        assert old["add"].description == "Add two numbers."
        new = named(client)
        assert "weather" not in new
        assert await new["add"].call({"left": "a", "right": "b"}) == "ab"


async def test_two_servers_with_the_same_names(shared: McpClient) -> None:
    with McpClient(script("mcp_plain.py", "well"), prefix="other") as client:
        Agent(ScriptedModel([]), tools=[*await shared.tools(), *await client.tools()])
        other = named(client)["other_pid"]
        assert await other.call({}) != await named(shared)["pid"].call({})
    with pytest.raises(ConfigError, match="two tools are called 'add'"):
        Agent(ScriptedModel([]), tools=[*shared.tools_sync(), *shared.tools_sync()])


async def test_after_closing_nothing_is_called() -> None:
    async with McpClient(script("mcp_plain.py", "garbage"), name="plain") as client:
        echo = (await client.tools())[0]
    client.close()
    with pytest.raises(ToolError, match="the connection to plain was closed"):
        await echo.call({"text": "x"})
    with pytest.raises(RunError, match="closed"):
        client.tools_sync()


def test_a_client_that_nobody_holds_ends_its_server() -> None:
    before = children()
    tools = McpClient(script("mcp_plain.py", "garbage")).tools_sync()
    assert len(children() - before) == 1
    assert asyncio.run(tools[0].call({"text": "held by its tools"})) == "held by its tools"
    tools.clear()
    assert settled(lambda: children() <= before)


def test_a_program_that_closes_nothing_leaves_nothing() -> None:
    plain = script("mcp_plain.py", "well")
    code = (
        "import asyncio\n"
        "from forethought.tools.mcp import Command, McpClient\n"
        f"client = McpClient(Command({list(plain.words)!r}, env={ENV!r}))\n"
        "tools = {each.name: each for each in client.tools_sync()}\n"
        "print(asyncio.run(tools['breed'].call({})), asyncio.run(tools['pid'].call({})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    pids = [int(each) for each in done.stdout.split()]
    assert len(pids) == 2
    assert settled(lambda: not any(map(alive, pids)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_connection_of_its_own(shared: McpClient) -> None:
    pid = named(shared)["pid"]
    words = list(script("mcp_plain.py", "well").words)
    code = (
        "import asyncio, os, sys\n"
        "from forethought.tools.mcp import Command, McpClient\n"
        f"with McpClient(Command({words!r}, env={ENV!r})) as client:\n"
        "    pid = {each.name: each for each in client.tools_sync()}['pid']\n"
        "    first = asyncio.run(pid.call({}))\n"
        "    child = os.fork()\n"
        "    second = asyncio.run(pid.call({}))\n"
        "    if not child:\n"
        "        sys.exit(second == first)\n"
        "    print(os.waitpid(child, 0)[1], first == second)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("0 True\n", "")
    assert asyncio.run(pid.call({})).isdigit()


async def test_over_http_it_is_the_same(web: Callable[..., Web]) -> None:
    served = web("mcp_toy.py", "http", "PORT")
    with McpClient(served.place, name="toy", timeout=1, start_timeout=3) as client:
        found = named(client)
        assert await found["add"].call({"a": 1}) == "2"
        assert "an image, image/png" in await found["picture"].call({})
        call = asyncio.create_task(found["sleep"].call({"seconds": 60}))
        await asyncio.sleep(0.2)
        served.kill()
        with pytest.raises(ToolError, match="toy was lost during the call"):
            await call
        with pytest.raises(ToolError, match="toy cannot be used"):
            await found["add"].call({"a": 1})
        served.start()
        assert await found["add"].call({"a": 1}) == "2"
        served.process.send_signal(signal.SIGSTOP)
        with pytest.raises(ToolError, match="no result within 1 s"):
            await found["add"].call({"a": 1})
        served.process.send_signal(signal.SIGCONT)
        assert await found["add"].call({"a": 1}) == "2"


async def test_a_session_that_the_server_forgot_is_begun_again(web: Callable[..., Web]) -> None:
    served = web("mcp_plain.py", "http", "PORT")
    assert "good news" not in repr(served.place)
    with McpClient(served.place) as client:
        echo = (await client.tools())[0]
        assert await echo.call({"text": "one"}) == "one"
        served.kill()
        served.start()
        words = ["two", "three", "four"]
        assert await asyncio.gather(*(echo.call({"text": each}) for each in words)) == words
    with (
        McpClient(Address(served.place.url)) as stranger,
        pytest.raises(RunError, match="cannot be used"),
    ):
        await stranger.tools()


async def test_calls_that_wait_for_a_server_fail_together() -> None:
    with McpClient(script("mcp_plain.py", "mute"), start_timeout=0.5) as client:
        asked = [client.tools() for _ in range(10)]
        start = time.monotonic()
        failed = await asyncio.gather(*asked, return_exceptions=True)
        assert time.monotonic() - start < 4
        assert all(isinstance(each, RunError) for each in failed)


async def test_what_the_server_says_plays_no_tricks_on_a_terminal() -> None:
    code = "import sys; sys.exit('\\x1b[2Jgone')"
    with (
        McpClient(Command([sys.executable, "-c", code])) as client,
        pytest.raises(RunError, match=r"it last said:  .2Jgone"),
    ):
        await client.tools()


def test_what_cannot_work_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="list of words"):
        Command("python server.py")
    with pytest.raises(ConfigError, match="list of names"):
        Command(["python"], env="PATH")
    with pytest.raises(ConfigError, match="http://"):
        Address("ftp://files")
    with pytest.raises(ConfigError, match="give it as a header"):
        Address("http://me:secret@host/mcp")
    place = Command(["python"])
    with pytest.raises(ConfigError, match="prefix"):
        McpClient(place, prefix="no good")
    with pytest.raises(ConfigError, match="timeout"):
        McpClient(place, timeout=0)
    with pytest.raises(ConfigError, match="limit"):
        McpClient(place, limit=0)
