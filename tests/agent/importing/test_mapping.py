import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.importing.ledger import Refused
from forethought.agent.importing.mapping import ImportMap, load_mapping, make_mapping
from forethought.agent.importing.outcomes import outcome_of
from forethought.agent.types import Goal

SOLVED: dict[str, Any] = {"column": "solved", "equals": True, "says": "It is solved."}


def mapping(*rules: dict[str, Any], **more: Any) -> ImportMap:
    return make_mapping({"outcomes": rules or (SOLVED,), **more})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('rowz = "chat"', "unknown key of m.toml: 'rowz'; did you mean 'rows'?"),
        ('[chat]\nmesages = "m"', "unknown key in [chat] of m.toml: 'mesages'; did you mean 'mess"),
        ('[[outcomes]]\ncolumn = "a"\nequal = 1', "did you mean 'equals'?"),
        (
            '[[outcomes]]\ncolumn = "a"\n[outcomes.values]\nx = {reach = ["A."]}',
            "did you mean 'reached'?",
        ),
        ("", "outcomes: Field required"),
        ('[[outcomes]]\ncolumn = "a"\nsays = "A."', "needs one of equals, at_least and values"),
        ('[[outcomes]]\ncolumn = "a"\nequals = 1', "needs a sentence: says"),
        ('[[outcomes]]\ncolumn = "a"\nat_least = [1, 2]\nsays = "A."', "must hold {value}"),
        ('[file]\nencoding = "hex"\n[[outcomes]]\ncolumn = "a"', "file: no encoding 'hex'"),
        ('rows = "decisions"\n[[outcomes]]\ncolumn="a"\nequals=1\nsays="A."', "needs episode.id"),
        ('success = "B."\n[[outcomes]]\ncolumn="a"\nequals=1\nsays="A."', "no rule says 'B.'"),
        ("rows = ", "m.toml is not TOML"),
    ],
)
def test_a_mistake_in_a_mapping_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises((ConfigError, UnknownName)) as told:
        load_mapping(tmp_path / "m.toml")
    assert words in str(told.value).replace(f"{tmp_path}/", "")
    assert "\n" not in str(told.value)


def test_json_will_do_and_a_missing_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"outcomes": [SOLVED]}))
    assert load_mapping(tmp_path / "m.json").goals == (Goal("It is solved."),)
    with pytest.raises(ConfigError, match="cannot read"):
        load_mapping(tmp_path / "none.toml")


def test_a_state_that_tells_the_answer_is_refused() -> None:
    for template in ("{solved} {dialogue}", "{dialogue}\n{solved}"):
        with pytest.raises(ConfigError, match="the state tells the outcome column 'solved'"):
            mapping(state={"template": template})
    with pytest.raises(ConfigError, match="tells the outcome column 'worth'"):
        mapping(reward="worth", state={"template": "{worth}"})


def test_the_same_sentence_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="same sentence"):
        mapping(SOLVED, {**SOLVED, "column": "b"})


@pytest.mark.parametrize(
    ("value", "true"),
    [
        (True, True),
        (False, False),
        ("true", True),
        (" TRUE ", True),
        ("no", False),
        (1, False),
    ],
)
def test_truth_values_are_no_numbers(value: object, true: bool) -> None:
    outcome = outcome_of(mapping(), {"solved": value})
    assert outcome.success is true
    assert (outcome.reached, outcome.missed) == (
        (("It is solved.",), ()) if true else ((), ("It is solved.",))
    )


@pytest.mark.parametrize(("value", "true"), [(3, True), ("3", True), (3.0, True), ("4", False)])
def test_numbers_and_their_texts_are_the_same(value: object, true: bool) -> None:
    found = outcome_of(mapping({"column": "n", "equals": 3, "says": "A."}), {"n": value})
    assert found.success is true


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_nothing_in_an_outcome_column_is_refused_or_unknown(value: object) -> None:
    with pytest.raises(Refused, match="column 'solved' holds nothing"):
        outcome_of(mapping(), {"solved": value})
    rating = {"column": "r", "at_least": [3], "says": "A.", "missing": "unknown"}
    assert outcome_of(mapping(SOLVED, rating), {"solved": True, "r": value}).missed == ()
    with pytest.raises(Refused, match="no outcome is known"):
        outcome_of(mapping(rating), {"r": value})


def test_thresholds_are_sentences() -> None:
    found = mapping({"column": "r", "at_least": [3, 4.5], "says": "At least {value} of 5."})
    outcome = outcome_of(found, {"r": "4"})
    assert outcome.reached == ("At least 3 of 5.",)
    assert outcome.missed == ("At least 4.5 of 5.",)
    for bad in ("four", [4], True, float("inf"), "nan"):
        with pytest.raises(Refused, match="'r' is no number"):
            outcome_of(found, {"r": bad})


def test_values_make_their_own_sentences_true_and_the_others_false() -> None:
    rule = {
        "column": "end",
        "values": {
            "sold": "It is sold.",
            "lost": ["It is lost.", "Nobody comes back."],
            "open": {"missed": ["It is lost."]},
        },
    }
    found = mapping(rule)
    assert outcome_of(found, {"end": "Sold"}).missed == ("It is lost.", "Nobody comes back.")
    assert outcome_of(found, {"end": "lost"}).reached == ("It is lost.", "Nobody comes back.")
    still = outcome_of(found, {"end": "open"})
    assert (still.reached, still.missed) == ((), ("It is lost.",))
    with pytest.raises(Refused, match="a value the mapping does not name") as told:
        outcome_of(found, {"end": "stolen"})
    assert told.value.detail == "'stolen'"


def test_polarity_weight_reward_and_success() -> None:
    rule = {
        "column": "end",
        "equals": ["quit", "angry"],
        "says": "They leave.",
        "otherwise": "They stay.",
        "kind": "feared",
        "weight": 2,
    }
    found = mapping(rule)
    assert found.goals == (Goal("They leave.", "feared", 2), Goal("They stay.", "hoped", 2))
    left, stayed = (outcome_of(found, {"end": end}) for end in ("angry", "happy"))
    assert (left.reward, left.success, stayed.reward, stayed.success) == (-2, False, 2, True)
    paid = mapping(rule, reward="pay.euros", success="They stay.")
    assert outcome_of(paid, {"end": "happy", "pay": {"euros": "7.5"}}).reward == 7.5
    with pytest.raises(Refused, match=r"column 'pay\.euros' holds nothing"):
        outcome_of(paid, {"end": "happy", "pay": 3})
