import asyncio
import json
import re
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from forethought import Agent, RunContext, ScriptedModel, ToolError, tool
from forethought.agent.errors import ConfigError, MissingExtra, UnknownName
from forethought.agent.task import ToolTask
from forethought.tools import python
from forethought.tools.sandbox import Limits, MontyRunner, PythonTool
from forethought.tools.sandbox import monty as monty_module
from forethought.tools.sandbox import tool as tool_module


def call(name: str, **arguments: object) -> str:
    return json.dumps({"thought": "I look.", "action": {"name": name, "arguments": arguments}})


def answer(value: object) -> str:
    return json.dumps({"thought": "I know.", "action": {"answer": value}})


@tool
def stock(item: str, count: int = 1) -> dict[str, int]:
    """Units in the warehouse.

    Args:
        item: Catalogue name.
        count: How many times.
    """
    if item == "none":
        raise ToolError("no such item")
    if item == "broken":
        raise ValueError("warehouse on fire")
    return {item: len(item) * count}


@tool
async def shout(text: str) -> str:
    """Loud text.

    Args:
        text: What to say.
    """
    await asyncio.sleep(0.01)
    return text.upper()


class Page:
    """A tool whose answers come from outside."""

    name = "page"
    description = "Reads a page."
    schema: Mapping[str, Any] = {"type": "object", "properties": {"address": {"type": "string"}}}
    outside = True

    def call(self, arguments: Mapping[str, Any]) -> str:
        return f"page of {arguments['address']}"


@pytest.fixture
async def box() -> AsyncIterator[PythonTool]:
    made = python("monty", limits=Limits(seconds=2))
    yield made
    await made.close()


def _context(*tools: Any, episode: str = "one") -> RunContext[None]:
    return RunContext(None, episode, tools=tools)


async def _run(box: PythonTool, code: str, context: RunContext[None] | None = None) -> str:
    return await box.call_in(context or _context(stock, shout, box), {"code": code})


async def _fails(box: PythonTool, code: str, context: RunContext[None] | None = None) -> str:
    with pytest.raises(ToolError) as caught:
        await _run(box, code, context)
    return str(caught.value)


async def test_what_is_printed_and_the_last_value_are_shown(box: PythonTool) -> None:
    assert await _run(box, "print('a')\nprint(1, 2)\n{'b': [3]}") == "a\n1 2\n{'b': [3]}"
    assert await _run(box, "'text'") == "'text'"
    assert await _run(box, "x = 1") == "(nothing was printed)"


async def test_variables_stay_for_the_calls_of_an_episode(box: PythonTool) -> None:
    await _run(box, "x = 20\ndef double(n): return 2 * n")
    assert await _run(box, "double(x) + 2") == "42"
    assert "NameError" in await _fails(box, "x", _context(episode="another"))
    assert "NameError" in await _fails(box, "x", RunContext(None))


async def test_outside_of_a_run_nothing_stays(box: PythonTool) -> None:
    await box.call({"code": "x = 1"})
    with pytest.raises(ToolError, match="name 'x' is not defined"):
        await box.call({"code": "x"})


async def test_a_mistake_leaves_the_variables(box: PythonTool) -> None:
    await _run(box, "x = 5")
    told = await _fails(box, "print('so far')\n1 / 0")
    assert told.startswith("so far\nTraceback")
    assert told.endswith("ZeroDivisionError: division by zero")
    assert "SyntaxError" in await _fails(box, "x = = 1")
    assert await _run(box, "x") == "5"


@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(9)"])
async def test_after_the_deadline_the_model_is_told_what_is_lost(code: str) -> None:
    box = python("monty", limits=Limits(seconds=0.1))
    await _run(box, "x = 5")
    told = await _fails(box, f"print('so far')\n{code}")
    assert told == ("so far\nstopped: it took more than 0.1 s; variables of earlier calls are lost")
    assert "NameError" in await _fails(box, "x")
    assert await _run(box, "1") == "1"
    await box.close()


async def test_sleep_and_work_count_together() -> None:
    box = python("monty", limits=Limits(seconds=0.3))
    loop = asyncio.get_running_loop()
    began = loop.time()
    code = "import time\nwhile True:\n  time.sleep(0.01)\n  sum(range(100000))"
    assert "more than 0.3 s" in await _fails(box, code)
    assert loop.time() - began < 0.5
    await box.close()


