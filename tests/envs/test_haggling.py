import copy
import random
from itertools import product
from statistics import fmean
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Candidate, Goal, Observation
from forethought.envs.check import check_environment, shown
from forethought.envs.haggling.instances import (
    instance_by_number,
    likeness,
    numbers_by_split,
    split_instances,
)
from forethought.envs.haggling.opponents import TEMPERS, TRAINING, UNSEEN, answer, wants
from forethought.envs.haggling.policies import COLLECTORS, aspiration, heuristic, unguided
from forethought.envs.haggling.rules import (
    BUYER,
    MARKS,
    SELLER,
    Game,
    Instance,
    coins,
    gain,
    mark_for,
)
from forethought.envs.haggling.text import ACCEPT, GOALS, NO_DEAL, WALK, parse_action, say_offer
from forethought.envs.haggling.world import WORLD, Haggling
from forethought.envs.rollouts import plan

LAMP = Instance("lamp", 40, floor=10, ceiling=30, opener=SELLER)
EVERY_SIDE = [{"seat": seat, "opponent": name} for seat in (0, 1) for name in TEMPERS]


def under_other_limits(env: Haggling) -> list[str]:
    """What would be shown if the other had another limit and wish, all that was said the same."""
    told = []
    twin = copy.deepcopy(env)
    game = twin._game
    assert game is not None
    old = game.instance
    mine = old.limit(env._seat)
    for limit, twin._start in ((0, 1), (13, 18), (27, 10), (MARKS, 38)):
        floor, ceiling = (mine, limit) if env._seat == SELLER else (limit, mine)
        game.instance = Instance(old.item, old.guide, floor, ceiling, old.opener)
        told.append(shown(*twin._show(game)))
    return told


def test_the_world_keeps_its_contract_and_its_secrets() -> None:
    check_environment(
        Haggling, episodes=2 * len(EVERY_SIDE), options=EVERY_SIDE, secrets=under_other_limits
    )


def test_the_prices_named_and_the_limits_decide_what_a_deal_brings() -> None:
    game = Game(LAMP)
    game.offer(35)
    game.offer(12)
    game.offer(22)
    game.accept()
    assert game.over
    assert game.gains() == (12, 8)
    assert sum(game.gains()) == LAMP.zone
    assert coins(LAMP.guide, 22) == 42


@pytest.mark.parametrize(
    ("before", "move", "why"),
    [
        ([], lambda g: g.accept(), "no price to accept"),
        ([], lambda g: g.offer(9), "beyond your limit"),
        ([], lambda g: g.offer(41), "outside the range"),
        ([], lambda g: g.offer(-1), "outside the range"),
        ([35], lambda g: g.offer(31), "beyond your limit"),
        ([35], lambda g: g.accept(), "beyond your limit"),
        ([20] * 10, lambda g: g.offer(20), "is over"),
        ([20] * 10, lambda g: g.accept(), "is over"),
        ([20] * 10, lambda g: g.walk(), "is over"),
    ],
)
def test_what_the_rules_forbid_is_refused_and_changes_nothing(
    before: list[int], move: Any, why: str
) -> None:
    game = Game(LAMP)
    for mark in before:
        game.offer(mark)
    with pytest.raises(ConfigError, match=why):
        move(game)
    assert game.offers == before
    assert game.deal is None
    assert not game.walked


def test_actions_are_read_back_and_what_is_not_a_price_is_explained() -> None:
    for guide, mark in product((40, 120, 600), range(MARKS + 1)):
        assert parse_action(say_offer(guide, mark), guide) == mark
    assert parse_action(" i OFFER 42  coins ", 40) == 22
    assert parse_action("i accept your price", 40) == ACCEPT
    assert parse_action(WALK, 40) == WALK
    for text in ("I offer 42 or 43 coins.", "42", "", "I accept", "I offer coins."):
        with pytest.raises(ValueError, match="say 'I accept your price"):
            parse_action(text, 40)
    for text in ("I offer 19 coins.", "I offer 61 coins.", "I offer 0 coins."):
        with pytest.raises(ValueError, match="20 to 60 coins in steps of 1"):
            parse_action(text, 40)
    with pytest.raises(ValueError, match="steps of 5"):
        parse_action("I offer 201 coins.", 200)


