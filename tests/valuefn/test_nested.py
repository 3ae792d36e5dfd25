from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from invented import RICH, WON, invented_traces
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.valuefn.candidates import (
    HeadCandidate,
    LinearCandidate,
    VectorTable,
    WordTable,
    tagged,
)
from forethought.valuefn.config import head_config
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.nested import NestedReport, nested_validate
from forethought.valuefn.queries import Cases, make_cases, query_text

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
SHARES = (0.5, 1.0)


class Told:
    """Says what it is given, and remembers what it was asked."""

    def __init__(self, name: str, give: Callable[[Bools, Bools], Floats]) -> None:
        self.name = name
        self.give = give
        self.calls: list[tuple[Bools, Bools]] = []

    def odds(self, train: Bools, asked: Bools) -> Floats:
        self.calls.append((train, asked))
        return self.give(train, asked)


@pytest.fixture(scope="module")
def cases() -> Cases:
    return make_cases(invented_traces(160))


def noisy(cases: Cases, scale: float, seed: int) -> Callable[[Bools, Bools], Floats]:
    rng = np.random.default_rng(seed)
    truth = cases.truth[:, cases.index(WON.text)]
    score = (truth[None] + scale * rng.standard_normal((2, len(cases)))).astype(np.float32)
    return lambda _, asked: score[:, asked]


def linear(cases: Cases, strengths: tuple[float, ...], *, joint: bool) -> list[LinearCandidate]:
    table = WordTable(cases, SHARES, query_text)
    main = cases.index(WON.text)
    return [LinearCandidate(f"{s:g}", cases, table, main, s, joint) for s in strengths]


@pytest.fixture(scope="module")
def report(cases: Cases) -> NestedReport:
    vectors = VectorTable(cases, SHARES, make_encoder("notes"))
    main = cases.index(WON.text)
    families = {
        "words": linear(cases, (0.1, 10.0), joint=False),
        "words, all shares": linear(cases, (1.0,), joint=True),
        "notes": [LinearCandidate("notes", cases, vectors, main, 0.01, joint=True)],
    }
    return nested_validate(
        cases,
        families,
        {"mean": list(families), "two": ["words", "notes"]},
        goal=WON.text,
        shares=SHARES,
        folds=4,
        inner=3,
    )


def test_readers_learn_and_are_calibrated(report: NestedReport) -> None:
    for name in ("words", "notes", "mean", "two"):
        half, whole = report.scores[name]
        assert half.auc is not None
        assert whole.auc is not None
        assert whole.auc.value > 0.95
        assert whole.auc.value > half.auc.value
        assert whole.calibration_error is not None
        assert whole.calibration_error.value < 0.15
    assert set(report.differences) == {"words", "words, all shares", "notes", "two"}
    assert sum(report.picked["words"].values()) == 4
    assert set(report.picked["words"]) <= {"0.1", "10"}
    assert (report.goal, report.episodes, report.groups) == (WON.text, 160, 80)


def test_a_difference_is_the_first_mean_minus_the_family(report: NestedReport) -> None:
    for mean, words, gap in zip(
        report.scores["mean"], report.scores["words"], report.differences["words"], strict=True
    ):
        assert mean.auc is not None
        assert words.auc is not None
        assert gap.auc is not None
        assert gap.auc.value == pytest.approx(mean.auc.value - words.auc.value)


def test_no_fit_sees_a_group_it_answers_about_nor_the_outer_fold(cases: Cases) -> None:
    told = Told("a", noisy(cases, 1.0, 0))
    truth = cases.truth[:, cases.index(WON.text)]
    nested_validate(cases, {"a": [told]}, {"m": ["a"]}, goal=WON.text, shares=SHARES, folds=4)
    fold = group_folds(cases.groups, 4, 0, truth)
    assert len(told.calls) == 4 * (5 + 1)
    for number in range(4):
        *within, last = told.calls[number * 6 : number * 6 + 6]
        answered = np.zeros(len(cases), dtype=int)
        for train, asked in within:
            assert not train[fold == number].any()
            assert not asked[fold == number].any()
            assert not {*cases.groups[train]} & {*cases.groups[asked]}
            answered += asked
        assert (answered == (fold != number)).all()
        assert (last[0] == (fold != number)).all()
        assert (last[1] == (fold == number)).all()


