import asyncio
from random import Random

import pytest

from forethought import ScriptedModel
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.planners.react import React
from forethought.agent.protocols import Turn
from forethought.agent.types import Candidate, Decision, Observation, Outcome, Trace
from forethought.envs.campsite.actions import ACCEPT, WALK, submit
from forethought.envs.campsite.instances import instance_by_number, split_instances
from forethought.envs.campsite.policies import heuristic, unguided
from forethought.envs.pair import Seat, Table, pair_episode, play_pair
from forethought.envs.registry import get_world

CAMP = "campsite-v0"
HEURISTIC = BotPlanner("heuristic", heuristic)


def ended(trace: Trace) -> Outcome:
    assert trace.outcome is not None
    return trace.outcome


async def test_two_of_ours_reach_one_deal_and_both_traces_tell_it() -> None:
    agreed = 0
    for instance in range(20):
        one, other = await play_pair(CAMP, (HEURISTIC, HEURISTIC), instance=instance, seed=3)
        mine, theirs = ended(one), ended(other)
        assert mine.reason == theirs.reason == "terminated"
        assert mine.facts["points"] == theirs.facts["other_points"]
        assert mine.facts["joint"] == theirs.facts["joint"]
        assert (one.episode.seat, other.episode.seat) == (0, 1)
        turns = mine.facts["turns"]
        assert len(one.steps) + len(other.steps) == turns
        agreed += bool(mine.facts["agreed"])
    assert agreed > 10


async def test_equal_seeds_give_equal_talks() -> None:
    async def actions(seed: int) -> list[str]:
        pair = (HEURISTIC, BotPlanner("unguided", unguided))
        traces = await play_pair(CAMP, pair, instance=7, seed=seed)
        return [step.decision.action for trace in traces for step in trace.steps]

    assert await actions(1) == await actions(1)
    assert await actions(1) != await actions(2)


class Fails:
    """A planner that breaks after its first decision."""

    name = "fails"

    def __init__(self) -> None:
        self._turns = 0

    async def decide(self, turn: Turn) -> Decision:
        self._turns += 1
        if self._turns > 1:
            raise RuntimeError("out of ideas")
        candidate = turn.observation.candidates[0]
        return Decision(candidate, candidate.action or "", self.name)


@pytest.mark.parametrize("seat", [0, 1])
async def test_when_one_breaks_off_the_other_is_let_go(seat: int) -> None:
    planners = (Fails(), HEURISTIC) if seat == 0 else (HEURISTIC, Fails())
    traces = await asyncio.wait_for(play_pair(CAMP, planners, instance=2, seed=1), timeout=20)
    broken, whole = ended(traces[seat]), ended(traces[1 - seat])
    assert broken.reason.startswith("error")
    assert whole.reason == "terminated"
    assert (whole.facts["points"], whole.facts["agreed"]) == (5, False)


async def test_a_model_may_sit_at_the_table_and_its_budget_ends_only_its_own_side() -> None:
    model = ScriptedModel(['{"thought": "I greet.", "action": "1"}'] * 3)
    traces = await asyncio.wait_for(
        play_pair(
            CAMP,
            (React(), HEURISTIC),
            instance=1,
            models=(model, None),
            budget=Budget(calls=3),
        ),
        timeout=20,
    )
    assert ended(traces[0]).reason.startswith("budget")
    assert len(traces[0].steps) == 3
    assert ended(traces[1]).facts["points"] == 5


async def test_a_seat_waits_for_its_turn_and_a_refused_action_keeps_it() -> None:
    number = next(n for n, i in enumerate(split_instances("train")) if i.first == 1)
    assert instance_by_number(number).first == 1
    table = Table(CAMP, number)
    seats = Seat(table, 0), Seat(table, 1)
    waiting = asyncio.create_task(seats[0].reset())
    await asyncio.sleep(0)
    assert not waiting.done()
    _, info = await seats[1].reset()
    assert info["view"].turn == 1
    text, _, over, _, info = await seats[1].step(ACCEPT)
    assert info["invalid"]
    assert "no deal has been submitted" in text
    assert not over
    moving = asyncio.create_task(seats[1].step(submit((1, 1, 1))))
    text, info = await waiting
    assert info["legal_actions"]
    assert "They submitted a deal" in text
    _, reward, over, _, info = await seats[0].step(ACCEPT)
    assert over
    theirs = await moving
    assert theirs[2]
    assert theirs[1] == 12 / 36
    assert reward == info["outcome"].reward == 24 / 36
    with pytest.raises(ConfigError, match="call reset"):
        await seats[0].step(WALK)