def test_no_pair_of_limits_nor_its_mirror_image_is_in_two_splits() -> None:
    kinds = {
        split: {likeness((i.floor, i.ceiling)) for i in split_instances(split)}
        for split in ("train", "validation", "test")
    }
    assert not kinds["train"] & kinds["validation"]
    assert not kinds["test"] & (kinds["train"] | kinds["validation"])
    sizes = [len(numbers) for numbers in numbers_by_split().values()]
    assert sum(sizes) == 12_500
    assert sizes[0] > sizes[2] > sizes[1] > 1000
    for split, numbers in numbers_by_split().items():
        assert instance_by_number(numbers[-1]) == split_instances(split)[-1]
        empty = fmean(i.zone == 0 for i in split_instances(split))
        assert 0.08 < empty < 0.22
    with pytest.raises(ConfigError, match="no instance 999999"):
        instance_by_number(999_999)


@pytest.mark.parametrize("name", TEMPERS)
def test_opponents_only_give_way_and_never_beyond_one_step(name: str) -> None:
    for start in (1, 10, 18, 38):
        wanted = [wants(TEMPERS[name], start, made, 10, 0) for made in range(10)]
        assert wanted[0] == start
        assert wanted == sorted(wanted, reverse=True)
        if name != "mirror":
            assert wanted[-1] == 1


def test_tempers_part_in_the_middle() -> None:
    middle = {name: wants(TEMPERS[name], 18, 5, 10, 0) for name in TEMPERS}
    assert middle["firm"] > middle["boulware"] > middle["linear"] > middle["conceder"]
    assert middle["mirror"] == 18


def test_a_mirror_gives_as_much_as_it_is_given() -> None:
    mirror = TEMPERS["mirror"]
    game = Game(LAMP)
    asks = []
    for own in (35, 35, 32, 26):
        game.offer(own)
        ask = answer(game, mirror, 15)
        assert ask is not None
        asks.append(gain(BUYER, LAMP.ceiling, ask))
        game.offer(ask)
    assert asks == [15, 15, 12, 6]
    game.offer(24)
    assert answer(game, mirror, 15) is None


def test_an_anchor_begins_at_the_end_of_the_range_whatever_its_limit() -> None:
    firsts = set()
    for seed in range(40):
        env = Haggling()
        _, info = env.reset(seed=seed, options={"seat": 1, "opponent": "anchor"})
        view = info["view"]
        if view.opener == SELLER:
            firsts.add(view.offers[0])
    assert firsts == {MARKS}


def play(env: Haggling, options: dict[str, Any], seed: int, choose: Any) -> tuple[float, Any]:
    text, info = env.reset(seed=seed, options=options)
    rng = random.Random(seed)
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        text, reward, over, _, info = env.step(str(choose(seen, rng).action))
        if over:
            return reward, info["outcome"]


def test_the_outcome_tells_what_the_deal_was_worth() -> None:
    env = Haggling()
    ended = set()
    for number, one in enumerate(plan(WORLD, split="train", episodes=300, seed=1)):
        options = {"instance": one.instance, "seat": one.seat, "opponent": one.opponent}
        reward, outcome = play(env, options, one.seed, COLLECTORS[number % len(COLLECTORS)])
        facts = outcome.facts
        zone = instance_by_number(one.instance).zone
        assert facts["zone"] == zone
        assert 0 <= reward == outcome.reward <= 1
        assert outcome.success == (zone > 0 and facts["steps"] * 2 >= zone)
        assert (NO_DEAL in outcome.reached) == (not facts["agreed"])
        if facts["agreed"] and zone:
            assert facts["steps"] + facts["their_steps"] == zone
            assert facts["joint"] == 1
            assert reward == facts["steps"] / zone
            assert len(outcome.reached) == facts["steps"] * 10 // zone
        if not zone:
            assert reward == 0
        ended.add((facts["agreed"], zone > 0))
    assert {(True, True), (False, True), (False, False)} <= ended


def test_the_state_tells_what_decides() -> None:
    env = Haggling()
    number = next(n for n in numbers_by_split()["train"] if instance_by_number(n).opener == BUYER)
    _, info = env.reset(seed=3, options={"instance": number, "seat": 0, "opponent": "linear"})
    assert "They gave way" not in info["state"]
    for _ in range(2):
        _, _, _, _, info = env.step(info["legal_actions"][0 if info["view"].offered[-1] < 0 else 1])
    view = info["view"]
    first, last = view.offered[0], view.offered[-1]
    assert f"They offer me {last}, best so far {last}, at first {first}." in info["state"]
    assert f"They gave way by {last - first} in all" in info["state"]
    assert f"between us lie {view.asked[-1] - last}." in info["state"]
    names = [c for c in info["candidates"] if "I name" in c.thought]
    assert f"brings me {view.room} steps" in names[0].thought
    assert len({c.thought for c in info["candidates"]}) == len(info["candidates"])


