import random
import warnings
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.check import check_environment
from forethought.envs.registry import get_world

gymnasium: Any = pytest.importorskip(
    "gymnasium", reason="needs Gymnasium: pip install 'forethought[gymnasium]'"
)

from gymnasium.utils.env_checker import check_env  # noqa: E402

from forethought.envs.bridges.gymnasium import Gymnasium  # noqa: E402
from forethought.envs.bridges.gymnasium_out import as_gymnasium  # noqa: E402


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Blackjack-v1", "CartPole-v1"])
def test_their_worlds_keep_our_contract(name: str) -> None:
    check_environment(get_world(f"gym:{name}").make, episodes=4, max_steps=600)


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Blackjack-v1"])
def test_theirs_pays_what_it_paid_there(name: str) -> None:
    env: Any = get_world(f"gym:{name}").make()
    plain = gymnasium.make(name)
    for instance in range(20):
        rng = random.Random(instance)
        _, info = env.reset(seed=1, options={"instance": instance})
        plain.reset(seed=instance)
        over = False
        while not over:
            word = rng.choice(info["legal_actions"])
            _, reward, ended, cut, info = env.step(word)
            _, theirs, *flags, _ = plain.step(env._words.index(word))
            assert (reward, [ended, cut]) == (float(theirs), flags)
            over = ended or cut


def test_pictures_are_shown_without_colours() -> None:
    env: Any = get_world("gym:FrozenLake-v1").make()
    text, info = env.reset(seed=3)
    assert text.startswith("(S)FFF")
    assert "\x1b" not in text
    assert info["legal_actions"] == ("left", "down", "right", "up")
    taxi: Any = get_world("gym:Taxi-v4").make()
    text, _ = taxi.reset(seed=3)
    assert text.count("(") == text.count("<") == text.count("{") == 1


def test_a_world_with_a_threshold_says_so() -> None:
    world = get_world("gym:CartPole-v1")
    assert world.success == "rewards of 475 or more in all"
    env: Any = world.make()
    _, info = env.reset(seed=1)
    over = False
    while not over:
        _, _, over, _, info = env.step("push left")
    assert info["outcome"].missed == ("I end with less than nothing.", "My rewards reach 475.")
    assert not info["outcome"].success


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("name", ["bargaining-v0", "haggling-v0", "campsite-v0", "signpost-v0"])
def test_our_worlds_keep_their_contract(name: str, indexed: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has opinions on names, spaces and reproducibility
        check_env(as_gymnasium(name, indexed=indexed), skip_render_check=True)


def test_ours_behind_their_interface_is_played_by_numbers() -> None:
    env = as_gymnasium("bargaining-v0", indexed=True, opponent="conceder", seat=1)
    text, info = env.reset(seed=5)
    assert "oracle" not in info
    over, total = False, 0.0
    while not over:
        text, _, _, _, info = env.step(255)
        assert info["invalid"] is True
        place = max(
            range(int(info["action_mask"].sum())), key=lambda n: "agree" in info["choices"][n]
        )
        text, reward, over, _, info = env.step(place)
        total += reward
    assert env.render() == text
    assert info["outcome"].reward == total > 0


def test_what_cannot_be_is_one_clear_line() -> None:
    with pytest.raises(UnknownName, match="did you mean 'FrozenLake-v1'"):
        get_world("gym:FrozenLak-v1")
    with pytest.raises(ConfigError, match="its actions are not counted"):
        get_world("gym:Pendulum-v1")
    with pytest.raises(ConfigError, match="Gymnasium cannot make"):
        get_world("gym:Ant-v5")
    with pytest.raises(ConfigError, match="no option map"):
        get_world("gym:FrozenLake-v1").make().reset(options={"map": 2})
    with pytest.raises(ConfigError, match="lists no actions to count"):
        as_gymnasium("reasoning-gym:chain_sum", indexed=True)


def test_words_and_descriptions_can_be_given() -> None:
    env = Gymnasium(
        lambda: gymnasium.make("Blackjack-v1"),
        "cards",
        words=("stay", "more"),
        describe=lambda seen: f"I have {seen[0]}.",
    )
    text, info = env.reset(seed=1)
    assert text.startswith("I have ")
    assert info["legal_actions"] == ("stay", "more")
