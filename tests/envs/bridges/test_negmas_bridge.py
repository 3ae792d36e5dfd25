import random
from statistics import fmean
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Observation
from forethought.envs.bargaining.rules import rest, worth
from forethought.envs.bargaining.world import WORLD, heuristic
from forethought.envs.check import check_environment
from forethought.envs.registry import get_world
from forethought.envs.rollouts import plan

pytest.importorskip("negmas", reason="needs negmas: pip install 'forethought[negmas]'")

from forethought.envs.bridges.negmas_opponents import NEGOTIATORS, NegmasBargaining

SIDES = [{}, *({"seat": n % 2, "opponent": name} for n, name in enumerate(NEGOTIATORS))]


def test_the_world_keeps_its_contract() -> None:
    check_environment(NegmasBargaining, episodes=2 * len(SIDES), options=SIDES)


def play(env: Any, one: Any, choose: Any) -> tuple[float, Any]:
    options = {"instance": one.instance, "seat": one.seat, "opponent": one.opponent}
    text, info = env.reset(seed=one.seed, options=options)
    rng = random.Random(one.seed)
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        text, reward, over, _, info = env.step(str(choose(seen, rng).action))
        if over:
            return reward, env._game


@pytest.mark.parametrize("name", NEGOTIATORS)
def test_negotiators_ask_for_much_and_give_way_in_time(name: str) -> None:
    env = NegmasBargaining()
    world = get_world("negmas:bargaining-v0")
    firsts, lasts = [], []
    for one in plan(world, split="train", episodes=12, seed=1, opponents=(name,)):
        _, game = play(env, one, lambda seen, rng: seen.candidates[-1])
        seat = 1 - one.seat
        values = game.instance.values[seat]
        asked = [worth(values, take) for take in game.offers[seat::2]]
        assert all(0 <= points <= 10 for points in asked)
        firsts += asked[:1]
        lasts += asked[-1:]
    assert fmean(firsts) > (6 if name == "negmas-conceder" else 8)
    if name != "negmas-tit-for-tat":  # it gives nothing to one who never moves
        assert fmean(lasts) < fmean(firsts)


def test_what_they_agree_to_is_what_was_offered() -> None:
    env = NegmasBargaining()
    world = get_world("negmas:bargaining-v0")
    agreed = 0
    for one in plan(world, split="train", episodes=20, seed=2):
        reward, game = play(env, one, heuristic)
        if game.agreed:
            agreed += 1
            take = game.offers[-1]
            mine = (
                take if (len(game.offers) - 1) % 2 == one.seat else rest(game.instance.pool, take)
            )
            assert reward == worth(game.instance.values[one.seat], mine) / 10
    assert agreed > 10


def test_nobody_is_given_an_oracle_that_does_not_know() -> None:
    world = get_world("negmas:bargaining-v0")
    assert WORLD.oracle
    assert not world.oracle
    _, info = world.make().reset(seed=1)  # type: ignore[misc]
    assert "oracle" not in info


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"opponent": "linear"},
            UnknownName,
            "unknown opponent 'linear'; did you mean 'negmas-linear",
        ),
        ({"seat": 3}, ConfigError, "seat must be 0 or 1"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        NegmasBargaining().reset(options=options)
    with pytest.raises(UnknownName, match="did you mean 'bargaining-v0'"):
        get_world("negmas:bargaining")
