from typing import Any

import pytest

from forethought.agent.budget import Budget, Meter
from forethought.agent.critics import ScriptedCritic, Shuffled
from forethought.agent.errors import ConfigError
from forethought.agent.loop import run_episode
from forethought.agent.planners.rank import Rank
from forethought.agent.types import Candidate, Episode, Estimate, Event, Goal
from forethought.envs.signpost import WORLD

DEAL = "We reach a deal."
FAIL = "The talks fail."


def likes(word: str) -> ScriptedCritic:
    def chance(state: str, candidate: Candidate, goal: Goal) -> float:
        good = word in candidate.thought + candidate.prefix
        return 0.8 if good == (goal.kind == "hoped") else 0.2

    return ScriptedCritic(chance)


async def test_the_best_candidate_without_a_call(
    turn: Any, moves: Any, world_goals: Any, events: list[Event]
) -> None:
    decision = await Rank(likes("two")).decide(turn(None, candidates=moves, goals=world_goals))
    assert decision.action == "offer 2"
    assert decision.considered[0].candidate == decision.candidate
    assert decision.considered[0].score == pytest.approx(0.8 * 10 - 0.2 * 5)
    assert (decision.weighed, decision.fallback, decision.supported) == (3, "", 1.0)
    assert decision.goals == world_goals
    assert [e.kind for e in events] == ["thought", "goals"]


async def test_ties_go_to_the_first_and_few_are_kept(turn: Any, world_goals: Any) -> None:
    many = tuple(Candidate(f"t{n}", action=str(n)) for n in range(50))
    decision = await Rank(likes("nothing")).decide(turn(None, candidates=many, goals=world_goals))
    assert decision.action == "0"
    assert (len(decision.considered), decision.weighed) == (8, 50)
    decision = await Rank(likes("t4")).decide(turn(None, candidates=many, goals=world_goals))
    assert [c.candidate.action for c in decision.considered[:2]] == ["4", "40"]


async def test_weights_and_kinds_count(turn: Any, moves: Any) -> None:
    table = {
        ("I offer one book.", DEAL): 0.9,
        ("I offer one book.", FAIL): 0.9,
        ("I offer two books.", DEAL): 0.5,
        ("I offer two books.", FAIL): 0.1,
    }
    critic = ScriptedCritic(table)
    heavy = (Goal(DEAL, weight=3), Goal(FAIL, "feared", 1))
    light = (Goal(DEAL, weight=1), Goal(FAIL, "feared", 3))
    first = await Rank(critic).decide(turn(None, candidates=moves[:2], goals=heavy))
    second = await Rank(critic).decide(turn(None, candidates=moves[:2], goals=light))
    assert (first.action, second.action) == ("offer 1", "offer 2")


async def test_the_prefix_alone_may_decide(turn: Any) -> None:
    both = (Candidate("I go.", "Left.", "left"), Candidate("I go.", "Right.", "right"))
    decision = await Rank(likes("Right.")).decide(turn(None, candidates=both, goals=(Goal("x"),)))
    assert decision.action == "right"


async def test_without_support_the_first_candidate(
    turn: Any, moves: Any, world_goals: Any, events: list[Event]
) -> None:
    decision = await Rank(ScriptedCritic({})).decide(
        turn(None, candidates=moves, goals=world_goals)
    )
    assert decision.action == "offer 1"
    assert "no estimate is supported" in decision.fallback
    assert decision.supported == 0.0
    assert events[-1].kind == "fallback"


async def test_a_candidate_without_support_does_not_win(turn: Any, moves: Any) -> None:
    wild = Estimate(1.0, 0.0, 1.0, supported=False)
    critic = ScriptedCritic({("I offer one book.", DEAL): wild, ("I offer two books.", DEAL): 0.3})
    decision = await Rank(critic).decide(turn(None, candidates=moves[:2], goals=(Goal(DEAL),)))
    assert decision.action == "offer 2"


async def test_without_goals_or_model(turn: Any, moves: Any) -> None:
    decision = await Rank(likes("two")).decide(turn(None, candidates=moves))
    assert (decision.action, decision.fallback) == ("offer 1", "there are no goals to score by")
    with pytest.raises(ConfigError, match="'rank' needs a model here"):
        await Rank(likes("two")).decide(turn())


async def test_the_model_proposes_imagines_and_acts(turn: Any, fake_model: Any) -> None:
    def reply(request: Any) -> str:
        return {
            "propose": '{"thoughts": ["I go one.", "I go two.", "I go three."]}',
            "goals": '{"hoped": ["It works.", "They smile."], "feared": ["It fails.", "They go."]}',
            "act": " let us do two.",
        }[request.stage]

    model = fake_model(reply)
    planner = Rank(likes("two"), proposals=3, prefixes=("Well,", "Now,"))
    decision = await planner.decide(turn(model))
    assert [r.stage for r in model.requests] == ["propose", "goals", "act"]
    assert decision.weighed == 6
    assert decision.candidate == Candidate("I go two.", "Well,")
    assert decision.action == "Well, let us do two."
    assert decision.prefix_mode == "native"
    assert model.requests[2].prefix == "Well,"
    assert len(decision.goals) == 4


async def test_garbage_at_every_stage_still_decides(turn: Any, fake_model: Any) -> None:
    model = fake_model(lambda _: "{{nonsense")
    decision = await Rank(likes("two")).decide(turn(model))
    assert decision.candidate.thought == decision.action == "{{nonsense"
    assert [r.stage for r in model.requests] == ["propose", "propose", "goals", "goals", "act"]
    assert decision.repairs == 2
    assert decision.fallback == "there are no goals to score by"


@pytest.mark.parametrize(("calls", "stage"), [(1, "goals"), (2, "act")])
async def test_a_budget_that_runs_out_on_the_way(
    turn: Any, fake_model: Any, calls: int, stage: str
) -> None:
    model = fake_model(
        ['{"thoughts": ["I go one.", "I go two."]}', '{"hoped": ["a", "b"], "feared": ["c", "d"]}']
    )
    decision = await Rank(likes("two")).decide(turn(Meter(model, Budget(calls=calls))))
    assert decision.fallback == f"budget: all {calls} calls are used"
    assert decision.action == ("I go one." if stage == "goals" else "I go two.")


async def test_guidance_helps_and_dealing_it_wrongly_does_not() -> None:
    def knows(state: str, candidate: Candidate, goal: Goal) -> float:
        left = any(colour in state for colour in ("red", "green", "black"))
        return float((candidate.prefix == "Left.") == left)

    async def mean(critic: Any) -> float:
        rewards = []
        for seed in range(30):
            episode = Episode(f"e{seed}", WORLD.id, seed, instance=seed)
            trace = await run_episode(WORLD.make(), Rank(critic), episode=episode)
            rewards.append(trace.outcome.reward if trace.outcome else 0.0)
        return sum(rewards) / len(rewards)

    assert await mean(ScriptedCritic(knows)) == 1.0
    assert await mean(Shuffled(ScriptedCritic(knows))) == 0.0


def test_settings_that_cannot_work() -> None:
    with pytest.raises(ConfigError, match="proposals must be 1 or more"):
        Rank(likes("x"), proposals=0)
    with pytest.raises(ConfigError, match="prompt goals has unknown fields"):
        Rank(likes("x"), goals_prompt="{whatever}")
