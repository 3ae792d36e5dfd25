import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import atif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.actions import written
from forethought.agent.atif import SCHEMA, from_atif, to_atif
from forethought.agent.budget import Budget
from forethought.agent.calls import read_calls
from forethought.agent.errors import DataError
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.planners.react import React
from forethought.agent.replay import fork_episode
from forethought.agent.task import ToolTask
from forethought.agent.types import (
    Attempt,
    Candidate,
    Considered,
    Decision,
    Episode,
    Estimate,
    Goal,
    Outcome,
    SearchNode,
    Step,
    ToolCall,
    Trace,
    Usage,
)
from forethought.envs.registry import get_world
from forethought.tools.function import tool

TEXT = st.text(max_size=12) | st.sampled_from(
    ["", 'look {"a": 1}', 'look {"a":1}', '{"name": "look", "arguments": {}}', "answer: 7", "\n"]
)
SMALL = st.text(max_size=3)
NUMBER = st.floats(-1e6, 1e6)
CHANCE = st.floats(0, 1)
CANDIDATE = st.builds(Candidate, TEXT, SMALL, st.none() | TEXT)
GOALS = st.lists(st.builds(Goal, SMALL, st.sampled_from(["hoped", "feared"])), max_size=2)
ESTIMATES = st.lists(st.builds(Estimate, CHANCE, CHANCE, CHANCE, st.booleans()), max_size=2)
CONSIDERED = st.builds(Considered, CANDIDATE, ESTIMATES.map(tuple), st.none() | NUMBER)
FACTS = st.dictionaries(
    SMALL | st.just("forked_at"),
    st.none() | st.booleans() | st.integers() | NUMBER | SMALL,
    max_size=2,
)
USAGE = st.builds(
    Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), CHANCE, dollars=CHANCE
)
DECISION = st.builds(
    Decision,
    CANDIDATE,
    TEXT,
    SMALL,
    GOALS.map(tuple),
    st.lists(CONSIDERED, max_size=2).map(tuple),
    st.integers(0, 99),
    critique=TEXT,
    prefix_mode=st.sampled_from(["none", "native", "emulated"]),
    attempts=st.lists(st.builds(Attempt, TEXT, st.booleans()), max_size=1).map(tuple),
    search=st.lists(st.builds(SearchNode, st.just(-1), TEXT, st.just(1), NUMBER), max_size=1).map(
        tuple
    ),
    usage=st.dictionaries(SMALL, USAGE, max_size=2),
)
STEP = st.builds(Step, st.integers(0, 99), TEXT, TEXT, DECISION, NUMBER, st.booleans(), FACTS)
OUTCOME = st.builds(
    Outcome, NUMBER, st.booleans(), SMALL, st.just(("g",)), st.just(()), FACTS, pending=TEXT
)
TRACE = st.builds(
    Trace,
    st.builds(
        Episode, TEXT, SMALL, st.integers(), model=SMALL, goals=GOALS.map(tuple), facts=FACTS
    ),
    st.lists(STEP, max_size=3).map(tuple),
    st.none() | OUTCOME,
)


def through_json(trajectory: atif.Trajectory) -> Mapping[str, Any]:
    text = json.dumps(trajectory.to_json_dict(), ensure_ascii=False)
    read: dict[str, Any] = json.loads(text)
    return read


@settings(max_examples=150, deadline=None)
@given(trace=TRACE)
def test_a_trace_comes_back_as_it_was(trace: Trace) -> None:
    trajectory = to_atif(trace)
    assert from_atif(trajectory) == trace
    assert from_atif(through_json(trajectory)) == trace


@settings(max_examples=50, deadline=None)
@given(trace=TRACE)
def test_it_can_be_read_without_what_is_ours(trace: Trace) -> None:
    read = json.loads(json.dumps(through_json(to_atif(trace))))
    for part in (read, *read["steps"]):
        part.pop("extra", None)
        part.pop("is_copied_context", None)
    foreign = from_atif(read)
    assert len(foreign.steps) == len(trace.steps)
    for ours, theirs in zip(trace.steps, foreign.steps, strict=True):
        assert ours.decision.candidate.thought == theirs.decision.candidate.thought
        assert ours.observation == theirs.observation
        calls = read_calls(ours.decision.action)
        assert theirs.decision.action == (written(calls) if calls else ours.decision.action)