def test_the_better_setting_is_picked_by_training_folds_alone(cases: Cases) -> None:
    good, bad = noisy(cases, 1.0, 0), noisy(cases, 30.0, 1)
    truth = cases.truth[:, cases.index(WON.text)]
    fold = group_folds(cases.groups, 4, 0, truth)
    first = Told("good inside", lambda train, asked: good(train, asked))

    def tempting(train: Bools, asked: Bools) -> Floats:
        # perfect on the outer fold, poor inside: a choice that peeks would take it
        if (asked == (fold == fold[asked][0])).all():
            return np.tile(truth[asked], (2, 1))
        return bad(train, asked)

    families = {"a": [Told("perfect outside", tempting), first]}
    found = nested_validate(cases, families, {"m": ["a"]}, goal=WON.text, shares=SHARES, folds=4)
    assert found.picked["a"] == {"good inside": 4}


def test_a_mean_of_two_noisy_readers_beats_either(cases: Cases) -> None:
    families = {"a": [Told("a", noisy(cases, 1.0, 0))], "b": [Told("b", noisy(cases, 1.0, 1))]}
    found = nested_validate(
        cases, families, {"m": ["a", "b"]}, goal=WON.text, shares=SHARES, folds=4
    )
    for name in families:
        gaps = [gap.auc.value for gap in found.differences[name] if gap.auc is not None]
        assert np.mean(gaps) > 0


def test_a_stopped_run_goes_on_where_it_was(cases: Cases, tmp_path: Path) -> None:
    def run(told: Told) -> NestedReport:
        return nested_validate(
            cases,
            {"a": [told]},
            {"m": ["a"]},
            goal=WON.text,
            shares=SHARES,
            folds=4,
            inner=2,
            keep=tmp_path,
        )

    whole, again = Told("a", noisy(cases, 1.0, 0)), Told("a", noisy(cases, 1.0, 0))
    one = run(whole)
    sorted(tmp_path.glob("fold-2-*"))[0].unlink()
    two = run(again)
    assert (len(whole.calls), len(again.calls)) == (12, 3)
    assert (one.chances["m"] == two.chances["m"]).all()
    other = Told("b", noisy(cases, 1.0, 0))
    run(other)
    assert len(other.calls) == 12


def test_what_cannot_be_measured_is_refused(cases: Cases) -> None:
    told = Told("a", noisy(cases, 1.0, 0))
    with pytest.raises(ConfigError, match="name at least one mean"):
        nested_validate(cases, {"a": [told]}, {}, shares=SHARES)
    with pytest.raises(ConfigError, match="family 'a' has no candidate"):
        nested_validate(cases, {"a": []}, {"m": ["a"]}, shares=SHARES)
    with pytest.raises(ConfigError, match="mean 'a' needs"):
        nested_validate(cases, {"a": [told]}, {"a": ["a"]}, shares=SHARES)
    with pytest.raises(UnknownName, match="unknown family 'b'"):
        nested_validate(cases, {"a": [told]}, {"m": ["b"]}, shares=SHARES)
    partly = make_cases(invented_traces(40))
    partly.truth[3] = np.nan
    with pytest.raises(DataError, match="1 episodes do not say"):
        nested_validate(partly, {"a": [told]}, {"m": ["a"]}, goal=RICH.text, shares=SHARES)


def test_a_head_is_a_candidate_too(cases: Cases) -> None:
    config = head_config("monte-carlo", members=2, hidden=16, steps=75)
    encoder = make_encoder("hashed")
    main = cases.index(WON.text)
    train = cases.groups % 2 == 0
    found = HeadCandidate("head", cases, SHARES, encoder, main, config).odds(train, ~train)
    assert found.shape == (2, (~train).sum())
    truth = cases.truth[~train, main] == 1
    assert found[1][truth].mean() > found[1][~truth].mean() + 1


def test_one_outcome_among_the_training_episodes_is_said_of_all(cases: Cases) -> None:
    main = cases.index(WON.text)
    train = cases.truth[:, main] == 1
    for joint in (False, True):
        found = linear(cases, (1.0,), joint=joint)[0].odds(train, ~train)
        assert (found > 5).all()


def test_words_are_tagged_by_who_says_them() -> None:
    assert tagged("me: Hi, there\nyou: I'm in") == "me_hi me_there | you_i you_m you_in |"
    assert tagged("Points 3 so far.") == "_points _3 _so _far |"
    assert tagged("") == ""


def test_folds_have_equal_shares_of_reached_goals() -> None:
    truth = (np.arange(100) < 37).astype(np.float32)
    groups = np.arange(100)
    fold = group_folds(groups, 10, 3, truth)
    reached = [int(truth[fold == number].sum()) for number in range(10)]
    assert set(reached) <= {3, 4}
    assert np.bincount(fold).tolist() == [10] * 10
    assert (fold == group_folds(groups, 10, 3, truth)).all()
    assert (fold != group_folds(groups, 10, 4, truth)).any()
