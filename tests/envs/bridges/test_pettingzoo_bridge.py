import random
import sys
import warnings
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.check import check_environment
from forethought.envs.registry import get_world

pytest.importorskip("pettingzoo", reason="needs PettingZoo: pip install 'forethought[pettingzoo]'")

import pettingzoo

from forethought.envs.bridges.pettingzoo import PettingZoo
from forethought.envs.bridges.pettingzoo_out import as_aec

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own tests load its worlds in a way it gave up
    from pettingzoo.test import api_test, seed_test

OURS = ("bargaining-v0", "haggling-v0", "campsite-v0")
THEIRS = ("classic/tictactoe-v3", "classic/connect_four-v3", "classic/rps-v2")


@pytest.mark.parametrize("name", THEIRS)
def test_their_worlds_keep_our_contract(name: str) -> None:
    world = get_world(f"pettingzoo:{name}")
    check_environment(world.make, episodes=6, options=[{}, {"seat": 0}, {"seat": world.seats - 1}])


def test_a_game_of_theirs_pays_what_it_paid_there() -> None:
    env = get_world("pettingzoo:classic/tictactoe-v3").make()
    ended = set()
    for seed in range(20):
        _, info = env.reset(seed=seed, options={"seat": seed % 2})  # type: ignore[misc]
        over, total, rng = False, 0.0, random.Random(seed)
        while not over:
            _, reward, over, _, info = env.step(rng.choice(info["legal_actions"]))  # type: ignore[misc]
            total += reward
        assert info["outcome"].reward == total
        ended.add(total)
    assert {1.0, -1.0} <= ended <= {1.0, -1.0, 0.0}


def test_words_and_players_can_be_given() -> None:
    def first(seen: Any, legal: Any, rng: random.Random) -> int:
        return int(legal[0])

    cells = [f"cell {n}" for n in range(9)]
    env = PettingZoo(
        lambda: pettingzoo.make("aec", "classic/tictactoe-v3"),
        "ttt",
        player=first,
        words=cells,
        describe=lambda o: "Go.",
    )
    text, info = env.reset(seed=1)
    assert text == "You are player_1. Go."
    assert info["legal_actions"][0] == "cell 0"
    env.step("cell 4")
    _, _, _, _, info = env.step("cell 2")
    *_, info = env.step("cell 6")
    assert info["outcome"].success


def test_a_cut_off_episode_says_so() -> None:
    env = PettingZoo(lambda: pettingzoo.make("aec", "classic/rps-v2"), "rps")
    _, info = env.reset(seed=2)
    over = cut = False
    while not (over or cut):
        _, _, over, cut, info = env.step("0")
    assert (over, cut) == (False, True)
    assert info["outcome"].reason == "truncated"


@pytest.mark.parametrize("name", OURS)
def test_our_worlds_keep_their_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # the one part of their test that cannot read texts: it asks an observation for its dtype
    module = sys.modules["pettingzoo.test.api_test"]
    monkeypatch.setattr(
        module, "_test_observation_space_compatibility", lambda *given, **named: None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api_test(as_aec(name), num_cycles=150)
        seed_test(lambda: as_aec(name), num_cycles=60)


@pytest.mark.parametrize("name", OURS)
def test_two_agents_play_ours_to_the_end(name: str) -> None:
    paid = set()
    for seed in range(12):
        env = as_aec(name)
        env.reset(seed=seed)
        rng = random.Random(seed)
        totals = dict.fromkeys(env.possible_agents, 0.0)
        for agent in env.agent_iter(400):
            _, reward, ended, _, info = env.last()
            totals[agent] += reward
            if ended:
                assert info["outcome"].reward == totals[agent]
            env.step(None if ended else rng.choice(info["choices"]))
        assert not env.agents
        paid |= set(totals.values())
    assert len(paid) >= 3


def test_there_and_back_again_is_still_a_world() -> None:
    def again() -> PettingZoo:
        return PettingZoo(lambda: as_aec("haggling-v0"), "ours")

    check_environment(again, episodes=4, options=[{}, {"seat": 1}])
    text, info = again().reset(seed=1, options={"instance": 3})
    assert "coins" in text
    assert len(info["legal_actions"]) > 5


def test_what_one_side_sees_is_its_own() -> None:
    env = as_aec("bargaining-v0")
    env.reset(options={"instance": 4})
    first = env.observe("player_0")
    env.step(env.infos["player_0"]["choices"][3])
    second = env.observe("player_1")
    assert env.agent_selection == "player_1"
    assert first != second
    assert "oracle" not in env.infos["player_1"]


def test_a_refused_move_leaves_the_turn_where_it_is() -> None:
    env = as_aec("haggling-v0")
    env.reset(seed=3)
    agent = env.agent_selection
    env.step("I sing.")
    assert env.agent_selection == agent
    assert env.infos[agent]["invalid"] is True
    env.step(255)
    assert env.infos[agent]["invalid"] is True
    env.step(0)
    assert "invalid" not in env.infos[agent]


def test_what_cannot_be_is_one_clear_line() -> None:
    with pytest.raises(UnknownName, match="did you mean 'classic/tictactoe-v3'"):
        get_world("pettingzoo:classic/tictactoe-v33")
    with pytest.raises(UnknownName, match="did you mean 'bargaining-v0'"):
        as_aec("bargaining")
    with pytest.raises(ConfigError, match="seat must be 0 or 1"):
        get_world("pettingzoo:classic/tictactoe-v3").make().reset(options={"seat": 2})