@given(text=st.text() | st.text(alphabet='{}[]":,ab 1\\\nNaI'))
def test_reading_calls_never_raises_and_writing_them_is_read_again(text: str) -> None:
    calls = read_calls(text)
    assert read_calls(written(calls)) == calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('look {"a": 1}', [ToolCall("look", {"a": 1})]),
        (' look{"a": 1}\n', [ToolCall("look", {"a": 1})]),
        ('a {}\nb {"x": "}"}', [ToolCall("a", {}), ToolCall("b", {"x": "}"})]),
        ('{"name": "a", "arguments": {"b": 2}}', [ToolCall("a", {"b": 2})]),
        ('{"name": "a"}', []),
        ('{"name": 1, "arguments": {}}', []),
        ('{"name": "a", "arguments": 1}', []),
        ('look {"a": 1} please', []),
        ("look {1}", []),
        ('look {"a": NaN}', []),
        ("answer: 7", []),
        ("{" * 100_000, []),
        ('a {"b": ' + "[" * 100_000, []),
        ("", []),
    ],
)
def test_calls_in_a_text(text: str, calls: list[ToolCall]) -> None:
    assert read_calls(text) == calls


@tool
def look(item: str) -> str:
    """Looks an item up.

    Args:
        item: Its name.
    """
    return f"7 of {item}"


async def test_an_agents_run_reads_like_one() -> None:
    replies = [
        json.dumps({"thought": "I look.", "action": 'look {"item": "bike"}'}),
        json.dumps({"thought": "I know.", "action": "answer: 7"}),
    ]
    trace = await run_episode(
        ToolTask("How many bikes?", [look]),
        React(),
        episode=Episode("e1", "tool-task", arm="react", model="scripted"),
        model=ScriptedModel(replies),
    )
    trajectory = to_atif(trace)
    assert trajectory.schema_version == SCHEMA
    assert (trajectory.agent.name, trajectory.agent.model_name) == ("forethought", "scripted")
    user, first, last = trajectory.steps
    assert (user.source, user.message) == ("user", "Question: How many bikes?")
    assert (first.source, first.message, first.reasoning_content) == ("agent", "", "I look.")
    assert first.tool_calls is not None
    assert first.observation is not None
    (call,), (result,) = first.tool_calls, first.observation.results
    assert (call.function_name, call.arguments) == ("look", {"item": "bike"})
    assert (result.source_call_id, result.content) == (call.tool_call_id, "7 of bike")
    assert first.metrics is not None
    assert first.metrics.prompt_tokens == trace.steps[0].decision.usage["act"].prompt_tokens
    assert (last.message, last.tool_calls, last.llm_call_count) == ("answer: 7", None, 1)
    assert trajectory.final_metrics is not None
    assert trajectory.final_metrics.total_prompt_tokens == trace.usage.prompt_tokens
    assert trajectory.final_metrics.extra == {"reward": 0.0, "success": True}
    text = json.dumps(through_json(trajectory))
    assert text.count("How many bikes?") == 3  # what is seen once, the states twice
    assert from_atif(through_json(trajectory)) == trace


async def test_a_stopped_or_forked_episode_travels_too() -> None:
    world = get_world("bargaining-v0")
    bot = BotPlanner("heuristic", world.bots["heuristic"])
    episode = Episode("b1", world.id, seed=3, instance=11, opponent="boulware")
    stopped = await run_episode(world.make(), bot, episode=episode, budget=Budget(steps=2))
    assert stopped.outcome is not None
    trajectory = to_atif(stopped)
    last = trajectory.steps[-1].observation
    assert last is not None
    assert last.results[0].content == stopped.outcome.pending
    assert from_atif(through_json(trajectory)) == stopped
    forked = await fork_episode(
        stopped, world.make(), bot, step=1, action=stopped.steps[0].decision.action
    )
    marks = [step.is_copied_context for step in to_atif(forked).steps]
    assert marks[1:] == [True] + [None] * (len(forked.steps) - 1)
    assert from_atif(to_atif(forked)) == forked


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    decision = Decision(Candidate("t\ud800"), "a\udfff", "p")
    trace = Trace(Episode("e\ud800", "w"), (Step(0, "o\udfff", "s", decision),))
    trajectory = to_atif(trace)
    assert trajectory.steps[1].message == "a?"
    assert from_atif(trajectory) == trace