async def test_too_much_memory_is_said(box: PythonTool) -> None:
    assert "lost" in await _fails(box, "x = []\nwhile True: x.append('a' * 10 ** 6 + 'b')")
    assert await _run(box, "1") == "1"


async def test_tools_are_functions(box: PythonTool) -> None:
    assert await _run(box, "stock('abc')['abc'] + stock(item='ab', count=3)['ab']") == "9"
    assert await _run(box, "shout('hi') + '!'") == "'HI!'"
    assert await _run(box, "[shout(t) for t in ['a', 'b']]") == "['A', 'B']"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("stock()", "TypeError: stock(item, count=...) needs item"),
        ("stock('a', 1, 2)", "TypeError: stock(item, count=...) takes 2 arguments, not 3"),
        ("stock('a', item='b')", "TypeError: stock(item, count=...): item is given twice"),
        ("stock('a', size=1)", "TypeError: stock(item, count=...) has no argument 'size'"),
        ("stock('a', 'many')", "unable to parse string as an integer"),
        ("stock([1])", "Input should be a valid string"),
        ("class A: pass\nstock(A())", "not A"),
        ("stock({1: 2})", "text as keys"),
        ("x = []\nx.append(x)\nstock(x)", "Input should be a valid string"),
        ("stock('none')", "RuntimeError: no such item"),
        ("stock('broken')", "RuntimeError: stock failed: ValueError: warehouse on fire"),
        ("python('1')", "name 'python' is not defined"),
        ("order('a')", "name 'order' is not defined"),
    ],
)
async def test_calls_of_tools_are_checked(box: PythonTool, code: str, told: str) -> None:
    assert told in await _fails(box, code)


async def test_an_objection_can_be_caught(box: PythonTool) -> None:
    code = "try:\n  stock('none')\nexcept RuntimeError as error:\n  print('caught', error)"
    assert await _run(box, code) == "caught no such item"


async def test_the_clock_stands_while_a_tool_works() -> None:
    @tool
    async def slow() -> int:
        """Takes its time."""
        await asyncio.sleep(0.4)
        return 7

    box = python("monty", limits=Limits(seconds=0.2))
    assert await _run(box, "slow()", _context(slow)) == "7"
    await box.close()


async def test_a_program_cannot_run_itself_under_another_name(box: PythonTool) -> None:
    class Renamed:
        name = "again"
        description = box.description
        schema = box.schema

        async def call_in(self, context: RunContext[None], arguments: Mapping[str, Any]) -> str:
            return await box.call_in(context, arguments)

    told = await _fails(box, "again('1')", _context(Renamed()))
    assert "a program cannot call the tool that runs it" in told
    assert await _run(box, "1") == "1"


async def test_calls_of_tools_are_counted() -> None:
    box = python("monty", limits=Limits(calls=3))
    told = await _fails(box, "for n in range(9): stock('a')")
    assert "a program may call tools 3 times" in told
    assert await _run(box, "stock('a')['a']") == "1"
    await box.close()


async def test_given_tools_are_the_only_ones() -> None:
    box = python("monty", tools=[shout])
    assert "shout(text)" in box.description
    assert await _run(box, "shout('a')") == "'A'"
    assert "NameError" in await _fails(box, "stock('a')")
    nothing = python("monty", tools=[])
    assert "functions" not in nothing.description.partition("kept between calls")[2]
    assert "NameError" in await _fails(nothing, "shout('a')")
    for each in (box, nothing):
        await each.close()


async def test_text_from_outside_is_noted_and_stays_noted(box: PythonTool) -> None:
    class Noting(RunContext[None]):
        outside: list[str] = []  # noqa: RUF012 as a run's own record of it

    context = Noting(None, "one", tools=(Page(),))
    await _run(box, "text = page(address='x')", context)
    assert context.outside == ["page of x"]
    context.outside.clear()
    await _run(box, "print(text)", context)
    assert context.outside == ["page of x"]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"code": 3}, {"code": "  "}, {"code": "1", "more": 2}, {"code": "a\0b"}],
)
async def test_wrong_arguments_are_told(box: PythonTool, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="program"):
        await box.call(arguments)


