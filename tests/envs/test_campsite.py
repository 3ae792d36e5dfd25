import copy
from itertools import permutations, product
from typing import Any, get_args

import pytest
from camp_scenes import FOOD_FIRST, WOOD_FIRST, play, scene

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.campsite.actions import (
    REJECT,
    WALK,
    name_bundle,
    read_move,
    say_offer,
    submit,
)
from forethought.envs.campsite.endings import outcome
from forethought.envs.campsite.instances import (
    instance_by_number,
    numbers_by_split,
)
from forethought.envs.campsite.policies import COLLECTORS
from forethought.envs.campsite.rules import (
    Game,
    Kind,
    Move,
    Priorities,
    bundles,
    efficient,
    points,
    rest,
)
from forethought.envs.campsite.tactics import (
    AGREE,
    OFFERS,
    TEMPERS,
    tell,
)
from forethought.envs.campsite.text import GOALS, REFUSE
from forethought.envs.campsite.words import CampsiteWords
from forethought.envs.campsite.world import WORLD, Campsite, show
from forethought.envs.casino import GOALS as HUMAN_GOALS
from forethought.envs.casino import casino_traces
from forethought.envs.casino_data import ITEMS, load
from forethought.envs.casino_text import Talk, hear, thought_text
from forethought.envs.check import check_environment, shown
from forethought.envs.rollouts import plan

ORDERS: tuple[Priorities, ...] = tuple(permutations(ITEMS))  # type: ignore[arg-type]


EVERY_SIDE = [{"seat": seat, "opponent": name} for seat in (0, 1) for name in TEMPERS]


SAYING = (
    "Hello there!",
    say_offer((2, 2, 1)),
    "I need water most. What about you?",
    submit((2, 1, 2)),
    AGREE,
)


def under_other_orders(env: Campsite) -> list[str]:
    """What would be shown if the other wanted other things, all that was said being the same."""
    twin = copy.deepcopy(env)
    there = twin._scene
    assert there is not None
    mine = there.game.priorities[env._seat]
    told = []
    for theirs in ORDERS:
        there.game.priorities = (mine, theirs) if env._seat == 0 else (theirs, mine)
        told.append(shown(*show(there, env._seat)))
    return told


def test_the_world_keeps_its_contract_and_its_secrets() -> None:
    check_environment(
        Campsite,
        episodes=2 * len(EVERY_SIDE),
        options=EVERY_SIDE,
        actions=SAYING,
        secrets=under_other_orders,
    )


def test_the_world_in_words_keeps_its_contract() -> None:
    check_environment(CampsiteWords, episodes=6, options=EVERY_SIDE, actions=SAYING)


def test_points_are_those_of_the_data_set() -> None:
    for dialogue in load():
        game = Game(dialogue.priorities, first=0)
        if dialogue.deal is None:
            game.make(Move(0, "walk"))
        else:
            game.make(Move(0, "submit", take=dialogue.deal))
            game.make(Move(1, "accept"))
        assert game.over
        assert game.points() == dialogue.points


def test_a_deal_counts_when_the_other_accepts_it() -> None:
    for seat, take in product((0, 1), ((3, 1, 0), (0, 2, 3))):
        game = Game((FOOD_FIRST, WOOD_FIRST), first=seat)
        game.make(Move(seat, "submit", take=take))
        assert game.pending == rest(take)
        game.make(Move(1 - seat, "reject"))
        assert game.pending is None
        assert not game.over
        game.make(Move(seat, "submit", take=take))
        game.make(Move(1 - seat, "accept"))
        assert game.over
        own, other = game.points()[seat], game.points()[1 - seat]
        assert own == points(game.priorities[seat], take)
        assert other == points(game.priorities[1 - seat], rest(take))


@pytest.mark.parametrize(
    ("before", "move", "why"),
    [
        ([], Move(1, "say", "hi"), "the other's turn"),
        ([], Move(0, "accept"), "no deal has been submitted"),
        ([Move(0, "say", "hi")], Move(1, "reject"), "no deal has been submitted"),
        ([Move(0, "submit", take=(1, 1, 1))], Move(1, "say", "hm"), "accept or reject"),
        ([Move(0, "submit", take=(1, 1, 1))], Move(1, "submit", take=(1, 1, 1)), "accept or"),
        ([Move(0, "walk")], Move(1, "say", "wait"), "is over"),
    ],
)
def test_what_the_rules_forbid_is_refused(before: list[Move], move: Move, why: str) -> None:
    game = Game((FOOD_FIRST, WOOD_FIRST), first=0)
    for each in before:
        game.make(each)
    with pytest.raises(ConfigError, match=why):
        game.make(move)
    assert game.moves == before