FOREIGN: dict[str, Any] = {
    "schema_version": "ATIF-v1.6",
    "session_id": "run-7",
    "agent": {"name": "harbor", "version": "2.1", "model_name": "claude"},
    "steps": [
        {"step_id": 1, "source": "system", "message": "Be brief."},
        {"step_id": 2, "source": "user", "message": "Fix the test."},
        {
            "step_id": 3,
            "source": "agent",
            "timestamp": "2026-05-16T12:00:00Z",
            "message": "I read the file.",
            "tool_calls": [
                {"tool_call_id": "a", "function_name": "read", "arguments": {"path": "x.py"}},
                {"tool_call_id": "b", "function_name": "run", "arguments": {}},
            ],
            "observation": {
                "results": [
                    {"source_call_id": "a", "content": "assert 1 == 2"},
                    {
                        "source_call_id": "b",
                        "content": [
                            {"type": "text", "text": "1 failed"},
                            {
                                "type": "image",
                                "source": {"media_type": "image/png", "path": "shot.png"},
                            },
                        ],
                    },
                ]
            },
            "metrics": {"prompt_tokens": 100, "completion_tokens": 9, "cost_usd": 0.25},
        },
        {
            "step_id": 4,
            "source": "agent",
            "model_name": "claude-small",
            "reasoning_content": "One is not two.",
            "message": "Done.",
            "llm_call_count": 2,
        },
    ],
}


def test_another_agents_trajectory_becomes_a_trace() -> None:
    trace = from_atif(FOREIGN, outcome=Outcome(1.0, True))
    assert trace.episode == Episode(
        "run-7",
        "atif",
        arm="harbor",
        model="claude",
        facts={"agent_version": "2.1", "session_id": "run-7"},
    )
    first, last = trace.steps
    assert first.observation == "Be brief.\nFix the test."
    assert first.decision.candidate.thought == "I read the file."
    assert first.decision.action == 'read {"path": "x.py"}\nrun {}'
    assert first.decision.usage == {"act": Usage(1, 100, 9, dollars=0.25)}
    assert first.facts == {"tool": "read, run", "timestamp": "2026-05-16T12:00:00Z"}
    assert last.observation == "assert 1 == 2\n1 failed\n[image shot.png]"
    assert (last.decision.candidate.thought, last.decision.action) == ("One is not two.", "Done.")
    assert last.decision.usage["act"].calls == 2
    assert last.facts == {"model": "claude-small"}
    assert trace.outcome == Outcome(1.0, True)
    assert from_atif(to_atif(trace)) == trace


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, None),
        ({"extra": {"reward": 0.5}}, Outcome(0.5, True)),
        ({"extra": {"reward": 0}}, Outcome(0.0, False)),
        ({"final_metrics": {"extra": {"reward": 0.5, "success": False}}}, Outcome(0.5, False)),
    ],
)
def test_an_outcome_is_taken_where_it_is_told(
    more: Mapping[str, Any], outcome: Outcome | None
) -> None:
    assert from_atif({**FOREIGN, **more}).outcome == outcome


def test_nothing_that_was_said_is_lost_on_the_way_in() -> None:
    steps = json.loads(json.dumps(FOREIGN["steps"]))
    steps[2]["reasoning_content"] = "First things first."
    steps[3]["observation"] = {"results": [{"content": "Thanks."}]}
    steps[1]["is_copied_context"] = True
    (first, last) = from_atif({**FOREIGN, "steps": steps}).steps
    assert first.facts["message"] == "I read the file."
    assert last.facts["result"] == "Thanks."
    nameless = {**FOREIGN, "session_id": None}
    assert from_atif(nameless).episode.id == from_atif(nameless).episode.id != ""
    steps[2]["is_copied_context"] = True
    (only,) = from_atif({**FOREIGN, "steps": steps}).steps
    assert "I read the file." in only.observation
    assert "assert 1 == 2" in only.observation


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": [{"step_id": 4, "source": "user", "message": "x"}]}, "not sequential"),
        ({"agent": None}, "agent"),
        ({"schema_version": 3}, "schema_version"),
        ({"extra": {"forethought": {"episode": {}}}}, "not an ATIF trajectory"),
        ({"extra": {"forethought": 7}}, "its extras were changed"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_no_trajectory_is_told_in_one_line(change: Mapping[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        from_atif({**FOREIGN, **change})
    assert "\n" not in str(caught.value)


def test_our_extras_may_be_replaced_by_another_outcome() -> None:
    trace = Trace(Episode("e", "w"), (), Outcome(0.0, False))
    assert from_atif(to_atif(trace), outcome=Outcome(1.0, True)) == replace(
        trace, outcome=Outcome(1.0, True)
    )


def test_no_secret_leaves_by_this_way() -> None:
    key = "sk-" + "ant-api03-" + "0aB1cD2eF3gH4iJ5kL6m"
    decision = Decision(Candidate(f"use {key}"), f'look {{"key": "{key}"}}', "react")
    trace = Trace(
        Episode("e1", "w", facts={"question": key}),
        (Step(0, f"saw {key}", "s", decision),),
        Outcome(1.0, success=True, facts={"answer": key}),
    )
    told = to_atif(trace).model_dump_json()
    assert key not in told
    assert "use [redacted]" in told
    assert from_atif(to_atif(trace)).steps[0].observation == "saw [redacted]"
