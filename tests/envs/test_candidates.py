from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forethought.agent.arms import Arm, build_planner
from forethought.agent.critics import ScriptedCritic
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.protocols import Model
from forethought.envs.bench import run_bench
from forethought.envs.candidates import LISTED, OWN, SOME, candidate_sets, differ, in_words
from forethought.envs.registry import World, get_world
from forethought.envs.results import Result
from forethought.envs.rollouts import plan, roll
from forethought.envs.signpost import Signpost

WORLD = get_world("signpost-v0")
CRITICS = {"head": ScriptedCritic(lambda state, candidate, goal: 0.5)}
REPLY = '{"thought": "I like the look of it.", "action": "left"}'


def _talker() -> ScriptedModel:
    return ScriptedModel([REPLY], name="talker", cycle=True)


async def _played(arm: str, model: Model | None = None, world: World = WORLD) -> list[Result]:
    planner = build_planner(Arm.parse(arm), critics=CRITICS, bots=WORLD.bots)
    episodes = plan(world, split="test", episodes=6, seed=1)
    return await roll(world, planner, episodes, keep=Result.of, model=model)


async def test_arms_are_told_apart_by_what_they_chose_among() -> None:
    played = {
        "unguided": await _played("unguided"),
        "rank": await _played("rank"),
        "react": await _played("react", _talker()),
    }
    sets = await candidate_sets(WORLD, played)
    assert sets == {"unguided": LISTED, "rank": LISTED, "react": OWN}
    mixed = [*played["rank"][:3], *played["react"][3:]]
    assert await candidate_sets(WORLD, {"odd": mixed}) == {"odd": SOME}


async def test_the_bench_warns_of_unequal_candidates_and_says_when_they_are_equal() -> None:
    models = {"": _talker()}
    equal = await run_bench(
        WORLD, ["unguided", "rank", "rank+shuffled"], episodes=40, critics=CRITICS
    )
    assert equal.candidates == "all arms chose among the candidates that the world lists"
    assert not any("the same candidates" in line for line in equal.warnings)
    assert equal.arms["rank"].weighed == 2
    assert equal.arms["unguided"].weighed is None
    mixed = await run_bench(WORLD, ["rank", "react"], episodes=40, critics=CRITICS, models=models)
    assert (
        "the arms did not choose among the same candidates: rank those the world lists (2.0 a "
        "decision); react its own"
    ) in mixed.warnings


class Open(Signpost):
    """Lists nothing."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        text, info = super().reset(seed=seed, options=options)
        return text, {key: value for key, value in info.items() if key != "candidates"}


async def test_where_nothing_is_listed_all_candidates_are_the_arms_own() -> None:
    world = replace(WORLD, make=Open)
    played = {"react": await _played("react", _talker(), world)}
    assert await candidate_sets(world, played) == {"react": OWN}


async def test_a_world_that_breaks_leaves_it_open() -> None:
    def make() -> Signpost:
        raise OSError("no room for a sign")

    played = {"rank": await _played("rank")}
    assert await candidate_sets(replace(WORLD, make=make), played) == {}
    assert in_words({}, {}) == ""
    assert not differ({}, {})


def test_proposals_of_their_own_must_be_as_many() -> None:
    own = {"rank:2": OWN, "rank:8": OWN}
    assert differ(own, {"rank:2": 2.0, "rank:8": 8.0})
    assert "rank:8 its own (8.0 a decision)" in in_words(own, {"rank:2": 2.0, "rank:8": 8.0})
    assert not differ(own, {"rank:2": 4.0, "rank:8": 4.2})
    assert "as many each" in in_words(own, {"rank:2": 4.0, "rank:8": 4.2})
    assert not differ({"a": LISTED, "b": LISTED}, {"a": 20.0, "b": 36.0})
