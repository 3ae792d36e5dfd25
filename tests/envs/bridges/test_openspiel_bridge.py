import random
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.check import check_environment
from forethought.envs.registry import get_world

pyspiel = pytest.importorskip(
    "pyspiel", reason="needs OpenSpiel: pip install 'forethought[openspiel]'"
)

from forethought.envs.bridges.openspiel import OpenSpiel  # noqa: E402

GAMES = [
    "bargaining",
    "negotiation(enable_utterances=False)",
    "social_deduction",
    "liars_dice",
    "kuhn_poker(players=3)",
    "goofspiel(num_cards=4)",
    "tic_tac_toe",
]


@pytest.mark.parametrize("name", GAMES)
def test_the_world_keeps_its_contract(name: str) -> None:
    world = get_world(f"openspiel:{name}")
    options = [{}, *({"seat": seat} for seat in range(world.seats))]
    check_environment(world.make, episodes=max(6, len(options)), options=options)


@pytest.mark.parametrize("name", GAMES)
def test_the_reward_is_what_openspiel_returns(name: str) -> None:
    env = OpenSpiel(name)
    for seed in range(4):
        _, info = env.reset(seed=seed, options={"seat": seed % env.seats})
        total, over, rng = 0.0, False, random.Random(seed)
        while not over:
            _, reward, over, _, info = env.step(rng.choice(info["legal_actions"]))
            total += reward
        replayed = pyspiel.load_game(str(env._game)).new_initial_state()
        for action in env._state.history():
            assert action in replayed.legal_actions()
            replayed.apply_action(action)
        mine = replayed.returns()[seed % env.seats]
        assert info["outcome"].facts["returned"] == mine
        assert total == pytest.approx(mine / env._most)


def test_the_other_side_of_a_bargain_is_not_shown() -> None:
    env = OpenSpiel("bargaining")
    _, info = env.reset(seed=3, options={"instance": 5, "seat": 1})
    _, other = env.reset(seed=3, options={"instance": 5, "seat": 0})
    assert info["state"].count("values") == other["state"].count("values") == 1
    assert info["state"] != other["state"]


def test_instances_fix_what_chance_deals_and_seeds_what_the_others_do() -> None:
    env = OpenSpiel("bargaining")
    dealt = {env.reset(seed=seed, options={"instance": 9})[0] for seed in range(5)}
    assert len(dealt) == 1
    answers = set()
    for seed in range(5):
        _, info = env.reset(seed=seed, options={"instance": 9})
        answers.add(env.step(info["legal_actions"][0])[0])
    assert len(answers) > 1


def test_players_from_python_take_the_other_seats() -> None:
    def agreeable(state: Any, player: int, rng: random.Random) -> int:
        return int(state.legal_actions(player)[-1])

    env = OpenSpiel("bargaining", {"agreeable": agreeable})
    _, info = env.reset(seed=1)
    greedy = max(info["legal_actions"], key=lambda a: sum(int(c) for c in a if c.isdigit()))
    _, reward, over, _, last = env.step(greedy)
    assert over
    assert reward == 1.0
    assert last["outcome"].success


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("bargainin", {}, UnknownName, "did you mean 'bargaining'"),
        ("bargaining(max_turn=3)", {}, ConfigError, "OpenSpiel cannot load"),
        ("bargaining", {"seat": 2}, ConfigError, "seat must be 0 or 1"),
        ("bargaining", {"opponent": "x"}, UnknownName, "unknown opponent 'x'"),
        ("bargaining", {"prize": 2}, ConfigError, "no option prize"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    name: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        get_world(f"openspiel:{name}").make().reset(seed=1, options=options)
    assert "\n" not in str(caught.value)
