import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel
from support_writer import Writer

from forethought.agent.agent import Agent
from forethought.agent.critics import ScriptedCritic
from forethought.agent.planners.react import React
from forethought.agent.types import Reply, ToolCall, Usage
from forethought.tools.function import tool


@tool(inline=True)
def stock(item: str) -> int:
    """Units left.

    Args:
        item: Name.
    """
    return len(item)


class Order(BaseModel):
    item: str
    count: int


def call(*calls: ToolCall, text: str = "") -> Reply:
    return Reply(text, Usage(1, 10, 5), calls=calls)


BIKE, CAR = ToolCall("stock", {"item": "bike"}), ToolCall("stock", {"item": "car"})


async def test_calls_in_the_servers_own_way() -> None:
    model = Writer([call(BIKE, CAR, text="I look at both."), "Bikes."], calls_tools=True)
    result = await Agent(model, tools=[stock], instructions="Be brief.").run(
        "What is there more of?"
    )
    assert (result.output, result.complete) == ("Bikes.", True)
    first, last = result.trace.steps
    assert first.decision.action == 'stock {"item": "bike"}\nstock {"item": "car"}'
    assert first.decision.candidate.thought == "I look at both."
    assert last.observation == "[1] stock: 4\n[2] stock: 3"
    assert last.decision.action == "answer: Bikes."
    assert result.usage.calls == 2
    for request in model.requests:
        assert [spec.name for spec in request.tools] == ["stock"]
        assert request.tools[0].schema == stock.schema
        assert request.schema is None
        said = "\n".join(m.content for m in request.messages)
        assert "JSON" not in said
        assert '"arguments"' not in said
        assert request.messages[0].content == "Be brief."


async def test_a_typed_answer_in_the_servers_own_way() -> None:
    given = ToolCall("answer", {"answer": {"item": "bike", "count": 2}})
    model = Writer([call(BIKE), call(given)], calls_tools=True)
    result = await Agent(model, tools=[stock], output_type=Order).run("?")
    assert result.output == Order(item="bike", count=2)
    assert [spec.name for spec in model.requests[0].tools] == ["stock", "answer"]
    prose = Writer(['{"item": "bike", "count": 2}'], calls_tools=True)
    assert (await Agent(prose, output_type=Order).run("?")).output.count == 2
    wrong = Writer([call(ToolCall("answer", {"answer": {}})), call(given)], calls_tools=True)
    assert (await Agent(wrong, output_type=Order).run("?")).output.count == 2
    assert "item: Field required" in wrong.requests[1].messages[-1].content


async def test_a_call_written_as_text_is_a_call_all_the_same() -> None:
    text = json.dumps({"name": "stock", "arguments": {"item": "bike"}})
    model = Writer([text, "answer: four"], calls_tools=True)
    result = await Agent(model, tools=[stock]).run("?")
    assert [step.observation for step in result.trace.steps][1] == "4"
    assert result.output == "four"


async def test_an_empty_reply_is_repaired_once() -> None:
    model = Writer(["", "Four."], calls_tools=True)
    result = await Agent(model, tools=[stock]).run("?")
    assert result.output == "Four."
    assert result.trace.steps[0].decision.repairs == 1
    assert "it is empty" in model.requests[1].messages[-1].content
    assert model.requests[1].tools


async def test_without_tools_or_natively_the_text_protocol_is_used() -> None:
    plain = Writer(['{"thought": "t", "action": "answer: x"}'], calls_tools=True)
    assert (await Agent(plain).run("?")).output == "x"
    assert plain.requests[0].tools == ()
    assert plain.requests[0].schema is not None
    text = Writer(['{"thought": "t", "action": "answer: x"}'])
    assert (await Agent(text, tools=[stock]).run("?")).output == "x"
    assert text.requests[0].tools == ()


async def test_refine_acts_with_native_calls() -> None:
    def at(stage: str) -> str | Reply:
        thoughts = '{"thought": "I look.", "hoped": ["a"], "feared": ["b"], "verdict": "accept"}'
        return thoughts if stage != "act" else call(BIKE)

    class Staged(Writer):
        async def complete(self, request: Any) -> Reply:
            await super().complete(request)
            if "Done so far" in request.messages[-1].content and request.stage == "act":
                return Reply("Four.", Usage(1))
            answer = at(request.stage)
            return answer if isinstance(answer, Reply) else Reply(answer, Usage(1))

    model = Staged([""], calls_tools=True)
    critic = ScriptedCritic(lambda s, c, g: 0.5)
    result = await Agent(model, tools=[stock], critic=critic).run("?")
    assert result.output == "Four."
    assert result.trace.steps[0].decision.action == 'stock {"item": "bike"}'
    for request in model.requests:
        assert bool(request.tools) == (request.stage == "act")
        system = [m.content for m in request.messages if m.role == "system"]
        assert system == ([] if request.stage == "act" else ["Tools:\n- stock: Units left."])


async def test_prompts_are_arguments_of_the_planner() -> None:
    model = Writer(["", "Four."], calls_tools=True)
    planner = React(tools_prompt="Los: {situation}", repair="Falsch: {problem}")
    await Agent(model, tools=[stock], planner=planner).run("Wie?")
    assert model.requests[0].messages[-1].content == "Los: Question: Wie?"
    assert model.requests[1].messages[-1].content == "Falsch: it is empty"


@pytest.mark.parametrize("native", [True, False])
async def test_calls_of_one_reply_run_together(native: bool) -> None:
    barrier = asyncio.Barrier(2)

    @tool
    async def meet(name: str) -> str:
        """Meets the other.

        Args:
            name: Who.
        """
        await asyncio.wait_for(barrier.wait(), 5)
        return name

    calls = [ToolCall("meet", {"name": "a"}), ToolCall("meet", {"name": "b"})]
    lines = "\n".join(f"{each.name} {json.dumps(each.arguments)}" for each in calls)
    done = json.dumps({"thought": "t", "action": "answer: met"})
    replies: list[str | Reply] = (
        [call(*calls), "met"] if native else [json.dumps({"thought": "t", "action": lines}), done]
    )
    result = await Agent(Writer(replies, calls_tools=native), tools=[meet]).run("?")
    assert result.output == "met"
    assert result.trace.steps[1].observation == "[1] meet: a\n[2] meet: b"
    assert result.trace.steps[0].facts["calls"] == 2
