import random
from collections.abc import Sequence
from typing import Any

import pytest

from forethought.agent.critics import UNKNOWN, Oracle, ScriptedCritic, Shuffled, bound, estimates
from forethought.agent.errors import ConfigError
from forethought.agent.planners.desk import Desk
from forethought.agent.protocols import Turn
from forethought.agent.types import Candidate, Estimate, Evidence, Goal, Observation

GOALS = (Goal("g"), Goal("h", "feared"))


def candidates(count: int) -> list[Candidate]:
    return [Candidate(f"t{i}", action=str(i)) for i in range(count)]


def by_thought(state: str, candidate: Candidate, goal: Goal) -> float:
    return int(candidate.thought[1:]) / 100


class Wrong:
    name = "wrong"

    def __init__(self, rows: list[list[Estimate]]) -> None:
        self.rows = rows

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        return self.rows

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        return []


@pytest.mark.parametrize("rows", [[], [[UNKNOWN]], [[UNKNOWN, UNKNOWN], [UNKNOWN]]])
async def test_a_critic_of_the_wrong_shape_is_named(rows: list[list[Estimate]]) -> None:
    with pytest.raises(ConfigError, match="critic 'wrong' gave"):
        await estimates(Wrong(rows), "s", candidates(2), GOALS)


async def test_nothing_to_estimate_asks_nothing() -> None:
    critic = ScriptedCritic({})
    assert await estimates(critic, "s", candidates(2), []) == [[], []]
    assert await estimates(critic, "s", [], GOALS) == []
    assert critic.queries == []


@pytest.mark.parametrize("count", [2, 3, 17])
async def test_shuffled_deals_every_row_to_another_candidate(count: int) -> None:
    critic = ScriptedCritic(by_thought)
    right = await estimates(critic, "s", candidates(count), GOALS)
    for seed in range(20):
        dealt = await Shuffled(critic, seed).estimate("s", candidates(count), GOALS)
        assert all(row != wrong for row, wrong in zip(right, dealt, strict=True))
        assert sorted(row[0].chance for row in dealt) == [row[0].chance for row in right]
        again = await Shuffled(critic, seed).estimate("s", candidates(count), GOALS)
        assert again == dealt


async def test_shuffled_deals_differently_by_seed_and_state() -> None:
    critic = ScriptedCritic(by_thought)
    deals = {
        str(await Shuffled(critic, seed).estimate(state, candidates(9), GOALS))
        for seed in range(4)
        for state in "ab"
    }
    assert len(deals) == 8


async def test_shuffled_leaves_a_single_candidate_alone() -> None:
    critic = ScriptedCritic(by_thought)
    assert await estimates(Shuffled(critic), "s", candidates(1), GOALS) == await estimates(
        critic, "s", candidates(1), GOALS
    )


async def test_a_scripted_table_does_not_know_what_it_does_not_hold() -> None:
    critic = ScriptedCritic({("t0", "g"): 0.95, ("t0", "h"): Estimate(0.2, 0.1, 0.9)})
    (first, second) = await estimates(critic, "s", candidates(2), GOALS)
    assert first == [Estimate(0.95, 0.85, 1.0), Estimate(0.2, 0.1, 0.9)]
    assert second == [UNKNOWN, UNKNOWN]
    assert critic.queries == [("s", tuple(candidates(2)), GOALS)]
    assert Shuffled(critic).explain("s", candidates(1)[0], GOALS[0]) == []


def desk(**info: Any) -> Desk:
    return Desk(Turn(Observation("seen", info=info), "s", None, random.Random(0)), "test")


def knows(candidate: Candidate, goals: Sequence[Goal]) -> list[float | None]:
    return [0.25 if goal.text == "g" else None for goal in goals]


async def test_an_oracle_tells_what_the_world_knows() -> None:
    critic = bound(Oracle(), desk(oracle=knows))
    assert critic.name == "oracle"
    rows = await estimates(critic, "s", candidates(2), GOALS)
    assert rows == [[Estimate(0.25, 0.25, 0.25), UNKNOWN]] * 2
    assert critic.explain("s", candidates(1)[0], GOALS[0]) == []


async def test_an_oracle_needs_a_world_that_knows() -> None:
    with pytest.raises(ConfigError, match=r"info\['oracle'\]; this one does not"):
        bound(Oracle(), desk())
    with pytest.raises(ConfigError, match="'oracle' has to know the turn"):
        await estimates(Oracle(), "s", candidates(1), GOALS)


def test_a_critic_that_needs_no_turn_is_itself() -> None:
    critic = ScriptedCritic({})
    assert bound(critic, desk()) is critic