def test_after_the_last_turn_both_walk_away() -> None:
    game = Game((FOOD_FIRST, WOOD_FIRST), first=1)
    for turn in range(16):
        assert not game.over
        kind: Kind = "submit" if turn == 15 else "say"
        game.make(Move((1 + turn) % 2, kind, take=(0, 0, 0) if turn == 15 else None))
    assert game.over
    assert game.points() == (5, 5)
    assert game.deal is None


def test_efficient_deals_leave_nothing_on_the_table() -> None:
    assert efficient(FOOD_FIRST, WOOD_FIRST, (3, 1, 0))
    assert not efficient(FOOD_FIRST, WOOD_FIRST, (0, 1, 3))
    same = [efficient(FOOD_FIRST, FOOD_FIRST, b) for b in bundles()]
    assert all(same)
    opposed = [b for b in bundles() if efficient(FOOD_FIRST, WOOD_FIRST, b)]
    assert 4 < len(opposed) < 20


@pytest.mark.parametrize("seat", [0, 1])
def test_every_offer_made_here_is_understood(seat: int) -> None:
    for take in bundles():
        sentences = [say_offer(take), *(way.format(name_bundle(take)) for way in OFFERS)]
        for sentence in sentences:
            talk = hear(Talk(), seat, sentence)
            assert talk.table == (take if seat == 0 else rest(take)), sentence
            assert talk.offered_by == seat
            assert talk.stances[seat] == "neither"


def test_needs_moods_and_questions_are_understood() -> None:
    for order in ORDERS:
        high, medium, low = order
        for prefix in ("", "Hello! ", "Hi, neighbour. "):
            wishes = hear(Talk(), 0, f"{prefix}{tell(*order)}").wishes[0]
            named = dict(zip(ITEMS, wishes, strict=True))
            assert named[high] > named[medium] > named[low]
            assert named[low] < 0
    assert hear(Talk(), 1, AGREE).stances[1] == "agrees"
    assert hear(Talk(), 1, REFUSE).stances[1] == "refuses"


