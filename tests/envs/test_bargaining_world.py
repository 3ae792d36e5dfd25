import copy
import random
from collections.abc import Callable
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Outcome
from forethought.envs.bargaining import world
from forethought.envs.bargaining.instances import (
    all_instances,
    instance_by_number,
    numbers_by_split,
)
from forethought.envs.bargaining.opponents import OPPONENTS, TRAINING
from forethought.envs.bargaining.rules import Bundle, Game, Instance, bundles, value_vectors
from forethought.envs.bargaining.sparring import SPARRING
from forethought.envs.bargaining.text import AGREE, GOALS, NO_DEAL, say_offer
from forethought.envs.bargaining.world import Bargaining
from forethought.envs.check import check_environment, shown

EVERY_SIDE = [
    {"seat": seat, "opponent": name, "discount": discount}
    for seat in (0, 1)
    for name in OPPONENTS
    for discount in (1.0, 0.9)
] + [{"seat": number % 2, "opponent": name} for number, name in enumerate(SPARRING)]


def under_other_values(env: Bargaining) -> list[str]:
    """What would be shown if the other valued the items differently, all offers being the same."""
    twin = copy.deepcopy(env)
    game = twin._game
    assert game is not None
    told = []
    mine, pool = game.instance.values[env._seat], game.instance.pool
    for theirs in value_vectors(pool):
        values = (mine, theirs) if env._seat == 0 else (theirs, mine)
        game.instance = Instance(pool, values)
        told.append(shown(*twin._show(game)))
    return told


def test_the_world_keeps_its_contract_and_its_secrets() -> None:
    check_environment(
        Bargaining, episodes=2 * len(EVERY_SIDE), options=EVERY_SIDE, secrets=under_other_values
    )


def stubborn(asks: list[Bundle]) -> Callable[[Game, random.Random], Bundle | None]:
    def act(game: Game, rng: random.Random) -> Bundle | None:
        return asks[len(game.offers) // 2 % len(asks)]

    return act


@pytest.mark.parametrize("seat", [0, 1])
def test_equal_offers_look_equal_whatever_they_are_worth_to_the_other(
    seat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seat)
    instance = next(i for i in all_instances() if i.pool == (2, 2, 2))
    mine = instance.values[seat]
    same = [i for i in all_instances() if i.pool == (2, 2, 2) and i.values[seat] == mine]
    assert len(same) > 3
    asks = [rng.choice(bundles((2, 2, 2))) for _ in range(5)]
    monkeypatch.setattr(world, "OPPONENTS", {"stubborn": stubborn(asks)})
    takes = [say_offer(rng.choice(bundles((2, 2, 2)))) for _ in range(5)]
    episodes = []
    for one in same:
        monkeypatch.setattr(world, "instance_by_number", lambda number, one=one: one)
        env = Bargaining()
        seen = [shown(*env.reset(options={"seat": seat, "opponent": "stubborn"}))]
        for take in takes:
            text, _, over, _, info = env.step(take)
            seen.append(shown(text, info))
        assert over
        episodes.append(seen)
    assert all(seen == episodes[0] for seen in episodes)


def test_an_agreement_pays_what_the_items_are_worth() -> None:
    env = Bargaining()
    _, info = env.reset(seed=1, options={"instance": 0, "opponent": "conceder"})
    view = info["view"]
    text, reward, over, truncated, info = env.step(say_offer((0, 0, 0)))
    assert (over, truncated) == (True, False)
    outcome = info["outcome"]
    assert isinstance(outcome, Outcome)
    assert (reward, outcome.reward, outcome.success) == (0.0, 0.0, False)
    assert (outcome.facts["agreed"], outcome.facts["points"]) == (True, 0)
    assert outcome.facts["their_points"] == 10
    assert NO_DEAL in outcome.missed
    assert text == "Agreed: you get 0 points."
    assert view.seat == 0


def test_without_an_agreement_there_is_nothing() -> None:
    env = Bargaining()
    _, info = env.reset(seed=1, options={"seat": 1, "opponent": "boulware"})
    over = False
    turns = 0
    while not over:
        text, reward, over, _, info = env.step(say_offer(info["view"].pool))
        turns += 1
    assert turns == 5
    assert (text, reward) == ("No agreement.", 0.0)
    assert info["outcome"].reached == (NO_DEAL,)
    assert len(info["outcome"].missed) == len(GOALS) - 1


def test_the_goals_told_are_those_of_the_points() -> None:
    env = Bargaining()
    for seed in range(40):
        _, info = env.reset(seed=seed, options={"seat": 1, "opponent": "conceder"})
        for _ in range(2):
            _, _, over, _, info = env.step(say_offer(info["view"].pool))
            assert not over
        points = info["view"].offered
        assert f"Agreeing now brings you {points} points." in env.step("What?")[0]
        _, reward, over, _, info = env.step(AGREE)
        assert over
        assert reward == points / 10
        reached = info["outcome"].reached
        assert reached == tuple(goal.text for goal in GOALS[:points])
        assert info["outcome"].success == (points >= 5)


def test_a_refused_action_says_what_to_do_and_takes_no_turn() -> None:
    env = Bargaining()
    env.reset(seed=3, options={"instance": 5})
    for action, reason in (
        (AGREE, "no offer to agree to"),
        ("Give me all!", "how many of each kind you take"),
        ("I take 9 books, 9 hats and 9 balls.", "not part of the pool"),
    ):
        text, reward, over, _, info = env.step(action)
        assert reason in text
        assert (reward, over, info["invalid"]) == (0.0, False, True)
        assert info["view"].turn == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seats": 1}, "no option seats"),
        ({"seat": 2}, "seat must be 0 or 1"),
        ({"seat": None}, "seat must be a number, not None"),
        ({"instance": "first"}, "instance must be a number, not 'first'"),
        ({"instance": -1}, "has no instance -1"),
        ({"discount": 0}, r"discount must lie in \(0, 1\]"),
        ({"discount": "nan"}, r"discount must lie in \(0, 1\]"),
        ({"discount": 1.5}, r"discount must lie in \(0, 1\]"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    env = Bargaining()
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=message):
        env.reset(seed=0, options=options)
    with pytest.raises(ConfigError, match="call reset before step"):
        env.step(AGREE)


def test_an_unknown_opponent_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'boulware'"):
        Bargaining().reset(options={"opponent": "bulware"})


def test_what_is_left_open_is_drawn_from_training() -> None:
    env = Bargaining()
    opponents, instances = set(), set()
    for seed in range(200):
        env.reset(seed=seed)
        opponents.add(env._opponent)
        assert env._game is not None
        instances.add(env._game.instance)
    assert opponents == set(TRAINING)
    train = {instance_by_number(n) for n in numbers_by_split()["train"]}
    assert instances <= train
    assert len(instances) > 150
