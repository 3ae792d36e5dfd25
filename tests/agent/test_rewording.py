import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.errors import ConfigError, DataError, ModelUnavailable
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.rewording import read_wordings, reword, reworded
from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace

LOW, HIGH = "I get at least 3 of 10 points.", "I get at least 7 of 10 points."


def said(*wordings: str) -> str:
    return json.dumps({"wordings": wordings})


async def test_only_wordings_with_the_same_numbers_count() -> None:
    model = ScriptedModel(
        [said("At least 3 of 10 points are mine.", "I get much.", "I get 4 of 10.", LOW.upper())]
    )
    found = await reword(model, [LOW, LOW])
    assert found == {LOW: ("At least 3 of 10 points are mine.",)}
    assert model.requests[0].schema is not None
    assert LOW in model.requests[0].messages[0].content


async def test_nothing_is_asked_twice_and_a_stop_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "words" / "wordings.json"
    broken = ScriptedModel([said("3 of 10 points, or more."), ModelUnavailable("gone")])
    with pytest.raises(ModelUnavailable):
        await reword(broken, [LOW, HIGH], path=file)
    assert set(read_wordings(file)) == {LOW}
    going_on = ScriptedModel([said("7 of 10 points, or more.")])
    told: list[tuple[int, int]] = []
    found = await reword(
        going_on, [LOW, HIGH], path=file, progress=lambda done, total: told.append((done, total))
    )
    assert found == {LOW: ("3 of 10 points, or more.",), HIGH: ("7 of 10 points, or more.",)}
    assert len(going_on.requests) == 1
    assert told == [(1, 2), (2, 2)]


async def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="count"):
        await reword(ScriptedModel(), [LOW], count=0)
    file = tmp_path / "wordings.json"
    file.write_text("[1]")
    with pytest.raises(DataError, match="wordings"):
        await reword(ScriptedModel(), [LOW], path=file)


@settings(max_examples=50, deadline=None)
@given(st.text())
async def test_any_reply_is_survived(text: str) -> None:
    found = await reword(FunctionModel(lambda _: text), [LOW])
    assert all("3" in each for each in found[LOW])


def trace(thought: str = "I wait.") -> Trace:
    step = Step(0, "seen", "state", Decision(Candidate(thought, action="wait"), "wait", "rank"))
    outcome = Outcome(0.3, success=False, reached=(LOW,), missed=(HIGH,))
    return Trace(Episode("e", "w"), (step,) * 40, outcome)


def test_outcomes_are_also_said_in_other_words() -> None:
    words = {LOW: ("3 or more.",), HIGH: ("7 or more.", "3 or more.")}
    (after,) = reworded([trace()], words)
    assert after.outcome is not None
    assert after.outcome.reached == (LOW, "3 or more.")
    # what is said of a reached sentence cannot also be missed
    assert after.outcome.missed == (HIGH, "7 or more.")


def test_thoughts_give_way_in_the_share_asked_for() -> None:
    words = {"I wait.": ("I hold on.", "I do nothing.")}
    thoughts = [step.decision.candidate.thought for step in reworded([trace()], words)[0].steps]
    assert set(thoughts) == {"I wait.", "I hold on.", "I do nothing."}
    assert reworded([trace()], words, share=0.0) == [trace()]
    assert "I wait." not in {
        step.decision.candidate.thought for step in reworded([trace()], words, share=1.0)[0].steps
    }
    assert reworded([trace()], words, seed=1) == reworded([trace()], words, seed=1)
    assert all(
        step.decision.candidate.action == "wait" for step in reworded([trace()], words)[0].steps
    )
