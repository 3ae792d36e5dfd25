import contextlib
import hashlib
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs.bargaining.beliefs import View
from forethought.envs.bargaining.instances import all_instances, numbers_by_split, pools
from forethought.envs.bargaining.opponents import OPPONENTS
from forethought.envs.bargaining.rules import Bundle, Game, Instance, bundles
from forethought.envs.bargaining.text import (
    AGREE,
    legal_actions,
    name_items,
    observe,
    parse_action,
    rules_text,
    say_offer,
    state_text,
    thoughts,
)
from forethought.envs.bargaining.world import Bargaining

GOLDEN = {
    "boulware": "0b1bf467c28e25b4d7eb06d7851bafdd8cfeca13f17ce76ba1a4d4679857d6a3",
    "linear": "84dc57ac190db5638f9324237e408714c6aa656eb725d7e2fe3f0d73dca57c13",
    "conceder": "55ca36dcbcde37fbde1d75d89446daaf5bcfa7797b087adf7bf51fceb8078a44",
    "random": "11e99936ee2b5c63908fa9d1b27ceacae35e68eb21d805d31748b70c7fbfad96",
    "tit-for-tat": "82ec97008319f038f5f554f1c4e481933ae146f958ae786d92276b700cc5fc37",
    "micro": "727ea50ed020c4931b5721ebf51d6bcacf867c41887c349e17d6be4cb4ba3058",
}
"""SHA-256 of the states and thoughts of 400 random steps against each opponent. Heads are trained
on these texts: where one of them changes, heads must be trained again, and `texts` of the world
must count on."""


def digest(opponent: str) -> str:
    rng = random.Random(f"golden {opponent}")
    env = Bargaining()
    seen = hashlib.sha256()
    over, episode = True, 0
    info: dict[str, Any] = {}
    for _ in range(400):
        if over:
            episode += 1
            number = rng.choice(numbers_by_split()[rng.choice(("train", "validation", "test"))])
            options = {"instance": number, "seat": episode % 2, "opponent": opponent}
            _, info = env.reset(seed=episode, options=options)
        told = [(c.thought, c.prefix, c.action) for c in info["candidates"]]
        seen.update(repr((info["state"], told)).encode())
        legal = info["legal_actions"]
        agree = legal[0].startswith("I agree")
        action = rng.choice(legal[1:] if agree and rng.random() < 0.8 else legal)
        _, _, over, _, info = env.step(action)
    return seen.hexdigest()


@pytest.mark.parametrize("opponent", OPPONENTS)
def test_states_and_thoughts_are_what_heads_were_trained_on(opponent: str) -> None:
    assert digest(opponent) == GOLDEN[opponent]


def test_every_offer_can_be_said_and_read_back() -> None:
    everything = {bundle for pool in pools() for bundle in bundles(pool)}
    said = {say_offer(bundle) for bundle in everything}
    assert len(said) == len(everything)
    for bundle in everything:
        assert parse_action(say_offer(bundle)) == bundle
        assert parse_action(f"  i take {name_items(bundle)}\n".upper()) == bundle
    assert parse_action(AGREE) is None
    assert parse_action("i agree to your offer") is None


@pytest.mark.parametrize(
    ("text", "bundle"),
    [
        ("I take 1 hat, 0 balls and 2 books, you get the rest.", (2, 1, 0)),
        ("I take 2 books, 1 hat, 0 balls. You get the rest.", (2, 1, 0)),
        ("I take 2 books and 1 hat and 0 balls", (2, 1, 0)),
        ("I take 2 book, 1 hats, and 3 ball and you get the rest", (2, 1, 3)),
    ],
)
def test_other_ways_to_say_the_same_are_understood(text: str, bundle: Bundle) -> None:
    assert parse_action(text) == bundle


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I agree to your offer, but I take 2 books, 1 hat and 0 balls.",
        "I take 2 books, 1 hat and 0 balls, or 1 book.",
        "I take 2 books, 1 book and 0 balls, you get the rest.",
        "I take 2 books and 1 hat, you get the rest.",
        "I take -2 books, 1 hat and 0 balls, you get the rest.",
        "I take 1.2 books, 1 hat and 0 balls, you get the rest.",
        "I take 2 3 books, 1 hat and 0 balls, you get the rest.",
        "I take not 2 books, 1 hat and 0 balls, you get the rest.",
        "I take 2 books, 1 hat, 0 balls and 5 cats, you get the rest.",
        "I take two books, one hat and no balls.",
        "You take 2 books, 1 hat and 0 balls.",
        f"I take {'9' * 5000} books, 1 hat and 0 balls.",
    ],
)
def test_what_could_mean_two_things_or_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"you take|once"):
        parse_action(text)


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="itake 0129\u00b2\u0663bookhatl,.sndyurg\n"),
        st.lists(
            st.sampled_from(["I take", "2", "books", "hat", "balls", ",", "and", "agree", "\uff11"])
        ).map(" ".join),
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        take = parse_action(text)
        assert take is None or all(n >= 0 for n in take)


@st.composite
def views(draw: st.DrawFn) -> View:
    """What a player may see at one of its turns."""
    instance = draw(st.sampled_from(all_instances()))
    seat = draw(st.integers(0, 1))
    count = draw(st.integers(0, 4)) * 2 + seat
    offers = [draw(st.sampled_from(bundles(instance.pool))) for _ in range(count)]
    return View(instance.pool, instance.values[seat], seat, tuple(offers), 10)


@given(views())
def test_thoughts_are_the_legal_actions_each_told_in_its_own_words(view: View) -> None:
    found = thoughts(view)
    assert tuple(c.action for c in found) == legal_actions(view)
    assert len(set(legal_actions(view))) == len(found)
    takes = [parse_action(c.action or "") for c in found]
    assert takes == ([None] if view.offers else []) + list(bundles(view.pool))


@given(views())
def test_texts_are_whole_sentences_without_the_rules(view: View) -> None:
    for text in (observe(view), state_text(view)):
        assert text == text.strip()
        assert text.endswith(".")
        assert "nan" not in text
    assert name_items(view.pool) in observe(view)
    assert f"turn {view.turn} of 10" in observe(view)
    assert observe(view).count(" said: ") == len(view.offers)
    assert rules_text(10) not in observe(view)
    assert ("No offer can be answered" in observe(view)) == (view.turn == 10)


@given(views(), st.sampled_from((1.0, 0.9, 0.5)))
def test_what_agreeing_brings_is_what_the_rules_pay(view: View, discount: float) -> None:
    if not view.offers:
        return
    seen = View(view.pool, view.mine, view.seat, view.offers, view.max_turns, discount)
    theirs = next(
        i.values[1 - view.seat]
        for i in all_instances()
        if i.pool == view.pool and i.values[view.seat] == view.mine
    )
    values = (view.mine, theirs) if view.seat == 0 else (theirs, view.mine)
    game = Game(Instance(view.pool, values), discount=discount)
    for take in view.offers:
        game.offer(take)
    game.agree()
    assert f"Agreeing now brings you {game.returns()[view.seat]:g} points." in observe(seen)


def test_the_rules_say_what_a_model_has_to_know() -> None:
    rules = rules_text(10)
    assert rules.count(".") == 4
    for part in ("In turn", "10 points", "Without an agreement after 10 offers", "agrees"):
        assert part in rules
    assert "multiplies" not in rules
    assert rules_text(10, 0.9).endswith("multiplies all points by 0.9.")
