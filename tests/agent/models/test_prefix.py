import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.models.prefix import append_instruction, fit, join
from forethought.agent.models.retry import backoff, parse_retry_after
from forethought.agent.types import Message


@given(st.text(min_size=1), st.text())
def test_a_reply_that_begins_with_the_prefix_is_left_alone(prefix: str, rest: str) -> None:
    assert fit(prefix, prefix + rest) == prefix + rest


@given(st.text(min_size=1), st.text())
def test_what_fits_begins_with_the_prefix(prefix: str, text: str) -> None:
    fitted = fit(prefix, text)
    assert fitted is None or fitted.startswith(prefix)


@given(st.text("abcX .,\n", min_size=1), st.text('abc .,*"\n'), st.sampled_from(['"', "**", " \n"]))
def test_marks_around_the_prefix_do_not_count(prefix: str, rest: str, mark: str) -> None:
    fitted = fit(prefix, f"{mark}{prefix.upper()}{mark}{rest}")
    if prefix.strip():
        assert fitted is not None
        assert fitted.startswith(prefix)
        assert fitted.rstrip().endswith(rest.strip())


@given(st.text("abc ", min_size=1), st.text("abc "))
def test_words_of_the_reply_are_never_lost(prefix: str, text: str) -> None:
    fitted = fit(prefix, text)
    if fitted is not None:
        assert "".join(fitted.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("prefix", "text", "fitted"),
    [
        ("Step 1:", "step 1: look", "Step 1: look"),
        ("Step 1: ", "Step 1:\nlook", "Step 1: look"),
        ("Left.", '"Left." Then', "Left. Then"),
        ("Left.", "\u201cLeft.\u201d Then", "Left. Then"),
        ("Left.", "**Left.** Then", "Left. Then"),
        ("*Left", "***left** Then", "*Left Then"),
        ("Left.", "Left.** Then", "Left.** Then"),
        ("**Plan**", "**plan** go", "**Plan** go"),
        ("Left.", "Right.", None),
        ("Left.", "Lef", None),
        ("Left.", "", None),
        ("Left.", "I go left.", None),
        ("**", "Right.", None),
    ],
)
def test_fit_by_example(prefix: str, text: str, fitted: str | None) -> None:
    assert fit(prefix, text) == fitted


def test_join_does_not_double_whitespace() -> None:
    assert join("So: ", " yes") == "So: yes"
    assert join("So:", " yes") == "So: yes"


def test_instructions_go_to_the_user() -> None:
    user, said = Message("user", "Hi"), Message("assistant", "Ho")
    assert append_instruction((user,), "X") == (Message("user", "Hi\n\nX"),)
    assert append_instruction((user, said), "X") == (user, said, Message("user", "X"))
    assert append_instruction((), "X") == (Message("user", "X"),)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, now=10.0) == seconds


@given(st.text())
def test_any_retry_after_is_a_time_or_nothing(value: str) -> None:
    seconds = parse_retry_after({"retry-after": value})
    assert seconds is None or 0 <= seconds < float("inf")


@given(st.integers(0, 50), st.integers(0, 2**32))
def test_waits_are_jittered_bounded_and_never_shorter_than_asked(attempt: int, seed: int) -> None:
    assert 0.25 <= backoff(attempt, None, random.Random(seed)) <= 8.0
    assert 30.0 <= backoff(attempt, 30.0, random.Random(seed)) <= 31.0
