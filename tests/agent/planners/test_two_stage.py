import json
from collections.abc import Callable
from typing import Any

import pytest
from graded import Sums

from forethought.agent.arms import Arm, build_planner
from forethought.agent.attempts import decision_rates
from forethought.agent.budget import Budget
from forethought.agent.critics import UNKNOWN, ScriptedCritic
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.planners.react import React
from forethought.agent.planners.two_stage import RIGHT, TwoStage
from forethought.agent.types import (
    Attempt,
    Candidate,
    Decision,
    Episode,
    Event,
    Goal,
    Trace,
)


def says(*answers: str) -> list[str]:
    return [json.dumps({"thought": f"I say {each}.", "action": each}) for each in answers]


def decides(*decisions: str) -> list[str]:
    return [json.dumps({"decision": each}) for each in decisions]


async def play(
    model: ScriptedModel, planner: TwoStage | None = None, budget: Budget | None = None
) -> Trace:
    episode = Episode("e", Sums.id, instance=1, arm="two-stage")
    return await run_episode(
        Sums(), planner or TwoStage(), episode=episode, model=model, budget=budget
    )


async def test_the_model_tries_again_until_it_stops() -> None:
    model = ScriptedModel(by_stage={"act": says("9", "7", "8"), "decide": decides("retry", "stop")})
    trace = await play(model, TwoStage(turns=4))
    (step,) = trace.steps
    assert step.decision.action == "7"
    assert step.decision.planner == "two-stage"
    assert step.decision.weighed == 2
    assert step.decision.attempts == (
        Attempt("9", stop=False, correct=False),
        Attempt("7", stop=True, correct=True),
    )
    assert trace.outcome is not None
    assert trace.outcome.success
    assert [r.stage for r in model.requests] == ["act", "decide", "act", "decide"]
    asked = model.requests[1]
    assert "Your answer: 9\nYour reason: I say 9." in asked.messages[-1].content
    assert "3 tries left" in asked.messages[-1].content
    assert asked.schema is not None
    assert asked.schema["properties"]["decision"]["enum"] == ["stop", "retry"]
    assert "threw it away, because it may be wrong:\n- 9" in model.requests[2].messages[-1].content
    assert {name: cost.calls for name, cost in step.decision.usage.items()} == {
        "act": 2,
        "decide": 2,
    }


async def test_the_last_try_is_kept_without_a_decision() -> None:
    model = ScriptedModel(by_stage={"act": says("1", "2"), "decide": decides("retry")})
    decision = (await play(model, TwoStage(turns=2))).steps[0].decision
    assert decision.attempts == (
        Attempt("1", stop=False, correct=False),
        Attempt("2", stop=True, forced=True, correct=False),
    )
    model.check_done()
    single = ScriptedModel(by_stage={"act": says("7")})
    (only,) = (await play(single, TwoStage(turns=1))).steps[0].decision.attempts
    assert (only.forced, only.correct) == (True, True)


async def test_a_critic_decides_by_its_chance_without_a_call() -> None:
    def chance(state: str, candidate: Candidate, goal: Goal) -> float:
        assert goal.text == "The sum is right."
        return {"9": 0.2, "7": 0.6}[candidate.action or ""]

    model = ScriptedModel(by_stage={"act": says("9", "7")})
    decision = (await play(model, TwoStage(ScriptedCritic(chance)))).steps[0].decision
    assert [(a.action, a.stop, a.chance) for a in decision.attempts] == [
        ("9", False, 0.2),
        ("7", True, 0.6),
    ]
    assert [c.candidate.action for c in decision.considered] == ["7", "9"]
    assert decision.goals == (Goal("The sum is right."),)
    assert decision.supported == 1
    strict = ScriptedModel(by_stage={"act": says("9", "7", "7")})
    planner = TwoStage(ScriptedCritic(chance), threshold=0.7)
    assert len((await play(strict, planner)).steps[0].decision.attempts) == 3


async def test_where_the_critic_cannot_say_the_model_decides() -> None:
    model = ScriptedModel(by_stage={"act": says("9"), "decide": decides("stop")})
    decision = (await play(model, TwoStage(ScriptedCritic(lambda *_: UNKNOWN)))).steps[0].decision
    assert decision.attempts == (Attempt("9", stop=True, correct=False),)
    assert decision.supported == 0


