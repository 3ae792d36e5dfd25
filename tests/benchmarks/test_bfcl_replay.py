import asyncio
import json
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from typing import Any

import bfcl_replay
import pytest
from bfcl_backends import CATEGORIES, Case, Replay, cases, methods, read_call, same_result

from forethought.agent.errors import DataError
from forethought.agent.types import ToolCall
from forethought.tools.function import FunctionTool


def some(category: str, most: int) -> list[Case]:
    if find_spec("bfcl_eval") is None or find_spec("mpmath") is None:
        pytest.skip("bfcl-eval or mpmath is missing: see tests/benchmarks/bfcl_replay.py")
    return list(islice(cases(category), most))


@pytest.mark.parametrize("category", CATEGORIES)
def test_gold_calls_lead_to_the_states_and_results_of_the_package(category: str) -> None:
    for case in some(category, 3):
        told = asyncio.run(bfcl_replay.replay(case))
        assert told == bfcl_replay.Compared()


def test_there_are_two_hundred_cases_of_each_kind() -> None:
    assert [len(some(category, 1000)) for category in CATEGORIES] == [200] * 4


def test_a_gold_call_that_breaks_its_own_signature_is_refused_and_counted() -> None:
    case = some("base", 174)[173]
    told = asyncio.run(bfcl_replay.replay(case))
    assert not told.same
    assert told.differ == 1
    assert len(told.refused) == 1
    assert told.refused[0].startswith("close_ticket(ticket_id='ticket_001'): error: ticket_id: ")
    assert asyncio.run(bfcl_replay.replay(case, checked=False)) == bfcl_replay.Compared()
    counts = asyncio.run(bfcl_replay.count(case))
    assert (counts["same"], counts["unchecked"], counts["calls"]) == (0, 1, 5)


def test_another_call_is_seen_in_state_and_result(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = some("base", 1)
    other = (("mkdir(dir_name='other')", *case.gold[0][1:]), *case.gold[1:])
    turn = Replay.turn

    def gold(self: Replay, calls: tuple[str, ...]) -> Any:
        return turn(self, case.gold[0] if calls == other[0] else calls)

    monkeypatch.setattr(Replay, "turn", gold)
    told = asyncio.run(bfcl_replay.replay(replace(case, gold=other)))
    assert not told.same
    assert told.differ >= 2


def test_methods_become_tools_as_they_are() -> None:
    (case,) = some("base", 1)
    found = [FunctionTool(m) for each in case.backends().values() for m in methods(each)]
    cd = next(each for each in found if each.name == "cd")
    assert len(found) == 32
    assert cd.schema["properties"]["folder"]["type"] == "string"
    assert "directory" in cd.description


NAMES = {"sort": ["file_name", "order"], "now": []}


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("sort('a.txt')", "sort", {"file_name": "a.txt"}),
        (" sort('a.txt', order=[1, -2.5])", "sort", {"file_name": "a.txt", "order": [1, -2.5]}),
        ("now()", "now", {}),
    ],
)
def test_calls_are_read_with_the_names_of_their_arguments(
    text: str, name: str, arguments: dict[str, object]
) -> None:
    assert read_call(text, NAMES) == ToolCall(name, arguments)


@pytest.mark.parametrize("text", ["1 + 1", "os.remove('x')", "sort"])
def test_what_is_no_call_of_a_function_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no call of a function"):
        read_call(text, NAMES)


def test_nothing_is_evaluated() -> None:
    with pytest.raises(ValueError, match="malformed"):
        read_call("sort(print('x'))", NAMES)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ('{"a":1.0,"b":null}', json.dumps({"a": 1.0, "b": None}), True),
        ("null", "None", True),
        ('["a",true]', "['a', True]", True),
        ("plain words", "plain words", True),
        ("failed: KeyError: 'x'", "Error during execution: 'x'", True),
        ("error: no such place", "Error during execution: no such place", True),
        ("no such place", "Error during execution: no such place", False),
        ('{"a":1}', '{"a": 2}', False),
        ("3", "None", False),
    ],
)
def test_results_are_compared_by_what_they_say(ours: str, theirs: str, same: bool) -> None:
    assert same_result(ours, theirs) is same