def test_accepting_is_open_only_within_the_own_limit() -> None:
    env = Haggling()
    met = set()
    for seed in range(60):
        _, info = env.reset(seed=seed, options={"seat": seed % 2})
        view = info["view"]
        if view.offered:
            open_now = ACCEPT in info["legal_actions"]
            assert open_now == (view.offered[-1] >= 0)
            met.add(open_now)
            if not open_now:
                _, _, over, _, after = env.step(ACCEPT)
                assert after["invalid"]
                assert not over
    assert met == {True, False}


def test_walking_away_ends_it_with_nothing() -> None:
    env = Haggling()
    env.reset(seed=1)
    text, reward, over, _, info = env.step(WALK)
    assert (text, reward, over) == (NO_DEAL, 0.0, True)
    assert info["outcome"].reached == (NO_DEAL,)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seat": 2}, ConfigError, "seat must be 0 or 1"),
        ({"opponent": "boulwar"}, UnknownName, "did you mean 'boulware'"),
        ({"instance": "x"}, ConfigError, "instance must be a number"),
        ({"discount": 1}, ConfigError, "no option discount"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Haggling().reset(options=options)


def test_the_heuristic_gives_way_over_time_and_takes_its_last_chance() -> None:
    env = Haggling()
    for seed in range(30):
        text, info = env.reset(seed=seed, options={"seat": seed % 2})
        wanted = []
        over = False
        while not over:
            view = info["view"]
            seen = Observation(text, candidates=info["candidates"], info=info)
            choice = heuristic(seen, random.Random(0))
            wanted.append(aspiration(view))
            if view.offered and view.offered[-1] >= wanted[-1]:
                assert choice.action == ACCEPT
            if view.last_chance and view.offered[-1] >= 0:
                assert choice.action == ACCEPT
            text, _, over, _, info = env.step(str(choice.action))
        assert wanted == sorted(wanted, reverse=True)


def mean_share(choose: Any, opponents: tuple[str, ...], episodes: int = 400) -> float:
    env = Haggling()
    return fmean(
        play(
            env,
            {"instance": one.instance, "seat": one.seat, "opponent": one.opponent},
            one.seed,
            choose,
        )[0]
        for one in plan(WORLD, split="validation", episodes=episodes, seed=0, opponents=opponents)
    )


def best_known(seen: Observation, rng: random.Random) -> Candidate:
    """What the world's own knowledge says is best."""
    oracle = seen.info["oracle"]

    def worth(candidate: Candidate) -> float:
        chances = oracle(candidate, GOALS)
        return sum(g.weight * (c or 0.0) for g, c in zip(GOALS, chances, strict=True))

    return max(seen.candidates, key=worth)


def test_knowing_beats_the_heuristic_which_beats_chance() -> None:
    chance, rule = (mean_share(bot, TRAINING) for bot in (unguided, heuristic))
    known = mean_share(best_known, TRAINING, 120)
    assert chance + 0.05 < rule < known - 0.05


@pytest.mark.parametrize("opponent", [*TRAINING, *UNSEEN])
def test_what_the_oracle_foresees_comes_true(opponent: str) -> None:
    env = Haggling()
    for one in plan(WORLD, split="test", episodes=40, seed=2, opponents=(opponent,)):
        options = {"instance": one.instance, "seat": one.seat, "opponent": opponent}
        text, info = env.reset(seed=one.seed, options=options)
        promised, over = -1.0, False
        while not over:
            seen = Observation(text, candidates=info["candidates"], info=info)
            choice = best_known(seen, random.Random(0))
            chances = info["oracle"](choice, GOALS)
            assert promised in {-1.0, sum(c or 0.0 for c in chances[:-1])}
            promised = sum(c or 0.0 for c in chances[:-1])
            text, reward, over, _, info = env.step(str(choice.action))
        assert int(reward * 10 + 1e-9) == promised
        assert (chances[-1] == 1.0) == (NO_DEAL in info["outcome"].reached)


def test_the_oracle_says_nothing_of_what_is_no_move_or_no_goal_of_its_own() -> None:
    env = Haggling()
    _, info = env.reset(seed=1)
    assert info["oracle"](Candidate("?", action="I sing."), GOALS[:2]) == [None, None]
    assert info["oracle"](Candidate("?", action=WALK), [Goal("It rains.")]) == [None]


def test_mirror_images_are_the_same_game_with_roles_swapped() -> None:
    one, other = Instance("rug", 80, 10, 26, 0), Instance("rug", 80, 14, 30, 1)
    assert likeness((10, 26)) == likeness((14, 30))
    assert one.zone == other.zone
    for steps in range(5):
        assert coins(80, mark_for(SELLER, 10, steps)) - 80 == 80 - coins(
            80, mark_for(BUYER, 30, steps)
        )
