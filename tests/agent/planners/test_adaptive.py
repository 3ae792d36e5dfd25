import json
from collections.abc import Callable
from typing import Any

import pytest

from forethought.agent.arms import ROUNDS, Arm, build_planner
from forethought.agent.asked import Asked
from forethought.agent.budget import Budget, Meter
from forethought.agent.critics import UNKNOWN, ScriptedCritic
from forethought.agent.planners.critique import is_contested, score_range, weigh
from forethought.agent.planners.refine import Refine
from forethought.agent.types import Candidate, Estimate, Goal, Request

GOALS = (Goal("We agree.", weight=2.0), Goal("They leave.", "feared"))
TOLD = {"hoped": ["We agree.", "I gain."], "feared": ["They leave.", "I lose."]}


def est(chance: float, width: float) -> Estimate:
    return Estimate(chance, max(0.0, chance - width), min(1.0, chance + width))


def by_word(width: float, **chances: float) -> ScriptedCritic:
    def chance(state: str, candidate: Candidate, goal: Goal) -> Estimate:
        good = next(c for word, c in chances.items() if word in candidate.thought)
        return est(good if goal.kind == "hoped" else 1 - good, width)

    return ScriptedCritic(chance)


class Names:
    """Proposes `first`, then the others in turn; counts the calls by stage."""

    def __init__(self, *thoughts: str) -> None:
        self.stages: list[str] = []
        self.prompts: list[str] = []
        self._thoughts = iter(thoughts)

    def __call__(self, request: Request) -> str:
        self.stages.append(request.stage)
        self.prompts.append(request.messages[-1].content)
        if request.stage == "goals":
            return json.dumps(TOLD)
        if request.stage == "act":
            return "So be it."
        return json.dumps({"verdict": "refine", "thought": next(self._thoughts)})


def test_a_score_interval_adds_the_ends_up() -> None:
    row = [est(0.5, 0.1), est(0.3, 0.2)]
    assert score_range(GOALS, row) == pytest.approx((2 * 0.4 - 0.5, 2 * 0.6 - 0.1))
    assert score_range(GOALS, [est(0.5, 0.1), UNKNOWN]) == pytest.approx((0.8 - 1, 1.2))
    assert score_range([], []) == (0, 0)


@pytest.mark.parametrize(
    ("rows", "contested"),
    [
        ([[est(0.8, 0.05), est(0.1, 0.0)], [est(0.5, 0.05), est(0.1, 0.0)]], False),
        ([[est(0.6, 0.1), est(0.1, 0.0)], [est(0.5, 0.1), est(0.1, 0.0)]], True),
        ([[est(0.5, 0.0), est(0.1, 0.0)], [est(0.5, 0.0), est(0.1, 0.0)]], False),
        ([[est(0.9, 0.05), UNKNOWN], [est(0.2, 0.05), UNKNOWN]], False),
        ([[est(0.6, 0.05), est(0.5, 0.0)], [est(0.4, 0.05), UNKNOWN]], True),
        ([[est(0.6, 0.05), est(0.5, 0.0)]], True),
    ],
    ids=["apart", "overlap", "equal and certain", "unknown to both", "unknown to one", "alone"],
)
def test_contested(rows: list[list[Estimate]], contested: bool) -> None:
    candidates = [Candidate(f"t{n}") for n in range(len(rows))]
    assert is_contested(GOALS, weigh(candidates, GOALS, rows)) == contested


async def test_it_stops_at_once_where_the_best_is_separated(
    turn: Callable[..., Any], fake_model: Any
) -> None:
    names = Names("I push.", "I ask.", "I wait.")
    critic = by_word(0.05, push=0.2, ask=0.7, wait=0.3)
    decision = await Refine(critic, 4, adaptive=True).decide(turn(fake_model(names)))
    assert names.stages == ["propose", "goals", "refine", "act"]
    assert decision.candidate.thought == "I ask."
    assert decision.rounds == 1


