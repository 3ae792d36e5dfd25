import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, ModelUnavailable
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.protocols import RunContext
from forethought.agent.summary import Summariser
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Message, Request
from forethought.tools.function import tool


def say(answer: str) -> str:
    return json.dumps({"thought": "I know.", "action": {"answer": answer}})


def do(name: str, **arguments: Any) -> str:
    return json.dumps({"thought": "I do.", "action": {"name": name, "arguments": arguments}})


@tool
async def owner(context: RunContext[str]) -> str:
    """Whose run it is."""
    await asyncio.sleep(0)
    return f"{context.deps} {context.episode} {context.step}"


def test_a_conversation_goes_on() -> None:
    model = ScriptedModel([say("Paris."), say("Two million.")])
    agent = Agent(model)
    first = agent.run_sync("Capital of France?")
    said = TypeAdapter(tuple[Message, ...]).dump_json(first.messages)
    history = TypeAdapter(tuple[Message, ...]).validate_json(said)
    assert history == first.messages == (
        Message("user", "Capital of France?"),
        Message("assistant", "Paris."),
    )  # fmt: skip
    second = agent.run_sync("How many live there?", history=history)
    assert second.messages[:2] == first.messages
    assert [m.content for m in second.messages[2:]] == ["How many live there?", "Two million."]
    shown = model.requests[1].messages[-1].content
    assert "user: Capital of France?\nassistant: Paris." in shown
    assert shown.count("How many live there?") == 1
    assert "Paris" not in model.requests[0].messages[-1].content


async def test_two_hundred_runs_at_once_keep_apart(tmp_path: Path) -> None:
    async def reply(request: Request) -> str:
        await asyncio.sleep(0)
        text = request.messages[-1].content
        name = text.partition("Question: ")[2].split()[0]
        if "Done so far" not in text:
            return do("owner")
        assert f"owner {{}} -> {name} " in text
        return say(f"{name} {'earlier ' + name in text}")

    agent = Agent(FunctionModel(reply), tools=[owner], traces=tmp_path / "t.jsonl")

    async def one(number: int) -> None:
        history = [Message("user", f"earlier q{number}")] if number % 2 else []
        budget = Budget(calls=1) if number % 3 == 0 else None
        result = await agent.run(f"q{number} ?", history=history, deps=f"q{number}", budget=budget)
        episode = result.trace.episode.id
        if budget:
            assert (result.text, result.complete) == (f"q{number} {episode} 0", False)
            assert result.usage.calls == 1
        else:
            assert result.output == f"q{number} {bool(number % 2)}"
            assert result.trace.steps[1].observation == f"q{number} {episode} 0"
            assert result.usage.calls == 2

    await asyncio.gather(*(one(number) for number in range(200)))
    file = read_traces(tmp_path / "t.jsonl")
    assert len(file.traces) == len({t.episode.id for t in file.traces}) == 200
    assert file.warning == ""
    for trace in file.traces:
        assert len(trace.steps) == (1 if trace.outcome and "budget" in trace.outcome.reason else 2)


def test_agents_of_one_process_share_a_traces_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "t.jsonl"
    agents = [Agent(ScriptedModel([say("x")], cycle=True), traces=path) for _ in range(3)]
    assert not path.parent.exists()  # opened by the first run
    threads = [
        threading.Thread(target=agent.run_sync, args=("?",)) for agent in agents for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_traces(path).traces) == 6
    TraceWriter(path).close()  # nothing holds it between runs
    result = agents[0].run_sync("again?")
    assert read_traces(path).traces[-1] == result.trace
    assert result.trace.episode.facts == {"question": "again?"}


def test_a_traces_file_of_another_writer_is_told_before_a_call_is_made(tmp_path: Path) -> None:
    model = ScriptedModel([say("x")])
    agent = Agent(model, traces=tmp_path / "t.jsonl")
    with (
        TraceWriter(tmp_path / "t.jsonl"),
        pytest.raises(ConfigError, match="being written by another process"),
    ):
        agent.run_sync("?")
    assert model.requests == []
    assert agent.run_sync("?").output == "x"


async def test_a_failed_run_is_recorded_and_the_file_let_go(tmp_path: Path) -> None:
    agent = Agent(ScriptedModel([ModelUnavailable("gone")]), traces=tmp_path / "t.jsonl")
    with pytest.raises(ModelUnavailable, match="gone"):
        await agent.run("?")
    TraceWriter(tmp_path / "t.jsonl").close()
    (trace,) = read_traces(tmp_path / "t.jsonl").traces
    assert trace.outcome is not None
    assert trace.outcome.reason == "error: gone"


async def test_cancelling_a_run_cancels_its_tools_and_tears_nothing(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def wait(first: bool) -> None:
        """Waits.

        Args:
            first: Whether to begin.
        """
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    calls = 'wait {"first": true}\nwait {"first": false}'
    both = json.dumps({"thought": "t", "action": calls})
    script = [do("owner"), both, say("later")]
    agent = Agent(ScriptedModel(script), tools=[owner, wait], traces=tmp_path / "t.jsonl")
    run = asyncio.create_task(agent.run("?"))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    file = read_traces(tmp_path / "t.jsonl", empty_ok=True)
    assert (file.unfinished, file.torn, file.traces) == (1, False, [])
    assert (await agent.run("again?")).output == "later"
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines] == [
        "episode",
        "step",
        "episode",
        "step",
        "end",
    ]


async def test_cancelling_while_a_thread_works_does_not_wait_for_it() -> None:
    begun, go_on = threading.Event(), threading.Event()

    @tool
    def work() -> None:
        """Works."""
        begun.set()
        go_on.wait(10)

    run = asyncio.create_task(Agent(ScriptedModel([do("work")]), tools=[work]).run("?"))
    assert await asyncio.to_thread(begun.wait, 5)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 1)
    go_on.set()


def test_run_sync_in_a_thread_without_a_loop() -> None:
    agent = Agent(ScriptedModel([say("x")], cycle=True))
    outputs: list[str] = []

    def ask() -> None:
        outputs.append(agent.run_sync("?", history=[Message("user", "a")]).output)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == ["x"] * 4


async def test_run_sync_inside_a_loop_says_what_to_do() -> None:
    agent = Agent(ScriptedModel([say("x")]))
    with pytest.raises(ConfigError, match=r"run_sync inside a running event loop: use await agent"):
        agent.run_sync("?")
    assert await asyncio.to_thread(lambda: agent.run_sync("?").output) == "x"


def test_states_in_the_models_words() -> None:
    def reply(request: Request) -> str:
        if request.stage == "summary":
            return "NOTES"
        return say("x") if "NOTES" in request.messages[-1].content else do("owner")

    agent = Agent(
        FunctionModel(reply), tools=[owner], summarise=Summariser("{state}{happened}{words}")
    )
    result = agent.run_sync("?", deps="me")
    assert result.output == "x"
    first, last = result.trace.steps
    assert (first.state, last.state) == ("Question: ?", "NOTES")
    assert "summary" in last.decision.usage


def test_the_manual_is_replaced_by_argument() -> None:
    model = ScriptedModel([say("x")])
    Agent(model, tools=[owner], instructions="Be brief.", manual="{tools}MINE").run_sync("?")
    system = model.requests[0].messages[0].content
    assert system.startswith("Be brief.\n\nTools:\n- owner: Whose run it is.")
    assert system.endswith("MINE")
