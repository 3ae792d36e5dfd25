import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, ModelUnavailable
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.planners.reflexion import Reflexion
from forethought.agent.task import ToolTask
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.trials import run_trials
from forethought.agent.types import Episode, Request


def move(action: str) -> str:
    return json.dumps({"thought": "I try.", "action": action})


def lesson(text: str) -> str:
    return json.dumps({"lesson": text})


class Stock:
    name = "stock"
    description = "Units left."
    schema: Mapping[str, Any] = {"properties": {}, "required": []}

    def call(self, arguments: Mapping[str, Any]) -> str:
        if "item" not in arguments:
            raise RuntimeError("no item")
        return "7"


def task() -> ToolTask:
    return ToolTask("How many?", [Stock()], check=lambda said: said == "7")


EPISODE = Episode("e", "tool-task", seed=3)


def prompt(request: Request) -> str:
    return request.messages[-1].content


async def test_a_refused_action_and_a_failed_call_teach_a_lesson_each() -> None:
    model = ScriptedModel(
        [
            move("seven?"),
            lesson("I must use the\n forms."),
            move("stock {}"),
            lesson("I must name the item."),
            move('stock {"item": "bike"}'),
            move("answer: 7"),
        ]
    )
    trace = await run_episode(task(), Reflexion(), episode=EPISODE, model=model)
    model.check_done()
    assert trace.outcome
    assert trace.outcome.success
    stages = [r.stage for r in model.requests]
    assert stages == ["act", "reflect", "act", "reflect", "act", "act"]
    asked = [prompt(r) for r in model.requests]
    assert "I did: seven?\nThen: Not done: it is neither a tool call nor an answer." in asked[1]
    assert "Then: failed: RuntimeError: no item" in asked[3]
    assert "Lessons" not in asked[0]
    both = "wrong before:\n- I must use the forms.\n- I must name the item.\n\nDecide"
    assert both in asked[4].replace("Now: failed: RuntimeError: no item\n\n", "")
    assert [step.decision.lessons for step in trace.steps] == [
        (),
        ("I must use the forms.",),
        ("I must use the forms.", "I must name the item."),
        ("I must use the forms.", "I must name the item."),
    ]
    assert trace.steps[1].decision.usage["reflect"].calls == 1
    assert {step.decision.planner for step in trace.steps} == {"reflexion"}


async def test_what_is_seen_and_done_is_told_once() -> None:
    model = ScriptedModel([move("stock {}"), lesson("I name it."), move("answer: 7")])
    await run_episode(task(), Reflexion(), episode=EPISODE, model=model)
    last = prompt(model.requests[-1])
    assert last.count("Question: How many?") == 1
    assert last.count("I name it.") == 1


async def test_the_latest_lessons_are_kept_and_none_twice() -> None:
    def answer(request: Request) -> str:
        if request.stage == "reflect":
            number = sum(r.stage == "reflect" for r in seen)
            return lesson(f"L{min(number, 4)}.")
        return move("hm")

    seen: list[Request] = []

    def watch(request: Request) -> str:
        seen.append(request)
        return answer(request)

    trace = await run_episode(
        task(), Reflexion(keep=2), episode=EPISODE, model=FunctionModel(watch), max_steps=7
    )
    assert [s.decision.lessons for s in trace.steps][-3:] == [("L3.", "L4.")] * 3
    assert trace.steps[1].decision.lessons == ("L1.",)


async def test_a_reward_below_0_teaches_and_prose_is_a_lesson(talk: Any) -> None:
    world = talk(length=2)
    plain = world.step

    async def harsh(action: str) -> Any:
        text, _, *rest = await plain(action)
        return text, -1.0, *rest

    world.step = harsh
    model = ScriptedModel([move("a"), "Ask first.", move("b")])
    trace = await run_episode(world, Reflexion(), episode=EPISODE, model=model)
    assert trace.steps[1].decision.lessons == ("Ask first.",)


async def test_what_cannot_be_read_is_repaired_once_and_then_no_lesson() -> None:
    model = ScriptedModel([move("hm"), "{", "{", move("answer: 7")])
    trace = await run_episode(task(), Reflexion(), episode=EPISODE, model=model)
    assert trace.steps[1].decision.lessons == ()
    assert trace.steps[1].decision.repairs == 1
    assert trace.outcome
    assert trace.outcome.success


async def test_many_episodes_at_once_keep_their_lessons_apart() -> None:
    planner = Reflexion()

    async def one(number: int) -> tuple[str, ...]:
        async def answer(request: Request) -> str:
            await asyncio.sleep(0)
            if request.stage == "reflect":
                return lesson(f"Lesson of {number}.")
            return move("answer: 7" if "Lesson" in prompt(request) else "hm")

        trace = await run_episode(
            task(), planner, episode=EPISODE, model=FunctionModel(answer), max_steps=5
        )
        return trace.steps[-1].decision.lessons

    found = await asyncio.gather(*(one(number) for number in range(20)))
    assert found == [(f"Lesson of {number}.",) for number in range(20)]


