from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.errors import DataError, ModelUnavailable
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.telemetry import Telemetry
from forethought.agent.trace import read_traces
from forethought.agent.types import Episode, Message, Trace
from forethought.tools.function import tool

LOOK = '{"thought": "I look.", "action": "stock {\\"item\\": \\"bike\\"}"}'
DONE = '{"thought": "I know.", "action": "answer: 7"}'
calls: list[str] = []


@tool(inline=True)
def stock(item: str) -> int:
    """Units left.

    Args:
        item: Which.
    """
    calls.append(item)
    return 7


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


async def test_a_run_that_a_limit_ended_goes_on_without_calling_again() -> None:
    agent = Agent(ScriptedModel([LOOK, DONE]), tools=[stock], budget=Budget(calls=1))
    first = await agent.run("How many?", history=(Message("user", "Hello"),))
    assert not first.complete
    assert calls == ["bike"]
    again = await agent.resume(first.trace, budget=Budget(calls=5))
    assert again.complete
    assert again.output == "7"
    assert calls == ["bike"]
    assert len(again.trace.steps) == 2
    assert again.trace.episode.facts["resumed_at"] == 1
    # the conversation is the whole one
    assert again.messages[0] == Message("user", "Hello")
    assert again.messages[-1] == Message("assistant", "7")


async def test_a_run_whose_model_died_goes_on_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    model = ScriptedModel([LOOK, ModelUnavailable("gone"), DONE])
    agent = Agent(model, tools=[stock], traces=file)
    with pytest.raises(ModelUnavailable, match="gone"):
        await agent.run("How many?")
    (stopped,) = read_traces(file).traces
    assert (await agent.resume(stopped)).output == "7"
    (whole,) = read_traces(file).traces
    assert whole.outcome is not None
    assert whole.outcome.success
    assert calls == ["bike"]


async def test_only_an_agents_own_unfinished_run_is_resumed() -> None:
    agent = Agent(ScriptedModel([DONE]))
    done = await agent.run("How many?")
    with pytest.raises(DataError, match="ended"):
        await agent.resume(done.trace)
    with pytest.raises(DataError, match="not the record of an agent"):
        await agent.resume(Trace(Episode("e", "signpost-v0")))


async def test_runs_are_watched_when_asked() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    agent = Agent(ScriptedModel([LOOK, DONE]), tools=[stock], telemetry=Telemetry(provider))
    assert (await agent.run("How many?")).output == "7"
    names = [span.name.split()[0] for span in spans.get_finished_spans()]
    assert names.count("invoke_agent") == 1
    assert names.count("chat") == 2
    assert names.count("execute_tool") == 1