async def test_a_decision_that_cannot_be_read_keeps_the_answer_and_counts_as_none() -> None:
    model = ScriptedModel(by_stage={"act": says("9"), "decide": ["hm", "stop or retry"]})
    decision = (await play(model)).steps[0].decision
    assert decision.attempts == (Attempt("9", stop=True, forced=True, correct=False),)
    assert (decision.fallback, decision.repairs) == ("no decision could be read", 1)


@pytest.mark.parametrize(
    ("calls", "attempts"),
    [
        (1, (Attempt("9", stop=True, forced=True, correct=False),)),
        (2, (Attempt("9", stop=False, correct=False),)),
        (
            3,
            (
                Attempt("9", stop=False, correct=False),
                Attempt("7", stop=True, forced=True, correct=True),
            ),
        ),
    ],
)
async def test_a_limit_ends_with_the_last_answer(calls: int, attempts: tuple[Attempt, ...]) -> None:
    model = ScriptedModel(
        by_stage={"act": says("9", "7", "7"), "decide": decides("retry", "retry")}
    )
    (step,) = (await play(model, budget=Budget(calls=calls))).steps
    assert step.decision.attempts == attempts
    assert step.decision.action == attempts[-1].action
    assert step.decision.fallback == f"budget: all {calls} calls are used"


async def test_without_a_first_answer_the_limit_is_told(
    turn: Callable[..., Any], fake_model: Any
) -> None:
    with pytest.raises(BudgetExhausted):
        await TwoStage().decide(turn(fake_model([BudgetExhausted("none left")])))


async def test_moves_are_picked_and_the_watcher_hears(
    turn: Callable[..., Any], fake_model: Any, moves: Any, events: list[Event]
) -> None:
    model = fake_model(
        [*says("I offer one book."), *decides("retry"), *says("I offer two books."), "stop"]
    )
    decision = await TwoStage().decide(turn(model, candidates=moves))
    assert decision.action == "offer 2"
    assert [a.action for a in decision.attempts] == ["offer 1", "offer 2"]
    told = [e.text for e in events if e.kind in {"kept", "refined"}]
    assert told == ["try again: offer 1", "stop: offer 2"]
    critic = ScriptedCritic(lambda *_: 0.9)
    await TwoStage(critic).decide(turn(fake_model(says("accept")), candidates=moves))
    assert critic.queries[0][2] == (RIGHT,)


async def test_any_planner_can_be_the_sampler(turn: Callable[..., Any], fake_model: Any) -> None:
    class Stubborn:
        name = "stubborn"

        async def decide(self, turn: Any) -> Decision:
            return Decision(Candidate("t"), "no", self.name, repairs=1)

    decision = await TwoStage(sampler=Stubborn()).decide(turn(fake_model(decides("retry", "stop"))))
    assert (decision.action, decision.repairs, len(decision.attempts)) == ("no", 2, 2)


async def test_arms_and_rates_of_what_was_played() -> None:
    planner = build_planner(Arm.parse("two-stage"))
    assert isinstance(planner, TwoStage)
    model = ScriptedModel(
        by_stage={"act": says("9", "7"), "decide": decides("retry", "stop")}, cycle=True
    )
    rates = decision_rates([await play(model, planner) for _ in range(5)])
    assert (rates.questions, rates.attempts, rates.forced) == (5, 10, 0)
    assert (rates.sampling_first.value, rates.sampling_later.value) == (0, 1)
    assert (rates.stop_right.value, rates.retry_wrong.value) == (1, 1)
    assert (rates.improved.value, rates.harmed.value) == (1, None)
    head = ScriptedCritic(lambda *_: 0.9, name="head")
    with_critic = build_planner(Arm.parse("two-stage+head"), critics={"head": head})
    model = ScriptedModel(by_stage={"act": says("9")})
    assert isinstance(with_critic, TwoStage)
    assert (await play(model, with_critic)).steps[0].decision.attempts[0].chance == 0.9


@pytest.mark.parametrize(
    "wrong", [{"turns": 0}, {"threshold": 1.5}, {"prompt": "{state}"}], ids=str
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        TwoStage(**wrong)
    assert TwoStage(sampler=React()).name == "two-stage"
