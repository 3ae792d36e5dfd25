import asyncio
import contextlib
import gc
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support_writer import Writer

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, ModelUnavailable
from forethought.agent.protocols import RunContext
from forethought.agent.stream import answer_so_far
from forethought.agent.types import Event, Reply, ToolCall, Usage
from forethought.tools.function import tool


def say(answer: Any) -> str:
    return json.dumps({"thought": "I know.", "action": {"answer": answer}})


LOOK = json.dumps({"thought": "I look.", "action": {"name": "look", "arguments": {}}})
LONG = 'Four "bikes" \\ and a\nline of ünïcödé 🚲.'


@tool
def look(context: RunContext[Any]) -> int:
    """Looks."""
    context.tell("looking")
    return 4


async def texts(agent: Agent[Any], **options: Any) -> list[str]:
    stream = agent.stream("?", **options)
    said = [text async for text in stream.text()]
    assert stream.result is not None
    assert not said or said[-1] == stream.result.text
    return said


async def test_events_with_the_text_as_it_is_written() -> None:
    stream = Agent(Writer([LOOK, say(LONG)], size=8), tools=[look]).stream("?")
    events = [event async for event in stream]
    pieces = "".join(event.text for event in events if event.kind == "text")
    assert pieces == LOOK + say(LONG)
    assert [e.text for e in events if e.kind == "tool"] == ["looking"]
    kinds = [e.kind for e in events]
    assert kinds.index("tool") > kinds.index("action")
    assert stream.result is not None
    assert stream.result.output == LONG


async def test_only_the_answer_as_it_grows() -> None:
    said = await texts(Agent(Writer([LOOK, say(LONG)]), tools=[look]))
    assert len(said) > 10
    assert said[-1] == LONG
    assert all(LONG.startswith(text) for text in said)
    assert [len(text) for text in said] == sorted({len(text) for text in said})


@pytest.mark.parametrize(
    "reply",
    [
        say(LONG),
        f"```json\n{say(LONG)}\n```",
        json.dumps({"thought": "t", "action": f"answer: {LONG}"}),
        json.dumps({"thought": "t", "action": {"name": "answer", "arguments": {"answer": LONG}}}),
    ],
)
async def test_every_form_of_an_answer_is_heard(reply: str) -> None:
    said = await texts(Agent(Writer([reply], size=1)))
    assert len(said) > 5
    assert all(LONG.startswith(text) for text in said)


async def test_a_model_that_calls_natively_is_heard_in_prose() -> None:
    called = Reply("I look.", Usage(1), calls=(ToolCall("look", {}),))
    said = await texts(Agent(Writer([called, LONG], calls_tools=True), tools=[look]))
    assert "I look." in said  # provisional, until the call shows that it is no answer
    after = said[said.index("I look.") + 1 :]
    assert all(LONG.startswith(text) for text in after)
    assert len(after) > 5


async def test_a_reply_cut_off_begins_anew() -> None:
    said = await texts(Agent(Writer([say(LONG)], cut=0)))
    lengths = [len(text) for text in said]
    assert lengths != sorted(lengths)
    assert said[-1] == LONG
    assert all(LONG.startswith(text) for text in said)


async def test_a_typed_answer_is_heard_as_json() -> None:
    said = await texts(Agent(Writer([say([1, 22, 333])], size=1), output_type=list[int]))
    assert json.loads(said[0]) == []
    assert json.loads(said[-1]) == [1, 22, 333]


async def test_a_model_that_cannot_stream_says_it_all_at_once(fake_model: Any) -> None:
    assert await texts(Agent(fake_model([say(LONG)]))) == [LONG]


async def test_a_limit_ends_with_the_best_so_far() -> None:
    agent = Agent(Writer([LOOK]), tools=[look])
    assert await texts(agent, budget=Budget(calls=2)) == ["4"]


async def test_errors_come_through_the_stream(fake_model: Any) -> None:
    stream = Agent(fake_model([ModelUnavailable("no server")])).stream("?")
    with pytest.raises(ModelUnavailable):
        async for _ in stream.text():
            pass
    assert stream.result is None


async def test_a_stream_is_read_once(fake_model: Any) -> None:
    stream = Agent(fake_model([say("x")])).stream("?")
    assert [text async for text in stream.text()] == ["x"]
    with pytest.raises(ConfigError, match="a stream is read once"):
        aiter(stream)


Leave = Callable[[Any], Any]


async def by_aclose(stream: Any) -> None:
    events = aiter(stream)
    async for event in events:
        if event.kind == "tool":
            break
    await events.aclose()


async def by_context(stream: Any) -> None:
    async with stream:
        async for event in stream:
            if event.kind == "tool":
                return


async def by_break(stream: Any) -> None:
    async for event in stream:
        if event.kind == "tool":
            break


async def by_error(stream: Any) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with stream:
            async for event in stream:
                if event.kind == "tool":
                    raise ZeroDivisionError


@pytest.mark.parametrize("leave", [by_aclose, by_context, by_break, by_error])
async def test_leaving_early_cancels_the_tools_and_leaves_nothing(leave: Leave) -> None:
    ended: list[str] = []

    @tool
    async def wait(context: RunContext[Any], name: str) -> None:
        """Waits.

        Args:
            name: Who.
        """
        context.tell(name)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    calls = tuple(ToolCall("wait", {"name": name}) for name in "ab")
    model = Writer([Reply("", Usage(1), calls=calls)], calls_tools=True)
    stream = Agent(model, tools=[wait]).stream("?")
    await leave(stream)
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert sorted(ended) == ["a", "b"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert stream.result is None
    assert len(model.requests) == 1


async def test_a_stream_that_is_never_read_runs_nothing() -> None:
    model = Writer([say("x")])
    async with Agent(model).stream("?"):
        pass
    assert model.requests == []


@pytest.mark.parametrize(
    ("text", "plain", "answer"),
    [
        ("", True, ""),
        ("  Fo", True, "Fo"),
        ("  Fo", False, ""),
        ('{"thought": "x', True, ""),
        ('{"thought": "x", "action": {"name": "look", "arg', True, ""),
        ('{"action": {"answer": "a\\', False, "a"),
        ('{"action": {"answer": "a\\u00', False, "a"),
        ('{"action": "answer: Ja', False, "Ja"),
        ('{"action": "{\\"answer\\": \\"Ja', False, "Ja"),
        ('{"answer": {"a": [1', False, '{"a":[1]}'),
        ("answer: Ja", False, "Ja"),
        ("{nonsense", True, ""),
        ('{"action": [1]}', False, ""),
    ],
)
def test_the_answer_so_far(text: str, plain: bool, answer: str) -> None:
    assert answer_so_far(text, plain=plain) == answer


async def test_what_a_tool_tells_in_a_thread_is_heard_on_the_loop() -> None:
    heard: list[str] = []
    agent = Agent(Writer([LOOK, say("x")]), tools=[look])

    def listen(event: Event) -> None:
        if event.kind == "tool":
            heard.append(threading.current_thread().name)

    await agent._run("?", (), None, None, listen)
    assert heard == [threading.main_thread().name]