async def test_it_goes_on_while_the_intervals_overlap_and_keeps_the_goals(
    turn: Callable[..., Any], fake_model: Any
) -> None:
    names = Names("I push.", "I ask.", "I wait.", "I listen.")
    critic = by_word(0.1, push=0.5, ask=0.45, wait=0.55, listen=0.9)
    decision = await Refine(critic, 4, adaptive=True).decide(turn(fake_model(names)))
    assert names.stages == ["propose", "goals", "refine", "refine", "refine", "act"]
    assert decision.candidate.thought == "I listen."
    assert [c.candidate.thought for c in decision.considered] == [
        "I listen.",
        "I wait.",
        "I push.",
        "I ask.",
    ]
    assert "Plans already weighed that are no better:\n- I push.\n- I ask." in names.prompts[4]
    assert len(critic.queries) == 4, "each thought is asked about once"


@pytest.mark.parametrize("rounds", [1, 3])
async def test_rounds_are_the_most_it_spends(
    turn: Callable[..., Any], fake_model: Any, rounds: int
) -> None:
    names = Names("I push.", *(f"I push {n} times." for n in range(9)))
    decision = await Refine(by_word(0.2, push=0.5), rounds, adaptive=True).decide(
        turn(fake_model(names))
    )
    assert decision.rounds == rounds
    assert len(names.stages) == 3 + rounds


async def test_a_model_with_no_other_idea_ends_it(
    turn: Callable[..., Any], fake_model: Any
) -> None:
    names = Names("I push.", "I push!", "I ask.")
    decision = await Refine(by_word(0.2, push=0.5), 4, adaptive=True).decide(
        turn(fake_model(names))
    )
    assert decision.rounds == 1
    assert decision.candidate.thought == "I push."


async def test_an_unsupported_alternative_is_not_taken(
    turn: Callable[..., Any], fake_model: Any
) -> None:
    def chance(state: str, candidate: Candidate, goal: Goal) -> Estimate:
        return est(0.3, 0.1) if "push" in candidate.thought else UNKNOWN

    names = Names("I push.", "I fly.", "I fly high.", "I fly low.", "I fly far.")
    decision = await Refine(ScriptedCritic(chance), 4, adaptive=True).decide(
        turn(fake_model(names))
    )
    assert decision.candidate.thought == "I push."


async def test_the_worlds_candidates_and_goals_need_no_call_for_either(
    turn: Callable[..., Any], fake_model: Any, moves: Any, world_goals: Any
) -> None:
    names = Names("I offer one book.", "I accept their offer.", "I offer two books.")
    critic = by_word(0.3, one=0.5, accept=0.5, two=0.6)
    decision = await Refine(critic, ROUNDS, adaptive=True).decide(
        turn(fake_model(names), candidates=moves, goals=world_goals)
    )
    assert names.stages == ["propose", "refine", "refine"]
    assert decision.goals == world_goals
    assert decision.action == "offer 2"
    assert len(decision.considered) == 3


async def test_the_arm_and_its_calls_with_a_critic_that_calls(
    turn: Callable[..., Any], fake_model: Any
) -> None:
    def replies(request: Request) -> str:
        if request.stage == "evaluate":
            return '{"p1": [40, 40, 40, 40]}'
        return names(request)

    names = Names("I push.", "I ask.", "I wait.", "I hope.", "I sing.")
    planner = build_planner(Arm.parse("adaptive+asked"))
    assert planner.name == "adaptive"
    model = fake_model(replies)
    decision = await planner.decide(turn(model))
    assert decision.rounds == ROUNDS
    calls = [request.stage for request in model.requests]
    assert calls.count("evaluate") == 1 + ROUNDS

    for limit in range(1, 12):
        names = Names("I push.", "I ask.", "I wait.", "I hope.", "I sing.")
        metered = Meter(fake_model(replies), Budget(calls=limit))
        cut = await Refine(Asked(), 4, adaptive=True).decide(turn(metered))
        assert cut.candidate.thought
        assert bool(cut.fallback) == (limit < len(calls))


async def test_repeats_are_counted(turn: Callable[..., Any], fake_model: Any) -> None:
    told = {"hoped": ["We agree.", "we AGREE"], "feared": ["I lose.", "They go away."]}

    def replies(request: Request) -> str:
        return json.dumps(told) if request.stage == "goals" else "accept"

    def same(one: str, other: str) -> bool:
        return {one, other} == {"I lose.", "They go away."}

    decision = await Refine(by_word(0.1, accept=0.4), same=same).decide(turn(fake_model(replies)))
    assert decision.repeats == 4, "two in the reply and two in its repair"
    assert decision.repairs == 1
