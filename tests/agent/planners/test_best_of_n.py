import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from forethought.agent.budget import Budget, Meter
from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import BudgetExhausted, ConfigError, ModelUnavailable
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.planners.best_of_n import BestOfN
from forethought.agent.planners.rank import Rank
from forethought.agent.types import Candidate, Event, Goal, Request

GOALS = (Goal("I win."), Goal("I lose.", "feared"))


def likes(word: str) -> ScriptedCritic:
    def chance(state: str, candidate: Candidate, goal: Goal) -> float:
        return 0.8 if (word in candidate.thought) == (goal.kind == "hoped") else 0.2

    return ScriptedCritic(chance)


def scripted(answer: Callable[[Request], str]) -> ScriptedModel:
    return ScriptedModel(by_stage={"propose": answer, "act": answer})


def thought(text: str) -> str:
    return json.dumps({"thought": text})


async def test_n_calls_and_the_critics_favourite(turn: Any) -> None:
    model = ScriptedModel([thought(f"I try {n}.") for n in range(4)] + ["done 2"])
    decision = await BestOfN(likes("2"), 4).decide(turn(model, goals=GOALS))
    assert [r.stage for r in model.requests] == ["propose"] * 4 + ["act"]
    assert len({r.seed for r in model.requests}) == 5
    assert decision.candidate.thought == "I try 2."
    assert (decision.action, decision.weighed, decision.planner) == ("done 2", 4, "best-of-n")
    assert decision.considered[0].candidate == decision.candidate


async def test_samples_are_drawn_at_the_same_time(turn: Any) -> None:
    under_way = most = 0

    async def slow(request: Request) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return thought(f"I try {request.seed}.")

    await BestOfN(likes("x"), 6).decide(turn(FunctionModel(slow), goals=GOALS))
    assert most == 6


async def test_repeats_are_scored_once(turn: Any) -> None:
    model = scripted(lambda r: "go" if r.stage == "act" else thought("I wait."))
    critic = likes("wait")
    decision = await BestOfN(critic, 5).decide(turn(model, goals=GOALS))
    assert decision.weighed == 1
    assert len(critic.queries[0][1]) == 1


async def test_with_a_model_the_worlds_moves_are_chosen_by_it(turn: Any, moves: Any) -> None:
    model = ScriptedModel([thought("I accept their offer."), thought("I offer two books.")])
    decision = await BestOfN(likes("two"), 2).decide(turn(model, candidates=moves, goals=GOALS))
    assert decision.action == "offer 2"
    assert decision.weighed == 2
    schema = model.requests[0].schema or {}
    assert schema["properties"]["thought"]["enum"] == [move.thought for move in moves]


async def test_without_a_model_n_of_the_candidates_are_drawn(turn: Any) -> None:
    many = tuple(Candidate(f"t{n}", action=str(n)) for n in range(50))
    critic = likes("t")
    first = await BestOfN(critic, 8).decide(turn(None, candidates=many, goals=GOALS))
    again = await BestOfN(critic, 8).decide(turn(None, candidates=many, goals=GOALS))
    assert critic.queries[0] == critic.queries[1]
    drawn = critic.queries[0][1]
    assert len(set(drawn)) == 8
    assert drawn != many[:8]
    assert first.action == again.action == drawn[0].action  # a tie goes to the first drawn


async def test_as_many_as_there_are_is_what_rank_does(turn: Any, moves: Any) -> None:
    for word in ("two", "accept"):
        seen = turn(None, candidates=moves, goals=GOALS)
        both = [await p.decide(seen) for p in (BestOfN(likes(word), 99), Rank(likes(word)))]
        assert both[0].action == both[1].action
        assert both[0].considered[0] == both[1].considered[0]


async def test_doubts_are_those_of_rank(turn: Any, events: list[Event]) -> None:
    model = scripted(lambda r: "go" if r.stage == "act" else thought(f"I try {r.seed}."))
    decision = await BestOfN(ScriptedCritic({}), 3).decide(turn(model, goals=GOALS))
    assert "no estimate is supported" in decision.fallback
    assert decision.candidate.thought == f"I try {model.requests[0].seed}."
    assert "fallback" in [e.kind for e in events]


async def test_what_cannot_be_read_costs_one_repair(turn: Any) -> None:
    model = scripted(lambda r: "{" if r.stage == "propose" else "go")
    decision = await BestOfN(likes("x"), 4).decide(turn(model, goals=GOALS))
    assert decision.fallback == "no thought could be read"
    assert [r.stage for r in model.requests] == ["propose"] * 5 + ["act"]
    assert decision.repairs == 1


async def test_some_samples_that_fail_do_not_void_the_others(turn: Any) -> None:
    away = ModelUnavailable("away")
    model = ScriptedModel([away, thought("I win two."), away, thought("I stay."), "go"])
    decision = await BestOfN(likes("two"), 4).decide(turn(model, goals=GOALS))
    assert (decision.candidate.thought, decision.weighed) == ("I win two.", 2)
    with pytest.raises(ModelUnavailable):
        await BestOfN(likes("two"), 2).decide(turn(ScriptedModel([away, away]), goals=GOALS))


async def test_the_budget_limits_the_samples(turn: Any) -> None:
    model = ScriptedModel([thought("I stay."), thought("I take two.")])
    meter = Meter(model, Budget(calls=2))
    decision = await BestOfN(likes("two"), 8).decide(turn(meter, goals=GOALS))
    assert decision.candidate.thought == "I take two."
    assert decision.fallback == "budget: all 2 calls are used"
    with pytest.raises(BudgetExhausted):
        await BestOfN(likes("two"), 8).decide(turn(meter, goals=GOALS))


async def test_what_the_caller_has_to_change_is_told(turn: Any) -> None:
    with pytest.raises(ConfigError, match="n must be 1 or more, not 0"):
        BestOfN(likes("x"), 0)
    with pytest.raises(ConfigError, match="'best-of-n' needs a model here"):
        await BestOfN(likes("x")).decide(turn(goals=GOALS))
    model = ScriptedModel([thought("I stay."), ConfigError("wrong key")])
    with pytest.raises(ConfigError, match="wrong key"):
        await BestOfN(likes("x"), 2).decide(turn(model, goals=GOALS))
