import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from forethought.agent.arms import Arm, build_planner
from forethought.agent.critics import Oracle
from forethought.agent.planners.rank import Rank
from forethought.agent.types import Candidate, Goal, Trace
from forethought.envs.bargaining.instances import instance_by_number
from forethought.envs.bargaining.opponents import BETAS, OPPONENTS, RESERVATION
from forethought.envs.bargaining.rules import MAX_TURNS, TOTAL, bundles, rest, worth
from forethought.envs.bargaining.sparring import SPARRING
from forethought.envs.bargaining.text import AGREE, GOALS
from forethought.envs.bargaining.world import Bargaining
from forethought.envs.registry import get_world
from forethought.envs.rollouts import plan, play
from forethought.envs.signpost import HOME, LOST, Signpost

WORLD = get_world("bargaining-v0")


async def played(opponents: Sequence[str], episodes: int, seed: int = 0) -> list[Trace]:
    planned = plan(
        WORLD, split="validation", episodes=episodes, seed=seed, opponents=opponents, arm="o"
    )
    return await play(WORLD, build_planner(Arm.parse("rank+oracle")), planned)


def ceiling(trace: Trace) -> float:
    """The best share against what an opponent wants at the last offer it can answer."""
    episode = trace.episode
    instance = instance_by_number(episode.instance)
    mine, theirs = instance.values[episode.seat], instance.values[1 - episode.seat]
    wanted = TOTAL / 2
    if episode.opponent in BETAS:
        last = MAX_TURNS - 1 if episode.seat == 0 else MAX_TURNS - 2
        falls = (last / (MAX_TURNS - 1)) ** (1 / BETAS[episode.opponent])
        wanted = TOTAL - (TOTAL - RESERVATION) * falls
    takes = bundles(instance.pool)
    return (
        max(worth(mine, t) for t in takes if worth(theirs, rest(instance.pool, t)) >= wanted)
        / TOTAL
    )


async def test_rank_with_the_oracle_reaches_the_ceiling_of_who_knows() -> None:
    for trace in await played([*BETAS, "tit-for-tat"], 48):
        assert trace.outcome is not None
        assert trace.outcome.reward == pytest.approx(ceiling(trace)), trace.episode
        assert trace.steps[0].decision.supported == 1


def start(opponent: str, seed: int, seat: int = 0, **options: Any) -> tuple[Bargaining, Any]:
    env = Bargaining()
    chosen = {"instance": 1_000_000 + seed, "seat": seat, "opponent": opponent}
    return env, env.reset(seed=seed, options=chosen | options)[1]


def worth_of(info: Any, candidate: Candidate) -> float:
    chances = info["oracle"](candidate, info["goals"])
    total: float = sum(g.signed_weight * c for g, c in zip(info["goals"], chances, strict=True))
    return total


@pytest.mark.parametrize("opponent", OPPONENTS)
@pytest.mark.parametrize("discount", [1.0, 0.8])
def test_chances_are_chances(opponent: str, discount: float) -> None:
    for seed in range(4):
        env, info = start(opponent, seed, seat=seed % 2, discount=discount)
        rng = random.Random(seed)
        over = False
        while not over:
            for candidate in info["candidates"]:
                chances = info["oracle"](candidate, GOALS)
                levels, none = chances[:-1], chances[-1]
                assert all(0 <= c <= 1 for c in chances)
                assert levels == sorted(levels, reverse=True)
                assert none <= 1 - levels[0] + 1e-9
            *_, over, _, info = env.step(rng.choice(info["legal_actions"]))


@pytest.mark.parametrize(("opponent", "count"), [("random", 100), ("micro", 16)])
async def test_chances_come_true(opponent: str, count: int) -> None:
    """The expected share at the start is the mean of what playing on brings."""
    traces = await played([opponent], count, seed=2)
    expected, got = [], []
    for trace in traces:
        episode = trace.episode
        env = Bargaining()
        options = {
            "instance": episode.instance,
            "seat": episode.seat,
            "opponent": episode.opponent,
        }
        _, info = env.reset(seed=episode.seed, options=options)
        expected.append(max(worth_of(info, each) for each in info["candidates"]))
        assert trace.outcome is not None
        got.append(trace.outcome.reward)
    gaps = [a - b for a, b in zip(got, expected, strict=True)]
    mean = sum(gaps) / len(gaps)
    error = (sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps)) ** 0.5
    assert abs(mean) <= 3 * error + 1e-9


def test_it_has_no_say_about_partners_for_training() -> None:
    for name in SPARRING:
        _, info = start(name, 1)
        assert info["oracle"](info["candidates"][0], GOALS[:2]) == [None, None]


def test_agreeing_is_certain_and_the_last_offer_is_not_answered() -> None:
    env, info = start("boulware", 3, seat=1)
    (agree,) = (c for c in info["candidates"] if c.action == AGREE)
    chances = info["oracle"](agree, GOALS)
    assert set(chances) <= {0.0, 1.0}
    assert sum(chances[:-1]) == info["view"].offered
    greedy = info["candidates"][-1]
    while not info["view"].last_chance:
        info = env.step(greedy.action)[-1]
    hopeless = info["oracle"](greedy, GOALS)
    assert hopeless == [0.0] * (len(GOALS) - 1) + [1.0]


def test_what_the_world_does_not_know() -> None:
    _, info = start("linear", 1)
    first = info["candidates"][0]
    assert info["oracle"](first, [Goal("It rains.")]) == [None]
    for unbound in (Candidate("I wait."), Candidate("I wait.", action="dance")):
        assert info["oracle"](unbound, GOALS[:2]) == [None, None]
    assert info["oracle"](Candidate("I agree.", action=AGREE), GOALS[:1]) == [None]


def test_equal_moments_know_the_same() -> None:
    assert start("conceder", 5)[1]["oracle"] == start("conceder", 5)[1]["oracle"]
    assert start("conceder", 5)[1]["oracle"] != start("linear", 5)[1]["oracle"]


async def test_the_signpost_knows_the_way() -> None:
    world = get_world("signpost-v0")
    traces = await play(world, Rank(Oracle()), plan(world, split="validation", episodes=20, seed=0))
    assert all(trace.outcome and trace.outcome.success for trace in traces)
    info = Signpost().reset(options={"instance": 1})[1]
    knows: Callable[..., list[float | None]] = info["oracle"]
    left, right = (knows(each, [HOME, LOST, Goal("?")]) for each in info["candidates"])
    assert {tuple(left), tuple(right)} == {(1.0, 0.0, None), (0.0, 1.0, None)}
    assert knows(Candidate("I wait."), [HOME]) == [None]


async def test_nothing_of_it_is_recorded_or_shown() -> None:
    (trace,) = await played(["linear"], 1)
    shown = repr(trace.steps[0].observation) + trace.steps[0].state
    assert "oracle" not in shown
    assert "Foresight" not in repr(trace)
