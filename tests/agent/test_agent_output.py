import json
from dataclasses import dataclass
from typing import Any, Literal, assert_type

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, OutputError
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.output import Output
from forethought.agent.types import Request
from forethought.tools.function import tool


class Order(BaseModel):
    item: str
    count: int = Field(ge=1)


@dataclass
class Point:
    x: int


class Row(TypedDict):
    name: str


def say(answer: Any) -> str:
    return json.dumps({"thought": "I know.", "action": {"answer": answer}})


@tool(inline=True)
def stock(item: str) -> int:
    """Units left.

    Args:
        item: Name.
    """
    return len(item)


LOOK = json.dumps({"thought": "t", "action": {"name": "stock", "arguments": {"item": "bike"}}})


@pytest.mark.parametrize(
    ("kind", "said", "output"),
    [
        (Order, {"item": "bike", "count": 2}, Order(item="bike", count=2)),
        (Order, '```json\n{"item": "bike", "count": 2}\n```', Order(item="bike", count=2)),
        (Order, 'Here: {"item": "b", "count": 2} - done', Order(item="b", count=2)),
        (Point, {"x": 1}, Point(1)),
        (Row, {"name": "a"}, {"name": "a"}),
        (list[int], [1, 2], [1, 2]),
        (list[int], [], []),
        (int, 4, 4),
        (int, "4", 4),
        (float, 0, 0.0),
        (bool, False, False),
        (Literal["yes", "no"], "yes", "yes"),
        (TypeAdapter(int | None), None, None),
        (str, "null", "null"),
        (str, {"a": 1}, '{"a": 1}'),
    ],
)
def test_an_answer_is_of_the_type_asked_for(kind: Any, said: Any, output: Any) -> None:
    text = say(said) if said is not None else say("null")
    result = Agent(ScriptedModel([text]), output_type=kind).run_sync("?")
    assert (result.output, result.complete) == (output, True)
    assert type(result.output) is type(output)


async def test_types_are_known_to_type_checkers(fake_model: Any) -> None:
    plain = Agent(ScriptedModel([say("x")]))
    assert_type(plain, Agent[str])
    assert_type((await plain.run("?")).output, str)
    typed = Agent(ScriptedModel([say([1])] * 2), output_type=list[int])
    assert_type(typed, Agent[list[int]])
    assert_type((await typed.run("?")).output, list[int])
    adapter: TypeAdapter[int | None] = TypeAdapter(int | None)
    assert_type(Agent(ScriptedModel([]), output_type=adapter), Agent[int | None])


def test_the_schema_is_sent_and_told() -> None:
    model = ScriptedModel([say({"item": "b", "count": 1})])
    Agent(model, output_type=Order, tools=[stock]).run_sync("?")
    request = model.requests[0]
    assert request.schema is not None
    call, answer = request.schema["properties"]["action"]["anyOf"]
    assert call["properties"]["name"]["const"] == "stock"
    assert answer["properties"]["answer"]["required"] == ["item", "count"]
    assert "VALUE following this JSON schema" in request.messages[0].content


def test_a_wrong_answer_is_repaired_with_what_was_wrong() -> None:
    model = ScriptedModel([say({"item": "b", "count": 0}), say({"item": "b", "count": 1})])
    result = Agent(model, output_type=Order).run_sync("?")
    assert (result.output, result.complete) == (Order(item="b", count=1), True)
    assert "count: Input should be greater than or equal to 1" in (
        model.requests[1].messages[-1].content
    )


def test_an_answer_that_stays_wrong_is_kept_as_text() -> None:
    model = ScriptedModel([say("many"), say("very many")])
    result = Agent(model, output_type=int).run_sync("?")
    assert (result.text, result.complete) == ("very many", False)
    with pytest.raises(OutputError, match=r"valid integer.*; result\.text holds") as caught:
        _ = result.output
    assert "\n" not in str(caught.value)
    assert result.trace.outcome is not None
    assert not result.trace.outcome.success
    assert result.messages[-1].content == "very many"
    model.check_done()


def test_a_limit_gives_what_there_is_of_the_type() -> None:
    agent = Agent(ScriptedModel([LOOK] * 2), tools=[stock], output_type=int)
    result = agent.run_sync("?", budget=Budget(calls=1))
    assert (result.output, result.complete) == (4, False)
    result = Agent(ScriptedModel(["{}", "Hm."]), output_type=int).run_sync(
        "?", budget=Budget(calls=2)
    )
    assert (result.text, result.complete) == ("Hm.", False)
    with pytest.raises(OutputError, match="budget: all 2 calls are used"):
        _ = result.output


def test_refine_and_act_use_the_schema_too(fake_model: Any) -> None:
    from forethought.agent.critics import ScriptedCritic

    def reply(request: Request) -> str:
        if request.stage == "act":
            return json.dumps({"action": {"answer": 3}})
        return '{"thought": "I look.", "hoped": ["a"], "feared": ["b"], "verdict": "accept"}'

    model = fake_model(reply)
    critic = ScriptedCritic(lambda s, c, g: 0.5)
    agent = Agent(model, output_type=int, critic=critic, tools=[stock])
    assert agent.run_sync("?").output == 3
    act = next(r for r in model.requests if r.stage == "act")
    assert len(act.schema["properties"]["action"]["anyOf"]) == 2
    assert 'the field "action"' in act.messages[-1].content


def test_a_type_without_a_schema_is_told() -> None:
    class Odd:
        pass

    with pytest.raises(ConfigError, match="has no JSON schema") as caught:
        Agent(ScriptedModel([]), output_type=Odd)
    assert "\n" not in str(caught.value)


def test_any_text_is_an_answer_or_a_problem() -> None:
    output = Output(Order)
    for text in ("", "{", "[]", "null", '{"item": 1}', "\ud800", "{" * 5000):
        assert output.problem(text)
    assert Output().problem("") == ""


async def test_a_model_held_to_the_schema_calls_and_answers(fake_model: Any) -> None:
    """As a server would: the first choice until there are results, then the last."""

    def held(request: Request) -> str:
        assert request.schema is not None
        choices = request.schema["properties"]["action"]["anyOf"]
        if "Done so far" in request.messages[-1].content:
            assert choices[-1]["properties"]["answer"] == {"type": "integer"}
            return say(4)
        name = choices[0]["properties"]["name"]["const"]
        return json.dumps({"thought": "t", "action": {"name": name, "arguments": {"item": "bike"}}})

    result = await Agent(FunctionModel(held), tools=[stock], output_type=int).run("?")
    assert result.output == 4
    assert result.trace.steps[1].observation == "4"
