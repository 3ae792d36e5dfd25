"""The cases are those that SQuAD's and HotpotQA's evaluation scripts tell apart."""

import pytest

from forethought.envs.multihop.answers import exact_match, f1, normalise


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("The Beatles", "beatles"),
        ("  a  Tale of an  Era ", "tale of era"),
        ("U.S.A.", "usa"),
        ("an-other", "another"),
        ("theatre", "theatre"),
        ("The  the a an", ""),
        ("1,000", "1000"),
        ("\u201cquoted\u201d", "\u201cquoted\u201d"),
        ("\u00c9mile's", "\u00e9miles"),
    ],
)
def test_text_is_normalised(text: str, bare: str) -> None:
    assert normalise(text) == bare


@pytest.mark.parametrize(
    ("said", "right", "exact", "score"),
    [
        ("Santa Clara, California", ["Santa Clara, California"], True, 1.0),
        ("the santa clara california", ["Santa Clara, California"], True, 1.0),
        ("Santa Clara", ["Santa Clara, California"], False, 0.8),
        ("California Santa Clara", ["Santa Clara California"], False, 1.0),
        ("Denver", ["Broncos", "Denver Broncos"], False, 2 / 3),
        ("to to be", ["to be"], False, 0.8),
        ("Denver", ["Carolina"], False, 0.0),
        ("yes", ["Yes."], True, 1.0),
        ("yes", ["no"], False, 0.0),
        ("yes it is", ["yes"], False, 0.0),
        ("no one", ["No"], False, 0.0),
        ("noanswer", ["no answer"], False, 0.0),
        ("the", ["an"], True, 1.0),
        ("the", ["Denver"], False, 0.0),
        ("Denver", [], False, 0.0),
    ],
)
def test_exact_match_and_f1(said: str, right: list[str], exact: bool, score: float) -> None:
    assert exact_match(said, right) is exact
    assert f1(said, right) == pytest.approx(score)