def test_actions_are_read_however_they_are_put() -> None:
    for take in bundles():
        assert read_move(0, submit(take)) == Move(0, "submit", take=take)
    for text in (
        "submit-deal food 2 water 1 firewood 0",
        "Submit deal: firewood: 0, food=2, water 1",
        "SUBMIT-DEAL: 2 packages of food, 1 package of water and 0 packages of firewood.",
    ):
        assert read_move(1, text).take == (2, 1, 0)
    assert read_move(0, " accept-deal. ") == Move(0, "accept")
    assert read_move(0, "Reject deal!") == Move(0, "reject")
    assert read_move(0, WALK) == Move(0, "walk")
    assert read_move(0, "I accept the deal").kind == "say"
    assert read_move(0, "Shall we submit a deal?").kind == "say"
    assert read_move(0, "a\n  b").text == "a b"
    assert set(get_args(Kind)) == {"say", "submit", "accept", "reject", "walk"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "say something"),
        (" \n", "say something"),
        ("x" * 601, "at most 600 characters, this one 601"),
        ("Submit-Deal", "name each of the three items once"),
        ("Submit-Deal: 2 food, 1 water", "name each of the three items once"),
        ("Submit-Deal: 2 food, 1 food, 1 water", "name each of the three items once"),
        ("Submit-Deal: 4 food, 1 water, 0 firewood", "3 packages of each"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_move(0, text)
    env = Campsite()
    _, before = env.reset(seed=1)
    said, reward, over, _, info = env.step(text)
    assert info["invalid"]
    assert why.split(",")[0] in said
    assert (reward, over) == (0.0, False)
    assert info["state"] == before["state"]


def test_a_talk_is_remembered_and_a_deal_waits_for_its_answer() -> None:
    there = scene()
    there.act(0, say_offer((3, 1, 0)))
    assert there.view(1).table == (0, 2, 3)
    assert there.view(1).left == (23.0,)
    there.act(1, submit((0, 1, 3)))
    mine = there.view(0)
    assert mine.pending == (3, 2, 0)
    assert there.view(1).pending is None
    there.act(0, REJECT)
    assert there.talk.stances[0] == "refuses"
    assert there.talk.no == (1, 0)
    there.act(1, AGREE)
    assert there.talk.turns == 4


def test_instances_are_the_dialogues_split_as_they_are() -> None:
    sizes = {split: len(numbers) for split, numbers in numbers_by_split().items()}
    assert sizes == {"train": 900, "validation": 30, "test": 100}
    by_id = {d.id: d for d in load()}
    seen = set()
    for numbers in numbers_by_split().values():
        for number in numbers:
            one = instance_by_number(number)
            assert by_id[one.dialogue].priorities == one.priorities
            assert by_id[one.dialogue].first == one.first
            seen.add(one.dialogue)
    assert len(seen) == 1030
    with pytest.raises(ConfigError, match="no instance 900;"):
        instance_by_number(900)


def test_a_head_of_the_human_dialogues_can_read_what_is_shown_here() -> None:
    told = {goal.text for goal in GOALS}
    assert {goal.text for goal in HUMAN_GOALS} <= told
    human = casino_traces(["valid"])[0]
    env = Campsite()
    _, info = env.reset(seed=4, options={"seat": 0, "opponent": "linear"})
    view = info["view"]
    assert len(info["state"].split("\n")) == len(human.steps[0].state.split("\n"))
    for candidate in info["candidates"]:
        if candidate.thought.startswith("I would settle") and "submit" not in candidate.thought:
            assert candidate.action is not None
            after = hear(view.talk, view.seat, candidate.action)
            expected = thought_text(after, view.seat, view.priorities, candidate.action)
            assert candidate.thought == expected


def test_candidates_are_distinct_and_speak_the_truth() -> None:
    env = Campsite()
    for seed in range(12):
        _, info = env.reset(seed=seed, options={"seat": seed % 2})
        candidates = info["candidates"]
        assert len({c.thought for c in candidates}) == len(candidates)
        assert len({c.action for c in candidates}) == len(candidates)
        high, _, low = info["view"].priorities
        assert any(f"I need {high} most" in str(c.action) for c in candidates)
        assert not any(f"I need {low} most" in str(c.action) for c in candidates)
        assert candidates[-1].action == WALK


def test_the_outcome_says_how_it_ended() -> None:
    env = Campsite()
    ended = set()
    for number, one in enumerate(plan(WORLD, split="train", episodes=100, seed=1)):
        options = {"instance": one.instance, "seat": one.seat, "opponent": one.opponent}
        reward, result = play(env, options, one.seed, COLLECTORS[number % len(COLLECTORS)])
        own, other = result.facts["points"], result.facts["other_points"]
        assert reward == result.reward == own / 36
        assert result.success == (own >= 19)
        assert result.facts["joint"] == own + other
        assert ("We agree on a deal." in result.reached) == result.facts["agreed"]
        assert ("I end with more points than the other." in result.reached) == (own > other)
        if not result.facts["agreed"]:
            assert (own, other) == (5, 5)
            assert not result.facts["efficient"]
        ended.add((result.facts["agreed"], own > other, result.facts["efficient"]))
    assert len(ended) >= 4


def test_levels_add_up_to_about_the_reward() -> None:
    for take in bundles():
        game = Game((FOOD_FIRST, WOOD_FIRST), first=0)
        game.make(Move(0, "submit", take=take))
        game.make(Move(1, "accept"))
        result = outcome(game, 0)
        score = sum(g.signed_weight for g in GOALS if g.text in result.reached)
        assert score <= max(0.0, result.reward - 5 / 36) + 1e-9
        if 15 <= game.points()[0] <= 33:
            assert score > result.reward - 5 / 36 - 4 / 36


def test_in_words_the_ideas_have_no_actions_until_a_deal_waits() -> None:
    env = CampsiteWords()
    met = set()
    for seed in range(8):
        _, info = env.reset(seed=seed, options={"opponent": "even", "seat": seed % 2})
        over = False
        while not over:
            waiting = info["view"].pending is not None
            met.add(waiting)
            assert all((c.action is not None) == waiting for c in info["candidates"])
            assert len(info["candidates"]) <= 24
            assert bool(info["legal_actions"]) == waiting
            if not waiting:
                assert any("I take" in c.thought for c in info["candidates"])
            action = REJECT if waiting else "Let me think about it for a while."
            _, _, over, _, info = env.step(action)
    assert met == {True, False}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seat": 5}, ConfigError, "seat must be 0 or 1"),
        ({"opponent": "mirrow"}, UnknownName, "did you mean 'mirror'"),
        ({"instance": None}, ConfigError, "instance must be a number"),
        ({"turns": 1}, ConfigError, "no option turns"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Campsite().reset(options=options)
