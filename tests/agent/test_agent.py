import asyncio
from typing import Any

import pytest

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import ConfigError, ModelUnavailable, RunError, UnknownName
from forethought.agent.planners.react import React
from forethought.agent.planners.refine import Refine
from forethought.agent.types import Request
from forethought.tools.function import tool


@tool
def stock(item: str) -> int:
    """Units left in the warehouse.

    Args:
        item: Catalogue name.
    """
    return len(item)


LOOK = '{"thought": "I look.", "action": "stock {\\"item\\": \\"bike\\"}"}'
DONE = '{"thought": "I know.", "action": "answer: 4 bikes"}'


async def test_a_question_is_answered_with_a_tool(fake_model: Any) -> None:
    agent = Agent(fake_model([LOOK, DONE] * 2), tools=[stock], instructions="Count well.")
    result = await agent.run("How many bikes?")
    assert (result.output, result.complete) == ("4 bikes", True)
    assert [step.decision.action for step in result.trace.steps] == [
        'stock {"item": "bike"}',
        "answer: 4 bikes",
    ]
    assert result.usage.calls == 2
    again = await agent.run("How many bikes?")
    assert again.trace.episode.id != result.trace.episode.id
    system = agent.model.requests[0].messages[0].content  # type: ignore[attr-defined]
    assert system.startswith("Count well.")
    assert "stock: Units left" in system


def test_run_sync_works_twice_and_only_outside_a_loop(fake_model: Any) -> None:
    agent = Agent(fake_model([DONE, DONE]))
    assert agent.run_sync("?").output == "4 bikes"
    assert agent.run_sync("?").output == "4 bikes"

    async def inside() -> None:
        agent.run_sync("?")

    with pytest.raises(ConfigError, match=r"use await agent\.run"):
        asyncio.run(inside())


async def test_a_critic_brings_refine_and_a_name_any_planner(fake_model: Any) -> None:
    critic, model = ScriptedCritic({}), fake_model([])
    assert isinstance(Agent(model).planner, React)
    assert isinstance(Agent(model, critic=critic).planner, Refine)
    assert Agent(model, critic=critic, planner="rank").planner.name == "rank"
    own = React(name="own")
    assert Agent(model, planner=own).planner is own
    with pytest.raises(ConfigError, match="needs the critic 'head'"):
        Agent(model, planner="rank")
    with pytest.raises(UnknownName, match="planner 'reakt'"):
        Agent(model, planner="reakt")


async def test_guided_by_a_critic(fake_model: Any) -> None:
    replies = {
        "propose": '{"thought": "I guess."}',
        "goals": '{"hoped": ["Right.", "Fast."], "feared": ["Wrong.", "Slow."]}',
        "refine": '{"verdict": "refine", "thought": "I look."}',
        "act": "answer: 4",
    }
    critic = ScriptedCritic(lambda s, c, g: 0.5)
    agent = Agent(fake_model(lambda r: replies[r.stage]), critic=critic)
    stream = agent.stream("How many?")
    kinds = [event.kind async for event in stream]
    assert kinds == [
        "observation",
        "state",
        "thought",
        "goals",
        "critique",
        "refined",
        "action",
        "end",
    ]
    assert stream.result is not None
    assert stream.result.output == "4"
    assert critic.queries[0][1][0].thought == "I guess."


async def test_a_limit_gives_the_best_answer_so_far(fake_model: Any) -> None:
    agent = Agent(fake_model(lambda _: LOOK), tools=[stock], budget=Budget(calls=3))
    result = await agent.run("?")
    assert (result.output, result.complete) == ("4", False)
    assert result.trace.outcome is not None
    assert result.trace.outcome.reason == "budget: all 3 calls are used"
    result = await Agent(fake_model(lambda _: LOOK), tools=[stock], max_steps=2).run("?")
    assert (result.output, result.complete, len(result.trace.steps)) == ("4", False, 2)


async def test_a_model_that_failed_raises_what_it_raised(fake_model: Any) -> None:
    with pytest.raises(ModelUnavailable, match="no server"):
        await Agent(fake_model([ModelUnavailable("no server")])).run("?")
    stream = Agent(fake_model([ModelUnavailable("no server")])).stream("?")
    with pytest.raises(ModelUnavailable):
        async for _ in stream:
            pass
    assert stream.result is None


async def test_a_broken_planner_raises_in_one_line(fake_model: Any) -> None:
    class Bad(React):
        async def decide(self, turn: Any) -> Any:
            raise KeyError("x")

    with pytest.raises(RunError, match="planner react: KeyError"):
        await Agent(fake_model([]), planner=Bad()).run("?")


async def test_leaving_a_stream_ends_its_run(fake_model: Any) -> None:
    model = fake_model(lambda _: LOOK, seconds=0.01)
    stream = Agent(model, tools=[stock]).stream("?")
    events = aiter(stream)
    async for event in events:
        if event.kind == "action":
            break
    await events.aclose()
    made = len(model.requests)
    await asyncio.sleep(0.05)
    assert len(model.requests) == made
    assert stream.result is None


async def test_many_runs_at_once_keep_apart(fake_model: Any) -> None:
    def reply(request: Request) -> str:
        text = request.messages[-1].content
        name = text.partition("Question: ")[2].split()[0]
        if "Done so far" in text:
            return f'{{"thought": "t", "action": "answer: {name}"}}'
        return f'{{"thought": "t", "action": "stock {{\\"item\\": \\"{name}\\"}}"}}'

    agent = Agent(fake_model(reply, seconds=0.001), tools=[stock])
    results = await asyncio.gather(*(agent.run(f"q{n} ?") for n in range(50)))
    assert [r.output for r in results] == [f"q{n}" for n in range(50)]
    assert all(r.usage.calls == 2 for r in results)


def test_a_bare_function_is_no_tool(fake_model: Any) -> None:
    with pytest.raises(ConfigError, match="decorate it with @tool"):
        Agent(fake_model([]), tools=[len])  # type: ignore[list-item]
