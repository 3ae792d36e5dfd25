from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from forethought.agent.errors import DataError
from forethought.agent.importing.dialogue import NOTHING, Dialogue, clip
from forethought.agent.importing.episodes import make_traces
from forethought.agent.importing.ledger import Ledger, Row
from forethought.agent.importing.mapping import make_mapping
from forethought.agent.types import Trace

SOLVED = {"column": "solved", "equals": True, "says": "It is solved."}
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "My bike is late."},
    {"role": "assistant", "content": "I look it up."},
    {"role": "user", "content": [{"type": "text", "text": "Thanks."}, {"type": "image_url"}]},
    {"role": "assistant", "content": "It comes on Monday."},
    {"role": "user", "content": "Bye."},
]


def read(
    data: Sequence[Mapping[str, Any]], ledger: Ledger | None = None, /, **given: Any
) -> tuple[list[Trace], Ledger]:
    ledger = ledger or Ledger()
    mapping = make_mapping({"outcomes": [SOLVED], **given})
    numbered = [Row("f", number, row) for number, row in enumerate(data, start=1)]
    return list(make_traces(numbered, mapping, ledger)), ledger


def talk(*messages: dict[str, Any], **given: Any) -> Trace:
    (trace,), _ = read([{"messages": list(messages) or TALK, "solved": True}], **given)
    return trace


def test_every_turn_of_the_agent_is_a_decision() -> None:
    trace = talk()
    assert [step.decision.candidate.thought for step in trace.steps] == [
        "I look it up.",
        "It comes on Monday.",
    ]
    assert trace.steps[0].state == "user: My bike is late."
    assert trace.steps[1].state == (
        "user: My bike is late.\nassistant: I look it up.\nuser: Thanks.\n[image_url]"
    )
    assert trace.steps[1].observation == "Thanks.\n[image_url]"
    assert trace.episode.id == "f:1"
    assert trace.outcome is not None
    assert trace.outcome.finished


def test_system_messages_are_kept_where_asked_for() -> None:
    assert talk(chat={"system": True}).steps[0].state.startswith("system: Be kind.\n")
    assert talk({"role": "assistant", "content": "Hello."}).steps[0].state == NOTHING


def test_tool_calls_are_actions_and_their_results_are_heard() -> None:
    trace = talk(
        {"role": "user", "content": "Where?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "track", "arguments": '{"order": 7}'}}],
        },
        {"role": "tool", "content": "in Lyon"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I ask the driver."},
                {"type": "tool_use", "name": "call", "input": {"who": "driver"}},
            ],
        },
        {"role": "assistant", "function_call": {"name": "end", "arguments": "{broken"}},
    )
    actions = [step.decision.action for step in trace.steps]
    assert actions[0] == 'track {"order": 7}'
    assert actions[1] == 'I ask the driver.\ncall {"who": "driver"}'
    assert actions[2] == 'end {"text": "{broken"}'
    assert "tool: in Lyon" in trace.steps[1].state


def test_thoughts_from_a_field_or_a_tag_and_prefixes() -> None:
    message = {
        "role": "assistant",
        "content": "<think>They are angry.</think>\nI am sorry.",
        "plan": "Calm them.",
        "mode": "Gently:",
    }
    by_field = talk(message, chat={"thought": "plan", "prefix": "mode"}).steps[0].decision
    assert (by_field.candidate.thought, by_field.candidate.prefix) == ("Calm them.", "Gently:")
    by_tag = talk(message, chat={"tag": "think"}).steps[0].decision
    assert (by_tag.candidate.thought, by_tag.action) == ("They are angry.", "I am sorry.")


def test_other_names_of_roles_and_texts() -> None:
    rows = [
        {
            "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}],
            "solved": True,
        }
    ]
    chat = {"messages": "conversations", "role": "from", "text": "value", "agent": ["gpt"]}
    (trace,), _ = read(rows, chat=chat)
    assert trace.steps[0].state == "human: Hi"


def test_a_template_takes_columns_and_says_what_is_missing() -> None:
    state = {"template": "{turn}. {user.name} ({age}): {last}"}
    rows = [
        {"messages": TALK, "solved": True, "user": {"name": "Ann"}, "age": 30.0},
        {"messages": TALK, "solved": True, "age": 3},
    ]
    (trace,), ledger = read(rows, state=state)
    assert trace.steps[0].state == "1. Ann (30): user: My bike is late."
    assert list(ledger.reasons) == ["the state names column 'user.name', which holds nothing"]


@pytest.mark.parametrize("older", ["opening", "heads", "drop"])
def test_a_long_dialogue_keeps_its_newest_turns_and_its_limit(older: Any) -> None:
    dialogue = Dialogue(400, older)
    for number in range(40):
        dialogue.say("user", f"Turn {number} " + "and so on " * 12)
        text = dialogue.text()
        assert len(text) <= 400
        assert f"Turn {number} " in text
    assert ("Turn 0 " in text) == (older == "opening")
    assert "turns left out]" in text
    shown = sum(f"Turn {number} " in text for number in range(40))
    assert shown == {"opening": 2, "heads": 3, "drop": 2}[older]


