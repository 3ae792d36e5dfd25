import datetime as dt
import time
from typing import Any

import pytest

from forethought.tools.sandbox.show import joined, plain, shown


class Proxy:
    name = "Point"
    attributes = {"x": [1], "y": 2}  # noqa: RUF012 as the interpreter's own objects have it


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        "a'b\n",
        b"x",
        [],
        [1, "a", [2]],
        (),
        (1,),
        (1, 2),
        {1},
        {"a": 1, 2: (3,)},
        dt.date(2026, 1, 2),
        1j,
    ],
)
def test_values_are_written_as_python_writes_them(value: Any) -> None:
    assert shown(value, 1000) == repr(value)


def test_what_repr_would_write_wrongly() -> None:
    assert shown(Proxy(), 100) == "Point({'x': [1], 'y': 2})"
    assert shown(1 << 40_000, 100) == "<a whole number of 40001 bits>"
    assert shown(set(), 100) == "set()"
    assert shown(frozenset({1}), 100) == "frozenset({1})"


def test_a_value_that_is_huge_when_written_out_takes_no_time() -> None:
    laughs: list[Any] = ["ha"] * 1000
    for _ in range(20):
        laughs = [laughs] * 1000
    began = time.monotonic()
    text = shown(laughs, 500)
    assert time.monotonic() - began < 0.1
    assert 500 < len(text) < 600
    assert text.endswith("...")


def test_a_value_that_holds_itself_or_is_deep() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert len(shown(ring, 100_000)) < 100
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "..." in shown(deep, 100_000)


def test_arguments_are_made_of_what_json_has() -> None:
    value = {"a": [1, (2.5, None)], "b": {True}, "c": dt.date(2026, 1, 2)}
    assert plain(value) == {"a": [1, [2.5, None]], "b": [True], "c": "2026-01-02"}
    assert plain(dt.timedelta(minutes=1)) == 60.0


def test_arguments_that_no_tool_is_given() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(TypeError, match="30 levels"):
        plain(ring)
    laughs: list[Any] = [0] * 1000
    with pytest.raises(TypeError, match="100000 values"):
        plain([laughs] * 1000)
    with pytest.raises(TypeError, match="not Point"):
        plain([Proxy()])
    with pytest.raises(TypeError, match="text as keys"):
        plain({1: 2})


def test_the_end_of_a_long_result_is_kept() -> None:
    text = joined("x" * 1000, "stopped", 100)
    assert text.endswith("\nstopped")
    assert "[cut: the first 93 of 1000 characters are shown]" in text
    assert joined("a\n", "b", 100) == "a\nb"
    assert joined("", "", 100) == ""
    trace = joined("", "first" + "-" * 1000 + "last", 100)
    assert trace.startswith("first")
    assert trace.endswith("last")
    assert "[909 characters left out]" in trace
