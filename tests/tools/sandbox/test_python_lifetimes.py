import asyncio
import json
import threading

import pytest
from python_runs import context_of, fails, run, stock

from forethought import Agent, RunContext, ScriptedModel, ToolError, tool
from forethought.agent.task import ToolTask
from forethought.tools import python
from forethought.tools.sandbox import Limits, MontyRunner, PythonTool
from forethought.tools.sandbox import monty as monty_module


def call(name: str, **arguments: object) -> str:
    return json.dumps({"thought": "I look.", "action": {"name": name, "arguments": arguments}})


def answer(value: object) -> str:
    return json.dumps({"thought": "I know.", "action": {"answer": value}})


async def test_variables_stay_for_the_calls_of_an_episode(box: PythonTool) -> None:
    await run(box, "x = 20\ndef double(n): return 2 * n")
    assert await run(box, "double(x) + 2") == "42"
    assert "NameError" in await fails(box, "x", context_of(episode="another"))
    assert "NameError" in await fails(box, "x", RunContext(None))


async def test_outside_of_a_run_nothing_stays(box: PythonTool) -> None:
    await box.call({"code": "x = 1"})
    with pytest.raises(ToolError, match="name 'x' is not defined"):
        await box.call({"code": "x"})


async def test_a_mistake_leaves_the_variables(box: PythonTool) -> None:
    await run(box, "x = 5")
    told = await fails(box, "print('so far')\n1 / 0")
    assert told.startswith("so far\nTraceback")
    assert told.endswith("ZeroDivisionError: division by zero")
    assert "SyntaxError" in await fails(box, "x = = 1")
    assert await run(box, "x") == "5"


async def test_calls_of_one_reply_take_turns(box: PythonTool) -> None:
    await run(box, "x = 0")
    code = "x = x + 1\nshout('a')\nx"
    results = await asyncio.gather(*(run(box, code) for _ in range(5)))
    assert sorted(results) == ["1", "2", "3", "4", "5"]


async def test_first_calls_of_one_reply_share_their_variables(box: PythonTool) -> None:
    await asyncio.gather(*(run(box, f"{name} = 1") for name in "abc"))
    assert await run(box, "a + b + c") == "3"


async def test_calls_that_wait_for_one_that_is_ended_begin_anew() -> None:
    box = python("monty", limits=Limits(seconds=0.2))
    await run(box, "x = 1")
    codes = ["while True: pass", "shout('a')", "shout('b')"]
    first, *others = await asyncio.gather(*(run(box, c) for c in codes), return_exceptions=True)
    assert "more than 0.2 s" in str(first)
    assert others == ["'A'", "'B'"]
    await box.close()


async def test_a_call_cancelled_while_a_tool_works_harms_no_later_one(box: PythonTool) -> None:
    begun = asyncio.Event()

    @tool
    async def wait() -> None:
        """Waits for ever."""
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(run(box, "x = 1\nwait()", context_of(wait)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await run(box, "2") == "2"


async def test_many_episodes_at_once_keep_apart(box: PythonTool) -> None:
    async def one(number: int) -> str:
        context = context_of(episode=f"episode {number}")
        await run(box, f"x = {number}", context)
        return await run(box, "x", context)

    results = await asyncio.gather(*(one(n) for n in range(20)))
    assert results == [str(n) for n in range(20)]


async def test_the_longest_unused_variables_go_first(
    box: PythonTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monty_module, "KEPT", 2)
    for name in ("a", "b", "c"):
        await run(box, "x = 1", context_of(episode=name))
    assert await run(box, "x", context_of(episode="c")) == "1"
    told = await run(box, "2", context_of(episode="a"))
    assert told == "note: variables of earlier calls are lost\n2"
    assert await run(box, "3", context_of(episode="a")) == "3"


def test_threads_with_loops_of_their_own_share_a_tool() -> None:
    box = python("monty")
    results: list[str] = []

    def work(number: int) -> None:
        context = context_of(episode=f"thread {number}")
        asyncio.run(run(box, f"x = {number}", context))
        results.append(asyncio.run(run(box, "x", context)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(results) == ["0", "1", "2", "3"]
    asyncio.run(box.close())


def test_an_agent_has_its_tools_in_programs_and_drops_variables_at_the_end() -> None:
    box = python("monty")
    script = [call("python", code="n = stock('helmet')['helmet']"), call("python", code="n + 1")]
    model = ScriptedModel([*script, answer("done"), *script[1:], answer("again")])
    agent = Agent(model, tools=[stock, box])
    result = agent.run_sync("How many?")
    assert result.trace.steps[2].observation == "7"
    runner = box.runner
    assert isinstance(runner, MontyRunner)
    assert runner.kept == 0
    again = agent.run_sync("And now?")
    assert "NameError" in again.trace.steps[1].observation
    asyncio.run(box.close())


async def test_a_run_that_is_cancelled_drops_its_variables_and_its_program() -> None:
    box = python("monty", limits=Limits(seconds=30))
    model = ScriptedModel([call("python", code="while True: pass")])
    task = asyncio.create_task(Agent(model, tools=[box]).run("?"))
    runner = box.runner
    assert isinstance(runner, MontyRunner)
    while not runner.kept:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert runner.kept == 0
    began = asyncio.get_running_loop().time()
    await box.close()  # waits for whatever still runs
    assert asyncio.get_running_loop().time() - began < 1


def test_a_run_that_fails_drops_its_variables_too() -> None:
    box = python("monty")
    model = ScriptedModel([call("python", code="n = 1")], cycle=True)
    result = Agent(model, tools=[box], max_steps=2).run_sync("?")
    assert result.trace.outcome is not None
    assert result.trace.outcome.reason == "truncated"
    runner = box.runner
    assert isinstance(runner, MontyRunner)
    assert runner.kept == 0
    asyncio.run(box.close())


async def test_a_task_drops_variables_when_it_is_answered_or_begun_anew(box: PythonTool) -> None:
    runner = box.runner
    assert isinstance(runner, MontyRunner)
    task = ToolTask("?", [box], context=RunContext(None, "task"))
    for last in ('{"answer": "1"}', ""):
        task.reset()
        await task.step('python {"code": "x = 1"}')
        assert runner.kept == 1
        if last:
            await task.step(last)
        else:
            task.reset()
        assert runner.kept == 0