def test_one_huge_turn_is_cut_in_its_middle() -> None:
    dialogue = Dialogue(200, "opening")
    dialogue.say("user", "begin" + "x" * 10_000 + "end")
    assert len(dialogue.text()) <= 200
    assert dialogue.text().endswith("end")
    assert len(clip("y" * 999, 100)) <= 100
    long = {"role": "assistant", "content": "z" * 5000}
    thought = talk(long, state={"thought_limit": 50}).steps[0].decision.candidate.thought
    assert len(thought) <= 50


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": TALK}, "column 'solved' holds nothing"),
        ({"solved": True}, "column 'messages' is no list of messages"),
        ({"solved": True, "messages": "Hi"}, "column 'messages' is no list of messages"),
        ({"solved": True, "messages": []}, "no turn of the agent"),
        ({"solved": True, "messages": TALK[:2]}, "no turn of the agent"),
        ({"solved": True, "messages": ["Hi"]}, "a message is no object"),
        ({"solved": True, "messages": [{"content": "Hi"}]}, "a message has no 'role'"),
        ({"solved": {"a": 1}, "messages": TALK}, "column 'solved' is no single value"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(row: dict[str, Any], reason: str) -> None:
    good = {"messages": TALK, "solved": False}
    traces, ledger = read([good, row, row])
    assert len(traces) == 1
    assert (ledger.refused, list(ledger.reasons)) == (2, [reason])
    assert ledger.reasons[reason].first == ["f, line 2", "f, line 3"]
    with pytest.raises(DataError, match="f, line 2: "):
        read([good, row], Ledger(strict=True))


def test_an_id_that_comes_again_is_refused() -> None:
    rows = [{"messages": TALK, "solved": True, "n": n} for n in (1, 2, 1)]
    traces, ledger = read(rows, episode={"id": "n", "group": "n", "opponent": "n"})
    assert [trace.episode.id for trace in traces] == ["1", "2"]
    assert traces[0].episode.facts["group"] == "1"
    assert traces[0].episode.opponent == "1"
    assert list(ledger.reasons) == ["an episode of that id came before"]
    _, ledger = read([{**rows[0], "n": None}, {**rows[0], "n": "x" * 300}], episode={"id": "n"})
    assert len(ledger.reasons) == 2


def said(dialogue: str, turn: int, who: str, text: str) -> dict[str, Any]:
    return {"d": dialogue, "turn": turn, "who": who, "text": text, "solved": "true"}


UTTERANCES = {
    "rows": "utterances",
    "episode": {"id": "d", "order": "turn"},
    "chat": {"role": "who", "text": "text", "agent": ["seller"]},
}


def test_utterances_are_put_together_in_order() -> None:
    rows = [
        said("a", 10, "seller", "Done."),
        said("a", 2, "buyer", "How much?"),
        said("a", 9, "seller", "Five."),
        said("b", 1, "buyer", "Hm."),
    ]
    traces, ledger = read(rows, **UTTERANCES)
    assert [[s.decision.candidate.thought for s in t.steps] for t in traces] == [["Five.", "Done."]]
    assert (ledger.refused, list(ledger.reasons)) == (1, ["no turn of the agent"])


def test_rows_that_lie_apart_need_to_be_announced() -> None:
    rows = [
        said(name, turn, "seller", f"{name}{turn}") for turn in (2, 1) for name in ("b", "a", "c")
    ]
    traces, ledger = read(rows, **UTTERANCES)
    assert (len(traces), ledger.refused) == (3, 3)
    announced = {"id": "d", "order": "turn", "scattered": True}
    traces, ledger = read(rows, **{**UTTERANCES, "episode": announced})
    assert [trace.episode.id for trace in traces] == ["b", "a", "c"]
    assert [step.decision.action for step in traces[0].steps] == ["b1", "b2"]
    assert ledger.refused == 0


def test_rows_of_an_episode_must_agree_on_its_outcome() -> None:
    rows = [said("a", 1, "seller", "x"), {**said("a", 2, "seller", "y"), "solved": ""}]
    traces, _ = read(rows, **UTTERANCES)
    assert len(traces) == 1
    assert traces[0].outcome is not None
    assert traces[0].outcome.success
    rows[1]["solved"] = "false"
    traces, ledger = read(rows, **UTTERANCES)
    assert (traces, ledger.refused) == ([], 2)
    assert "differ in column 'solved'" in next(iter(ledger.reasons))


def test_decisions_come_as_they_are() -> None:
    given = {
        "rows": "decisions",
        "episode": {"id": "d"},
        "decision": {"state": "s", "thought": "t", "prefix": "p", "action": "a", "reward": "r"},
    }
    row = {"d": 7, "s": "3 of 10", "t": "I wait.", "p": "So:", "a": "wait", "r": 1, "solved": True}
    traces, _ = read([row, {**row, "s": 4, "p": None, "r": 2.5}], **given)
    (trace,) = traces
    assert trace.outcome is not None
    assert trace.outcome.reward == 3.5
    second = trace.steps[1]
    assert (second.state, second.decision.candidate.prefix, second.reward) == ("4", "", 2.5)
    _, ledger = read([row, {**row, "t": ""}], **given)
    assert ledger.refused == 2  # an episode is taken whole or not at all
    assert list(ledger.reasons) == ["column 't' holds nothing"]
