import random
from statistics import fmean
from typing import Any

import pytest
from camp_scenes import FOOD_FIRST, WOOD_FIRST, play, scene

from forethought.envs.campsite.actions import (
    ACCEPT,
    REJECT,
    say_offer,
    submit,
)
from forethought.envs.campsite.policies import heuristic, unguided
from forethought.envs.campsite.rules import (
    bundles,
    points,
    rest,
)
from forethought.envs.campsite.tactics import (
    AGREE,
    TEMPERS,
    TRAINING,
    UNSEEN,
    Temper,
    act,
    likely_points,
    tell,
    wanted,
)
from forethought.envs.campsite.world import WORLD, Campsite
from forethought.envs.casino_text import Talk, hear
from forethought.envs.rollouts import plan


def mean_reward(choose: Any, opponents: tuple[str, ...], episodes: int = 160) -> float:
    env = Campsite()
    return fmean(
        play(
            env,
            {"instance": one.instance, "seat": one.seat, "opponent": one.opponent},
            one.seed,
            choose,
        )[0]
        for one in plan(WORLD, split="train", episodes=episodes, seed=0, opponents=opponents)
    )


def test_the_heuristic_beats_chance_against_everybody() -> None:
    for opponents in (TRAINING, UNSEEN):
        assert mean_reward(heuristic, opponents) > mean_reward(unguided, opponents) + 0.03


@pytest.mark.parametrize("name", TEMPERS)
def test_partners_accept_what_they_want_and_reject_what_is_less(name: str) -> None:
    temper = TEMPERS[name]
    rng = random.Random(0)
    for take in bundles():
        there = scene()
        there.act(0, "Hello.")
        there.act(1, "Hello.")
        there.act(0, submit(take))
        view = there.view(1)
        brings = points(WOOD_FIRST, rest(take))
        assert act(view, temper, rng) == (ACCEPT if brings >= wanted(view, temper) else REJECT)


def test_in_the_last_turn_a_partner_keeps_its_pride_and_the_heuristic_takes_what_it_can() -> None:
    there = scene()
    for turn in range(14):
        there.act(turn % 2, "Hm.")
    there.act(0, submit((3, 3, 0)))
    view = there.view(1)
    assert view.turn == view.max_turns
    assert act(view, TEMPERS["linear"], random.Random(0)) == ACCEPT
    proud, modest = Temper(1.0, floor=20.0), Temper(1.0, floor=20.0, proud=False)
    assert act(view, proud, random.Random(0)) == REJECT
    assert act(view, modest, random.Random(0)) == ACCEPT


def test_partners_submit_what_was_agreed_in_words() -> None:
    there = scene()
    there.act(0, tell(*FOOD_FIRST))
    there.act(1, say_offer((0, 2, 3)))
    there.act(0, AGREE)
    assert act(there.view(1), TEMPERS["even"], random.Random(0)) == submit((0, 2, 3))


def test_partners_answer_questions_and_only_sly_lies() -> None:
    for name, temper in TEMPERS.items():
        there = scene()
        there.act(0, "Hello! What do you need most?")
        said = act(there.view(1), temper, random.Random(0))
        truth = tell(*WOOD_FIRST) in said
        assert truth == (name != "sly")
        assert (tell(*reversed(WOOD_FIRST)) in said) == (name == "sly")


def test_voiced_needs_change_what_partners_propose() -> None:
    there = scene()
    there.act(0, tell(*FOOD_FIRST))
    food, water, firewood = likely_points(there.view(1))
    assert 5 >= food > water > firewood >= 3
    there.act(1, tell(*WOOD_FIRST))
    there.act(0, "Well.")
    said = act(there.view(1), TEMPERS["even"], random.Random(0))
    table = hear(Talk(), 1, said).table
    assert table[0] is not None
    assert table[2] is not None
    assert table[0] > table[2]


def test_a_mirror_gives_way_as_the_other_does() -> None:
    there = scene()
    temper = TEMPERS["mirror"]
    there.act(0, say_offer((3, 3, 3)))
    assert wanted(there.view(1), temper) == temper.start
    there.act(1, "No.")
    there.act(0, say_offer((3, 3, 1)))
    assert wanted(there.view(1), temper) == temper.start - 10