@pytest.mark.parametrize("world_id", ["bargaining-v0", "haggling-v0"])
async def test_worlds_that_are_no_talk_have_a_table_too(world_id: str) -> None:
    world = get_world(world_id)
    pair = [BotPlanner(name, world.bots[name]) for name in ("heuristic", "unguided")]
    gained = []
    for instance in world.splits["test"][:12]:
        for names in (("heuristic", "unguided"), ("unguided", "heuristic")):
            sides = pair if names[0] == "heuristic" else pair[::-1]
            one, other = await play_pair(world_id, sides, instance=instance, seed=4)
            mine, theirs = ended(one), ended(other)
            assert mine.facts["agreed"] == theirs.facts["agreed"]
            assert mine.facts["joint"] == theirs.facts["joint"]
            assert (one.episode.arm, one.episode.opponent) == names
            assert (other.episode.arm, other.episode.opponent) == names[::-1]
            gained.append(mine.reward - theirs.reward)
    assert len(set(gained)) > 3


@pytest.mark.parametrize("world_id", ["bargaining-v0", "haggling-v0"])
async def test_nothing_is_dealt_when_one_breaks_off(world_id: str) -> None:
    world = get_world(world_id)

    def breaks(seen: Observation, rng: Random) -> Candidate:
        raise RuntimeError("out of ideas")

    pair = (BotPlanner("heuristic", world.bots["heuristic"]), BotPlanner("breaks", breaks))
    for planners in (pair, pair[::-1]):
        traces = await asyncio.wait_for(
            play_pair(world_id, planners, instance=world.splits["train"][0]), timeout=20
        )
        found = {trace.episode.arm: ended(trace) for trace in traces}
        assert found["breaks"].reason.startswith("error")
        assert found["heuristic"].reason == "terminated"
        assert found["heuristic"].facts["agreed"] is False
        assert found["heuristic"].reward == 0


async def test_who_is_left_before_the_first_turn_has_an_outcome_all_the_same() -> None:
    number = next(n for n, i in enumerate(split_instances("train")) if i.first == 1)
    leaves = BotPlanner("leaves", lambda seen, rng: Candidate("I leave.", action=WALK))
    waits, left = await play_pair(CAMP, (HEURISTIC, leaves), instance=number)
    assert not waits.steps
    assert len(left.steps) == 1
    assert ended(waits).reason == "terminated"
    assert ended(waits).reward == 5 / 36
    assert waits.episode.goals


async def test_names_tell_two_players_of_one_kind_apart() -> None:
    names = ("soft", "hard")
    one, other = await play_pair(CAMP, (HEURISTIC, HEURISTIC), instance=0, names=names)
    assert (one.episode.arm, one.episode.opponent) == ("soft", "hard")
    assert other.episode.arm == "hard"
    assert one.episode.id != other.episode.id
    assert one.episode.id == pair_episode(CAMP, names, 0, instance=0, seed=0).id


async def test_nobody_moves_out_of_turn_and_nobody_is_shown_the_oracle() -> None:
    table = Table("bargaining-v0", 3)
    text, info = table.game.look(0)
    assert "oracle" not in info
    assert info["view"].seat == 0
    with pytest.raises(ConfigError, match="the other's turn"):
        await table.act(1, info["legal_actions"][0])
    with pytest.raises(ConfigError, match="say 'I agree"):
        await table.act(0, "I sing.")
    assert table.game.look(0)[0] == text


async def test_two_have_to_sit_down() -> None:
    with pytest.raises(UnknownName, match="did you mean 'bargaining-v0'"):
        await play_pair("bargaining", (HEURISTIC, HEURISTIC), instance=0)
    with pytest.raises(ConfigError, match="two planners"):
        await play_pair(CAMP, (HEURISTIC,), instance=0)
    with pytest.raises(ConfigError, match="no instance 4000"):
        await play_pair(CAMP, (HEURISTIC, HEURISTIC), instance=4000)
