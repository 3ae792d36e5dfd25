import random
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from meaning_pairs import DIFFERENT, PLACED, SAME, VOCABULARY
from numpy.typing import NDArray

from forethought.agent.planners.wording import distinct
from forethought.agent.types import Goal
from forethought.valuefn import meaning
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.meaning import Meaning, agree, available, numbers

needs_weights = pytest.mark.skipif(not available(), reason="sentence encoder not installed")


class Axes:
    """Each first word is a direction of its own; counts what it is asked."""

    name = "axes"
    dim = 4
    fingerprint = "axes"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        words = ("deal", "books", "hats")
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[words.index(text.split()[0]) if text.split()[0] in words else 3] = 1
        return rows


@pytest.fixture(scope="module")
def judge() -> Meaning:
    return Meaning(make_encoder("minilm"))


@pytest.mark.parametrize(
    ("one", "other", "fit"),
    [
        ("6 points", "6 of 10 points", True),
        ("six points", "6 of 10 points", True),
        ("10 points", "6 of 10 points", False),
        ("6 points", "7 points", False),
        ("2.5 points", "2 points", False),
        ("some points", "7 points", True),
        ("6 of 10", "6 of 12", False),
        ("one of them wins", "two of them win", True),
        ("a deal", "no deal", False),
        ("we don't agree", "we do not agree", True),
        ("it is not without merit", "it has merit", True),
        ("", "", True),
    ],
)
def test_numbers_and_denials_have_to_agree(one: str, other: str, fit: bool) -> None:
    assert agree(one, other) == agree(other, one) == fit


def test_numbers_stand_in_order() -> None:
    assert numbers("Six of 10, then 2.5 or twelve") == [6, 10, 2.5, 12]


def test_what_words_settle_does_not_ask_the_encoder() -> None:
    encoder = Axes()
    judge = Meaning(encoder)
    assert judge.same("deal", "deal")
    assert not judge.same("deal of 6", "deal of 7")
    assert not judge.same("deal", "no deal")
    assert judge.match(["deal", "hats"], ["hats", "deal"]) == [1, 0]
    assert judge.match([], ["deal"]) == []
    assert judge.match(["deal"], []) == [None]
    assert encoder.asked == []
    assert judge.same("deal now", "deal later")
    assert judge.same("deal now", "deal later")
    assert len(encoder.asked) == 2, "vectors are remembered"


def test_the_same_numbers_go_first_and_then_the_nearest() -> None:
    judge = Meaning(Axes())
    known = ["deal with 6 of 10", "deal with 10 of 10", "books 6", "deal", "deal again"]
    asked = ["deal at 10", "deal at 6", "deal at 8", "deal at last", "rain"]
    assert judge.match(asked, known) == [1, 0, 3, 3, None]


def test_meaning_is_asked_within_a_kind_alone() -> None:
    goals = [Goal("late"), Goal("in time"), Goal("soon", "feared"), Goal("LATE", "feared")]
    assert distinct(goals, lambda one, other: True) == [goals[0], goals[2]]


@needs_weights
def test_held_out_pairs(judge: Meaning) -> None:
    """Thresholds were chosen on the even rows; these are the odd ones."""
    found = sum(judge.same(one, other) for one, other in SAME[1::2])
    assert found >= 14
    others = [(one, other) for (one, _), (other, _) in combinations(SAME[1::2], 2) if one != other]
    assert sum(judge.same(one, other) for one, other in others) <= 2
    opposites = sum(judge.same(one, other) for one, other in DIFFERENT[1::2])
    assert opposites <= 14, "MiniLM does not tell opposites: the module says so"


@needs_weights
def test_pairs_that_differ_in_numbers_are_never_the_same(judge: Meaning) -> None:
    rng = random.Random(0)
    for _ in range(200):
        one, other = rng.sample(range(1, 11), 2)
        said = f"I get at least {one} of 10 points.", f"I get at least {other} of 10 points."
        assert not judge.same(*said)


@needs_weights
def test_imagined_goals_find_their_place(judge: Meaning) -> None:
    found = judge.match([text for text, _ in PLACED], VOCABULARY)
    placed = [VOCABULARY[index] if index is not None else None for index in found]
    right = [got == wanted for got, (_, wanted) in zip(placed, PLACED, strict=True)]
    assert sum(right[1::2]) == len(right[1::2])


@needs_weights
def test_the_default_encoder_is_loaded_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(name: str) -> Axes:
        made.append(name)
        return Axes()

    monkeypatch.setattr(meaning, "make_encoder", make)
    judge = Meaning()
    assert judge.same("deal", "deal")
    assert made == []
    assert not judge.same("deal", "books")
    assert made == ["minilm"]