async def test_trials_go_on_until_success_with_what_was_learnt(tmp_path: Any) -> None:
    model = ScriptedModel(
        [
            move('stock {"item": "bike"}'),
            move("answer: 8"),
            lesson("I copy the number as it stands."),
            move("answer: seven"),
            lesson("I write digits."),
            move("answer: 7"),
        ]
    )
    path = tmp_path / "t.jsonl"
    with TraceWriter(path) as writer:
        trials = await run_trials(
            task, Reflexion(), episode=EPISODE, model=model, trials=5, writer=writer
        )
    model.check_done()
    assert read_traces(path).traces == trials
    assert [t.episode.id for t in trials] == ["e", "e/trial-2", "e/trial-3"]
    assert [t.episode.facts["trial"] for t in trials] == [1, 2, 3]
    assert [t.outcome.success for t in trials if t.outcome] == [False, False, True]
    assert trials[2].steps[0].decision.lessons == (
        "I copy the number as it stands.",
        "I write digits.",
    )
    asked = prompt(model.requests[2])
    assert 'I did: stock {"item": "bike"}\nThen: 7\nI did: answer: 8\nIn the end:' in asked
    assert "The answer given is wrong. Reward 0, no success." in asked
    assert trials[1].steps[0].decision.usage["reflect"].calls == 1


async def test_lessons_within_a_trial_go_on_to_the_next() -> None:
    model = ScriptedModel(
        [
            move("hm"),
            lesson("I use the forms."),
            move("answer: 8"),
            lesson("I count again."),
            move("answer: 7"),
        ]
    )
    _, last = await run_trials(task, Reflexion(), episode=EPISODE, model=model)
    assert last.steps[0].decision.lessons == ("I use the forms.", "I count again.")


async def test_trials_end_with_their_number_their_budget_or_an_error() -> None:
    def wrong(request: Request) -> str:
        return lesson("No.") if request.stage == "reflect" else move("answer: 8")

    trials = await run_trials(
        task, Reflexion(), episode=EPISODE, model=FunctionModel(wrong), trials=2
    )
    assert len(trials) == 2
    # calls: 1, then 2 (reflect, act), then none is left to act after the next reflection
    trials = await run_trials(
        task,
        Reflexion(),
        episode=EPISODE,
        model=FunctionModel(wrong),
        trials=9,
        budget=Budget(calls=4),
    )
    assert [t.outcome.reason for t in trials if t.outcome] == [
        "terminated",
        "terminated",
        "budget: all 4 calls are used",
    ]
    down = ScriptedModel([ModelUnavailable("away")])
    (only,) = await run_trials(task, Reflexion(), episode=EPISODE, model=down)
    assert only.outcome
    assert only.outcome.reason == "error: away"
    first = ScriptedModel([move("answer: 7")])
    assert len(await run_trials(task, Reflexion(), episode=EPISODE, model=first)) == 1


async def test_seconds_and_steps_of_trials() -> None:
    async def slow(request: Request) -> str:
        await asyncio.sleep(0.05)
        return lesson("No.") if request.stage == "reflect" else move("answer: 8")

    trials = await run_trials(
        task,
        Reflexion(),
        episode=EPISODE,
        model=FunctionModel(slow),
        trials=99,
        budget=Budget(seconds=0.3),
    )
    assert 1 <= len(trials) <= 4
    lost = ScriptedModel([move("hm"), lesson("a"), move("hm"), lesson("b")], cycle=True)
    trials = await run_trials(
        task, Reflexion(), episode=EPISODE, model=lost, budget=Budget(steps=2)
    )
    assert [len(t.steps) for t in trials] == [2]
    assert trials[0].outcome
    assert trials[0].outcome.reason == "budget: all 2 steps are used"


async def test_the_actor_is_an_argument() -> None:
    class Fixed:
        name = "fixed"

        async def decide(self, turn: Any) -> Any:
            states.append(turn.state)
            return await Reflexion().decide(turn)

    states: list[str] = []
    model = ScriptedModel([move("hm"), lesson("L."), move("answer: 7")], cycle=True)
    await run_episode(
        task(), Reflexion(Fixed(), lessons=["Old."]), episode=EPISODE, model=model, max_steps=1
    )
    assert states[0].endswith("Lessons from what went wrong before:\n- Old.")


def test_settings_that_cannot_work() -> None:
    with pytest.raises(ConfigError, match="keep must be 1 or more"):
        Reflexion(keep=0)
    with pytest.raises(ConfigError, match="prompt reflect has unknown fields"):
        Reflexion(reflect_prompt="{moves}")


async def test_at_least_one_trial() -> None:
    with pytest.raises(ConfigError, match="trials must be 1 or more"):
        await run_trials(task, Reflexion(), episode=EPISODE, model=ScriptedModel(), trials=0)
