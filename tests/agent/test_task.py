import json
from collections.abc import Mapping
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.task import ToolTask
from forethought.agent.types import Outcome


class Add:
    name = "add"
    description = "Adds."
    schema: Mapping[str, Any] = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}

    def __init__(self, name: str = "add", problem: Exception | None = None) -> None:
        self.name = name
        self.problem = problem

    def call(self, arguments: Mapping[str, Any]) -> str:
        if self.problem:
            raise self.problem
        return str(sum(arguments.values()))


async def test_calls_results_and_the_answer() -> None:
    task = ToolTask("How much?", [Add()], instructions="Be brief.")
    text, info = task.reset()
    assert text == info["state"] == "Question: How much?"
    assert info["rules"] == "Be brief."
    assert info["manual"].startswith("Tools:\n- add: Adds.\n")
    assert [spec.name for spec in info["tools"]] == ["add"]
    assert len(info["action_schema"]["anyOf"]) == 2
    text, reward, done, _, info = await task.step('add {"a": 1, "b": 2}')
    assert (text, reward, done) == ("3", 0.0, False)
    assert info["facts"] == {"tool": "add", "failed": False}
    assert info["state"] == 'Question: How much?\nDone so far:\n- add {"a": 1, "b": 2} -> 3'
    *_, done, _, info = await task.step("answer: 3")
    assert done
    assert info["outcome"] == Outcome(0.0, True, facts={"answer": "3", "final": True})


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (ToolError("a is too big"), "error: a is too big"),
        (ZeroDivisionError("by zero"), "failed: ZeroDivisionError: by zero"),
    ],
)
async def test_a_failed_call_ends_the_call_alone(problem: Exception, text: str) -> None:
    task = ToolTask("q", [Add(problem=problem)])
    task.reset()
    seen, _, done, _, info = await task.step("add {}")
    assert (seen, done, info["facts"]["failed"]) == (text, False, True)
    assert "invalid" not in info


async def test_what_is_no_action_is_refused_with_the_forms() -> None:
    task = ToolTask("q", [Add()])
    task.reset()
    text, _, done, _, info = await task.step("Let me think.")
    assert info["invalid"]
    assert not done
    assert text.startswith("Not done: it is neither a tool call nor an answer. Act in one of")


async def test_the_best_answer_so_far() -> None:
    task = ToolTask("q", [Add(), Add("broken", ValueError())])
    task.reset()

    def best() -> Any:
        return task.settle(Outcome(0.0, False, "budget: x")).facts

    assert best() == {"answer": "", "final": False}
    await task.step('add {"a": 7}')
    await task.step("broken {}")
    assert best()["answer"] == "7"
    await task.step("It is seven.")
    assert best()["answer"] == "It is seven."
    task.reset()
    assert best()["answer"] == ""


async def test_an_answer_that_is_checked_has_goals_and_a_reward() -> None:
    for answer, right in (("4", True), ("5", False)):
        task = ToolTask("2+2?", check=lambda text: text == "4")
        _, info = task.reset()
        assert [g.kind for g in info["goals"]] == ["hoped", "feared"]
        _, reward, *_, info = await task.step(f"answer: {answer}")
        outcome = info["outcome"]
        assert (reward, outcome.success) == (float(right), right)
        assert outcome.reached == (info_goal(right),)
        assert outcome.missed == (info_goal(not right),)


def info_goal(right: bool) -> str:
    return "The question is answered correctly." if right else "The answer given is wrong."


async def test_the_state_stays_bounded() -> None:
    task = ToolTask("q", [Add()])
    task.reset()
    for number in range(60):
        *_, info = await task.step("add " + json.dumps({"a": 10**3000 + number}))
    assert len(info["state"]) < 60_000
    assert "(48 earlier calls left out)" in info["state"]


def test_what_is_no_tool_is_told() -> None:
    def stock(item: str) -> int:
        return 1

    with pytest.raises(ConfigError, match="stock is not a tool: decorate it with @tool"):
        ToolTask("q", [stock])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="two tools are called 'add'"):
        ToolTask("q", [Add(), Add()])
