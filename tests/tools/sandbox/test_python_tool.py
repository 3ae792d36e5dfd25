import asyncio
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from python_runs import context_of, fails, run, shout

from forethought import RunContext, ToolError, tool
from forethought.agent.errors import ConfigError, MissingExtra, UnknownName
from forethought.tools import python
from forethought.tools.sandbox import Limits, MontyRunner, PythonTool
from forethought.tools.sandbox import tool as tool_module


class Page:
    """A tool whose answers come from outside."""

    name = "page"
    description = "Reads a page."
    schema: Mapping[str, Any] = {"type": "object", "properties": {"address": {"type": "string"}}}
    outside = True

    def call(self, arguments: Mapping[str, Any]) -> str:
        return f"page of {arguments['address']}"


async def test_what_is_printed_and_the_last_value_are_shown(box: PythonTool) -> None:
    assert await run(box, "print('a')\nprint(1, 2)\n{'b': [3]}") == "a\n1 2\n{'b': [3]}"
    assert await run(box, "'text'") == "'text'"
    assert await run(box, "x = 1") == "(nothing was printed)"


@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(9)"])
async def test_after_the_deadline_the_model_is_told_what_is_lost(code: str) -> None:
    box = python("monty", limits=Limits(seconds=0.1))
    await run(box, "x = 5")
    told = await fails(box, f"print('so far')\n{code}")
    assert told == ("so far\nstopped: it took more than 0.1 s; variables of earlier calls are lost")
    assert "NameError" in await fails(box, "x")
    assert await run(box, "1") == "1"
    await box.close()


async def test_sleep_and_work_count_together() -> None:
    box = python("monty", limits=Limits(seconds=0.3))
    loop = asyncio.get_running_loop()
    began = loop.time()
    code = "import time\nwhile True:\n  time.sleep(0.01)\n  sum(range(100000))"
    assert "more than 0.3 s" in await fails(box, code)
    assert loop.time() - began < 0.5
    await box.close()


async def test_too_much_memory_is_said(box: PythonTool) -> None:
    assert "lost" in await fails(box, "x = []\nwhile True: x.append('a' * 10 ** 6 + 'b')")
    assert await run(box, "1") == "1"


async def test_tools_are_functions(box: PythonTool) -> None:
    assert await run(box, "stock('abc')['abc'] + stock(item='ab', count=3)['ab']") == "9"
    assert await run(box, "shout('hi') + '!'") == "'HI!'"
    assert await run(box, "[shout(t) for t in ['a', 'b']]") == "['A', 'B']"


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
    assert told in await fails(box, code)


async def test_an_objection_can_be_caught(box: PythonTool) -> None:
    code = "try:\n  stock('none')\nexcept RuntimeError as error:\n  print('caught', error)"
    assert await run(box, code) == "caught no such item"


async def test_the_clock_stands_while_a_tool_works() -> None:
    @tool
    async def slow() -> int:
        """Takes its time."""
        await asyncio.sleep(0.4)
        return 7

    box = python("monty", limits=Limits(seconds=0.2))
    assert await run(box, "slow()", context_of(slow)) == "7"
    await box.close()


async def test_a_program_cannot_run_itself_under_another_name(box: PythonTool) -> None:
    class Renamed:
        name = "again"
        description = box.description
        schema = box.schema

        async def call_in(self, context: RunContext[None], arguments: Mapping[str, Any]) -> str:
            return await box.call_in(context, arguments)

    told = await fails(box, "again('1')", context_of(Renamed()))
    assert "a program cannot call the tool that runs it" in told
    assert await run(box, "1") == "1"


async def test_calls_of_tools_are_counted() -> None:
    box = python("monty", limits=Limits(calls=3))
    told = await fails(box, "for n in range(9): stock('a')")
    assert "a program may call tools 3 times" in told
    assert await run(box, "stock('a')['a']") == "1"
    await box.close()


async def test_given_tools_are_the_only_ones() -> None:
    box = python("monty", tools=[shout])
    assert "shout(text)" in box.description
    assert await run(box, "shout('a')") == "'A'"
    assert "NameError" in await fails(box, "stock('a')")
    nothing = python("monty", tools=[])
    assert "functions" not in nothing.description.partition("kept between calls")[2]
    assert "NameError" in await fails(nothing, "shout('a')")
    for each in (box, nothing):
        await each.close()


async def test_text_from_outside_is_noted_and_stays_noted(box: PythonTool) -> None:
    class Noting(RunContext[None]):
        outside: list[str] = []  # noqa: RUF012 as a run's own record of it

    context = Noting(None, "one", tools=(Page(),))
    await run(box, "text = page(address='x')", context)
    assert context.outside == ["page of x"]
    context.outside.clear()
    await run(box, "print(text)", context)
    assert context.outside == ["page of x"]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"code": 3}, {"code": "  "}, {"code": "1", "more": 2}, {"code": "a\0b"}],
)
async def test_wrong_arguments_are_told(box: PythonTool, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="program"):
        await box.call(arguments)


async def test_odd_text_does_no_harm(box: PythonTool) -> None:
    assert await run(box, "print('ä ☃ \\ud83d\\ude00'[:3])") == "ä ☃"
    assert "SyntaxError" in await fails(box, "\ud800")
    with pytest.raises(ToolError, match="200000"):
        await box.call({"code": "#" * 300_000})


async def test_the_description_is_true_of_the_interpreter(box: PythonTool) -> None:
    allowed = re.search(r"can be imported: (.*?)\.", box.description)
    missing = re.search(r"is missing: (.*?)\.", box.description)
    assert allowed
    assert missing
    for name in allowed.group(1).split(", "):
        assert await run(box, f"import {name}") == "(nothing was printed)"
    there = {name for name in missing.group(1).split(", ") if name.isidentifier()}
    assert there >= {"statistics", "fractions", "numpy", "sympy"}
    for name in there - {"del", "inheritance"}:
        assert "ModuleNotFoundError" in await fails(box, f"import {name}")
    for code in (
        "def f():\n  yield 1\nlist(f())",
        "class A: pass\nclass B(A): pass",
        "x = 1\ndel x",
        "try: 1\nexcept* ValueError: 2",
    ):
        assert "NotImplementedError" in await fails(box, code)
    assert "AttributeError" in await fails(box, "x = {}\nmax([1], key=x.get)")


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
