import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from forethought.agent.actions import (
    Answer,
    as_action,
    parse_tool_action,
    schema_of_actions,
    specs_of,
    written,
)
from forethought.agent.output import Output
from forethought.agent.planners.stages import schema_of
from forethought.agent.schemas import strict, strict_arguments, without_nulls
from forethought.agent.types import ToolCall, ToolSpec

ADD = ToolCall("add", {"a": 1})


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('add {"a": 1}', (ADD,)),
        ('add({"a": 1})', (ADD,)),
        ('```\ncall add\n{"a": 1}\n```', (ADD,)),
        ('{"name": "add", "arguments": {"a": 1}}', (ADD,)),
        ('{"name": "add", "arguments": "{\\"a\\": 1}"}', (ADD,)),
        ('{"tool": "add"}', (ToolCall("add", {}),)),
        ("call_me", (ToolCall("call_me", {}),)),
        ("add()", (ToolCall("add", {}),)),
        ('add {"a": 1}\ncall_me {"b": "}\\n{"}', (ADD, ToolCall("call_me", {"b": "}\n{"}))),
        ('add {"a": 1}; add {"a": 1}', (ADD, ADD)),
        ('{"name": "add", "arguments": {"a": 1}}\n{"name": "call_me"}', (ADD, ("call_me"))),
        ('[{"name": "add", "arguments": {"a": 1}}]', (ADD,)),
        ("answer: 4", Answer("4")),
        ("**Final answer:** a\nb", Answer("a\nb")),
        ('{"answer": 4}', Answer("4")),
        ('{"answer": 0}', Answer("0")),
        ('{"answer": {"b": [1, "é"]}}', Answer('{"b": [1, "é"]}')),
        ('{"name": "answer", "arguments": {"answer": "x"}}', Answer("x")),
        ('answer {"answer": [2]}', Answer("[2]")),
        ('answer {"total": 3}', Answer('{"total": 3}')),
        ("answer: use add {}", Answer("use add {}")),
        ("Two and two make four.\nSo\nanswer: 4\nbikes", Answer("4\nbikes")),
    ],
)
def test_actions(text: str, parsed: Any) -> None:
    if isinstance(parsed, tuple):
        parsed = tuple(ToolCall(each, {}) if isinstance(each, str) else each for each in parsed)
    assert parse_tool_action(text, ["add", "call_me"]) == parsed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "neither"),
        ("I would add", "neither"),
        ("add {a: 1}", "arguments of add are not a JSON object"),
        ('sub {"a": 1}', "there is no tool 'sub'; there are add"),
        ('add {"a": 1}\nsub {}', "there is no tool 'sub'"),
        ("answer:", "the answer is empty"),
        ('{"answer": ""}', "the answer is empty"),
        ('add {"a": 1}\nanswer: 4', "calls a tool and answers at once"),
        ('add {"a": 1}\nanswer {"answer": 4}', "calls a tool and answers at once"),
        ("first\nanswer: 4\nanswer: 5", "there are 2 answers"),
        ('add {"a": 1} and then some', "neither"),
        ("sub", "neither"),
        ('{"thought": "x"}', "neither"),
        ('{"name": "add", "arguments": "a"}', "neither"),
        ("[1, 2]", "neither"),
        ("[]", "neither"),
    ],
)
def test_what_is_no_action_is_said(text: str, problem: str) -> None:
    parsed = parse_tool_action(text, ["add"])
    assert isinstance(parsed, str)
    assert problem in parsed


PIECES = ["{" * 9999, 'add {"a":' * 999, "[" * 99999, 'add {"a":1}\n' * 999, "answer:\n" * 99]


@given(st.text(max_size=80) | st.sampled_from(PIECES))
def test_no_action_raises(text: str) -> None:
    parse_tool_action(text, ["add"])
    as_action(text, ["add"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), json_values), min_size=1, max_size=3))
def test_written_calls_are_read_again(arguments: list[dict[str, Any]]) -> None:
    calls = tuple(ToolCall("add", each) for each in arguments)
    assert parse_tool_action(written(calls), ["add"]) == calls


def test_prose_of_a_model_that_calls_natively_is_the_answer() -> None:
    assert as_action("It is four.", ["add"]) == "answer: It is four."
    assert as_action('add {"a": 1}', ["add"]) == 'add {"a": 1}'
    assert as_action("answer: 4", ["add"]) == "answer: 4"


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Order(BaseModel):
    """An order."""

    title: str
    node: Node
    count: int = 3


def _specs() -> list[ToolSpec]:
    schema = Order.model_json_schema() | {"required": ["title", "node"]}
    return [ToolSpec("order", "Orders.", schema), ToolSpec("ping", "Pings.", {"type": "object"})]


def test_the_schema_of_actions_is_whole_and_strict() -> None:
    schema = schema_of({"action": schema_of_actions(_specs(), Output(list[Node]).schema)})
    text = json.dumps(schema)
    assert set(schema["$defs"]) == {"order_Node", "answer_Node"}
    for reference in ("#/$defs/order_Node", "#/$defs/answer_Node"):
        assert reference in text
    assert '"default"' not in text
    assert "$defs" not in schema["properties"]["action"]
    order, ping, answer = schema["properties"]["action"]["anyOf"]
    assert order["properties"]["name"] == {"type": "string", "const": "order"}
    arguments = order["properties"]["arguments"]
    assert arguments["required"] == ["title", "node", "count"]
    assert arguments["properties"]["title"] == {"type": "string"}
    assert arguments["properties"]["count"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert ping["properties"]["arguments"]["required"] == []
    assert answer["properties"]["answer"]["items"] == {"$ref": "#/$defs/answer_Node"}
    for each in _objects_of(schema):
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])


def _objects_of(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for each in schema for found in _objects_of(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for each in schema.values() for found in _objects_of(each)]


def test_a_property_may_be_called_like_a_keyword() -> None:
    schema = {"properties": {"title": {"type": "string", "title": "Title"}, "default": {}}}
    assert set(strict(schema)["properties"]) == {"title", "default"}
    assert strict(schema)["properties"]["title"] == {"type": "string"}


def test_null_stands_for_an_argument_left_out() -> None:
    schema = {
        "properties": {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "null"}]}, "c": {}},
        "required": ["a"],
    }
    made = strict_arguments({**schema, "properties": {"d": {"$ref": "#"}, **schema["properties"]}})  # type: ignore[dict-item]
    assert made["properties"]["d"] == {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    assert made["properties"]["b"] == {"anyOf": [{"type": "null"}]}
    given = {"a": None, "b": None, "c": None}
    assert without_nulls(given, schema) == given
    assert without_nulls({"e": None, "a": 1}, {"properties": {"e": {"type": "string"}}}) == {"a": 1}


def test_a_typed_answer_is_a_call_as_well() -> None:
    *_, answer = specs_of(_specs(), Output(Order).schema)
    assert answer.name == "answer"
    assert answer.schema["properties"]["answer"]["required"] == ["title", "node", "count"]
    assert set(answer.schema["$defs"]) == {"answer_Node"}
    assert len(specs_of(_specs(), None)) == 2
