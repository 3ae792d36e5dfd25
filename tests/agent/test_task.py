import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.loop import Grades
from forethought.agent.output import Output
from forethought.agent.task import ToolTask
from forethought.agent.toolbox import Toolbox
from forethought.agent.types import Candidate, Decision, Message, Outcome, Step


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


class Slow(Add):
    """Each call waits until as many are under way as there should be."""

    def __init__(self, together: int) -> None:
        super().__init__("slow")
        self._barrier = asyncio.Barrier(together)

    async def call(self, arguments: Mapping[str, Any]) -> str:  # type: ignore[override]
        await asyncio.wait_for(self._barrier.wait(), 5)
        if arguments["a"] == 2:
            raise ToolError("no 2")
        return f"[2] slow: {arguments['a']}\nline"


SEVERAL = 'slow {"a": 1}\nslow {"a": 2}\nslow {"a": 3}'


async def test_several_calls_run_at_the_same_time_and_are_all_told() -> None:
    task = ToolTask("q", [Slow(3)])
    task.reset()
    text, _, _, _, info = await task.step(SEVERAL)
    first, third = "[2] slow: 1\nline", "[2] slow: 3\nline"
    assert text == f"[1] slow: {first}\n[2] slow: error: no 2\n[3] slow: {third}"
    assert info["facts"] == {
        "tool": "slow, slow, slow",
        "failed": True,
        "calls": 3,
        "characters": "16 11 16",
        "failures": "2",
    }
    assert info["state"].count("\n- slow") == 3
    assert task.settle(Outcome(0.0, False)).facts["answer"] == f"{first}\n{third}"


async def test_a_run_stands_where_its_record_stopped() -> None:
    def make() -> ToolTask:
        tools = [Add(), Slow(3), Add("broken", ValueError("x"))]
        return ToolTask("q", Toolbox(tools, output=Output(int)))

    actions = ['add {"a": 7}', SEVERAL, "Hm.", "broken {}", "answer: many", 'add {"a": 9}']
    task = make()
    seen, info = task.reset()
    steps: list[Step] = []
    for index, action in enumerate(actions):
        before, state = seen, info["state"]
        seen, reward, done, _, info = await task.step(action)
        assert not done
        decision = Decision(Candidate("t"), action, "p")
        invalid, facts = bool(info.get("invalid")), info.get("facts", {})
        steps.append(Step(index, before, state, decision, reward, invalid, facts))
    again = make()
    again._box.call_all = None  # type: ignore[assignment, method-assign]  # nothing is called again
    text, restored = again.restore(steps, seen)
    assert (text, restored["state"]) == (seen, info["state"])
    assert again.settle(Outcome(0.0, False)) == task.settle(Outcome(0.0, False))
    assert (await task.step("answer: x"))[2] == (await again.step("answer: x"))[2] is True
    for cut in range(len(steps)):
        part = make()
        text, restored = part.restore(steps[:cut], steps[cut].observation)
        assert (text, restored["state"]) == (steps[cut].observation, steps[cut].state)


async def test_a_call_cut_off_has_no_result_in_a_restored_run() -> None:
    task = ToolTask("q", [Add()])
    step = Step(0, "Question: q", "Question: q", Decision(Candidate("t"), 'add {"a": 1}', "p"))
    _, info = task.restore([step], "")
    assert info["state"].endswith('add {"a": 1} -> no result was recorded: the run stopped here')
    assert task.settle(Outcome(0.0, False)).facts["answer"] == ""
    made = Decision(Candidate("t"), SEVERAL, "p")
    facts = {"tool": "slow, slow, slow", "characters": "1 2 3"}
    text, info = ToolTask("q", [Slow(3)]).restore([Step(0, "", "", made, facts=facts)], "")
    assert text == "Question: q"
    assert info["state"].count("no result was recorded") == 3


async def test_an_answer_that_does_not_fit_is_repaired_once() -> None:
    task = ToolTask("q", Toolbox([], output=Output(int)))
    task.reset()
    text, *_, info = await task.step("answer: four")
    assert info["invalid"]
    assert text.startswith("Not done: the answer four does not fit: the whole: Input should be")
    assert "JSON schema" in text
    *_, done, _, info = await task.step("answer: 4")
    assert (done, info["outcome"].success) == (True, True)
    assert info["outcome"].facts == {"answer": "4", "final": True}
    task.reset()
    await task.step("answer: four")
    *_, done, _, info = await task.step("answer: five")
    assert (done, info["outcome"].success) == (True, False)
    assert info["outcome"].facts["answer"] == "five"
    assert "valid integer" in info["outcome"].facts["problem"]


def test_grades_where_there_is_a_check() -> None:
    task = ToolTask("2+2?", [Add()], check=lambda text: text == "4")
    assert isinstance(task, Grades)
    assert [task.grade(a) for a in ("answer: 4", "answer: 5", "add {}")] == [True, False, False]
    assert ToolTask("2+2?").grade("answer: 4") is None


def test_an_earlier_conversation_is_shown_and_bounded() -> None:
    history = [Message("user", f"q{n}" + "x" * 5000) for n in range(30)]
    text, info = ToolTask("And now?", history=history).reset()
    assert text == info["state"]
    assert text.startswith("Earlier in this conversation:\n(10 earlier messages left out)\n")
    assert text.endswith("\n\nQuestion: And now?")
    assert len(text) < 50_000


def test_a_task_may_leave_the_state_to_the_model() -> None:
    assert ToolTask("q", state=False).reset()[1]["state"] == ""


def test_the_manual_can_be_replaced() -> None:
    box = Toolbox([Add()], manual="Werkzeuge: {tools}Nur JSON.")
    manual = box.info["manual"]
    assert manual.startswith("Werkzeuge: Tools:\n- add")
    assert manual.endswith("Nur JSON.")
    with pytest.raises(ConfigError, match=r"prompt manual has unknown fields \['tool'\]"):
        Toolbox([Add()], manual="{tool}")


def test_no_tool_is_called_answer() -> None:
    with pytest.raises(ConfigError, match="cannot be called 'answer'"):
        ToolTask("q", [Add("answer")])