async def test_odd_text_does_no_harm(box: PythonTool) -> None:
    assert await _run(box, "print('ä ☃ \\ud83d\\ude00'[:3])") == "ä ☃"
    assert "SyntaxError" in await _fails(box, "\ud800")
    with pytest.raises(ToolError, match="200000"):
        await box.call({"code": "#" * 300_000})


async def test_calls_of_one_reply_take_turns(box: PythonTool) -> None:
    await _run(box, "x = 0")
    code = "x = x + 1\nshout('a')\nx"
    results = await asyncio.gather(*(_run(box, code) for _ in range(5)))
    assert sorted(results) == ["1", "2", "3", "4", "5"]


async def test_first_calls_of_one_reply_share_their_variables(box: PythonTool) -> None:
    await asyncio.gather(*(_run(box, f"{name} = 1") for name in "abc"))
    assert await _run(box, "a + b + c") == "3"


async def test_calls_that_wait_for_one_that_is_ended_begin_anew() -> None:
    box = python("monty", limits=Limits(seconds=0.2))
    await _run(box, "x = 1")
    codes = ["while True: pass", "shout('a')", "shout('b')"]
    first, *others = await asyncio.gather(*(_run(box, c) for c in codes), return_exceptions=True)
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

    task = asyncio.create_task(_run(box, "x = 1\nwait()", _context(wait)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _run(box, "2") == "2"


async def test_many_episodes_at_once_keep_apart(box: PythonTool) -> None:
    async def one(number: int) -> str:
        context = _context(episode=f"episode {number}")
        await _run(box, f"x = {number}", context)
        return await _run(box, "x", context)

    results = await asyncio.gather(*(one(n) for n in range(20)))
    assert results == [str(n) for n in range(20)]


async def test_the_longest_unused_variables_go_first(
    box: PythonTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monty_module, "KEPT", 2)
    for name in ("a", "b", "c"):
        await _run(box, "x = 1", _context(episode=name))
    assert await _run(box, "x", _context(episode="c")) == "1"
    told = await _run(box, "2", _context(episode="a"))
    assert told == "note: variables of earlier calls are lost\n2"
    assert await _run(box, "3", _context(episode="a")) == "3"


def test_threads_with_loops_of_their_own_share_a_tool() -> None:
    box = python("monty")
    results: list[str] = []

    def work(number: int) -> None:
        context = _context(episode=f"thread {number}")
        asyncio.run(_run(box, f"x = {number}", context))
        results.append(asyncio.run(_run(box, "x", context)))

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


async def test_the_description_is_true_of_the_interpreter(box: PythonTool) -> None:
    allowed = re.search(r"can be imported: (.*?)\.", box.description)
    missing = re.search(r"is missing: (.*?)\.", box.description)
    assert allowed
    assert missing
    for name in allowed.group(1).split(", "):
        assert await _run(box, f"import {name}") == "(nothing was printed)"
    there = {name for name in missing.group(1).split(", ") if name.isidentifier()}
    assert there >= {"statistics", "fractions", "numpy", "sympy"}
    for name in there - {"del", "inheritance"}:
        assert "ModuleNotFoundError" in await _fails(box, f"import {name}")
    for code in (
        "def f():\n  yield 1\nlist(f())",
        "class A: pass\nclass B(A): pass",
        "x = 1\ndel x",
        "try: 1\nexcept* ValueError: 2",
    ):
        assert "NotImplementedError" in await _fails(box, code)
    assert "AttributeError" in await _fails(box, "x = {}\nmax([1], key=x.get)")


def test_without_a_sandbox_there_is_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_module, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[python\]'.*bubblewrap"):
        python()
    with pytest.raises(MissingExtra, match="apt-get install bubblewrap"):
        python("cpython")
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    monkeypatch.delitem(sys.modules, "forethought.tools.sandbox.monty")
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[python\]'"):
        python("monty")


def test_options_that_cannot_work() -> None:
    with pytest.raises(UnknownName, match="did you mean 'monty'"):
        python("mont")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="identifier"):
        python("monty", name="my python")
    for name in ("seconds", "memory", "output", "calls", "processes", "disk"):
        with pytest.raises(ConfigError, match=f"{name} must be above 0"):
            Limits(**{name: 0})
    with pytest.raises(ConfigError, match="finite"):
        Limits(seconds=float("inf"))


def test_the_first_sandbox_that_is_there_is_taken() -> None:
    assert isinstance(python().runner, MontyRunner)
