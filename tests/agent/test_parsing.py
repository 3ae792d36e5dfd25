import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.matching import match_action
from forethought.agent.parsing import (
    Verdict,
    clean,
    find_objects,
    read_action,
    read_fields,
    read_goals,
    read_list,
    read_verdict,
)
from forethought.agent.types import Goal

PIECES = st.sampled_from(
    [
        *'{}[]":,\\\n',
        *("```", "json", "thought", "action", "Thought:", "accept", "refine", "hoped", "feared"),
        *('{"thought": "a"', "null", "1e999", "\ud800", "é "),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join))

BOTH = {"thought": "I wait.", "action": "pass"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(BOTH),
        "```json\n" + json.dumps(BOTH, indent=2) + "\n```",
        f"Sure! Here it is:\n{json.dumps(BOTH)}\nHope that helps.",
        '{"thought": "I wait.", "action": "pass",}',
        '{"Thought": " I wait. ", "ACTION": "pass"}',
        "Thought: I wait.\nAction: pass",
        "**Thought:** I wait.\n**Action:** pass",
        "Let me see.\n> thought : I wait.\n- action: pass\n",
        f"{json.dumps(BOTH)}\n{json.dumps(BOTH)}",
        'Use {braces} freely. {"thought": "I wait."} and {"action": "pass"}',
    ],
)
def test_fields_in_the_forms_models_use(text: str) -> None:
    reading = read_fields(text, ["thought", "action"])
    assert reading.problem == ""
    assert dict(reading.fields) == BOTH


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '{"action": "pass"} {"thought": "a"} {"action": "go"}',
            "2 different answers for 'action'",
        ),
        ("Thought: a\nAction: pass\nThought: b\nAction: pass", "different answers for 'thought'"),
        ('{"thought": "", "action": "pass"}', "'thought' missing or empty"),
        ('{"thought": null, "action": "pass"}', "'thought' missing or empty"),
        ('{"thought": "cut of', "'thought' and 'action' missing"),
        ("", "'thought' and 'action' missing"),
    ],
)
def test_what_is_ambiguous_or_missing_is_said(text: str, problem: str) -> None:
    reading = read_fields(text, ["thought", "action"])
    assert problem in reading.problem


def test_values_that_are_not_text_are_json_and_what_is_over_is_kept() -> None:
    reading = read_fields(
        'Well: {"action": {"name": "f", "n": 1}, "mood": "good", "thought": 3} ok', ["action"]
    )
    assert reading.fields["action"] == '{"name": "f", "n": 1}'
    assert all(part in reading.rest for part in ("Well:", '"mood": "good"', '"thought": 3', "ok"))


@given(TEXTS)
def test_no_text_raises_and_none_is_dropped(text: str) -> None:
    for required, optional in ((["thought"], ["action"]), (["thought", "action"], [])):
        reading = read_fields(text, required, optional)
        kept = " ".join([reading.rest, *reading.fields.values()])
        if not find_objects(text)[0]:
            for word in clean(text).replace("`", " ").split():
                bare = word.strip('*>#-:"`')
                known = bare.lower() in {"thought", "action", ""} or ":" in word
                assert known or bare in clean(kept)
    read_action(text)
    read_goals(text)
    read_list(text, "thoughts")
    read_verdict(text)
    match_action(text, ["accept", "offer 1", "", text])


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4), TEXTS)
def test_an_object_is_found_whole(value: dict[str, str], around: str) -> None:
    plain = around.replace("{", "(").replace("}", ")").replace('"', "'")
    objects, rest = find_objects(f"{plain}{json.dumps(value)}{plain}")
    assert objects == [value]
    assert rest == f"{plain} {plain}"


def test_nesting_a_million_deep_is_read_or_refused() -> None:
    for text in (
        "[" * 100_000,
        "{" * 100_000,
        '{"a":' * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
    ):
        assert read_fields(text, ["thought"]).problem


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("pass", "pass"),
        ('"pass"', "pass"),
        ("```\npass\n```", "pass"),
        ("Action: pass", "pass"),
        ('{"action": "pass"}', "pass"),
        ('light {"action": "on"}', 'light {"action": "on"}'),
        ("He said: Action: now", "He said: Action: now"),
        ('{"action": "a", "b": 1}', '{"action": "a", "b": 1}'),
        ("  ", ""),
    ],
)
def test_an_action_is_the_text_but_for_its_wrapping(text: str, action: str) -> None:
    assert read_action(text) == action


@pytest.mark.parametrize(
    "text",
    [
        '{"hoped": ["We agree.", "I gain."], "feared": ["They leave."]}',
        '{"positive": ["We agree.", "I gain."], "negative": "They leave."}',
        '[{"text": "We agree.", "kind": "hoped"}]{"hoped": ["I gain."], "feared": ["They leave."]}',
        '{"goals": [{"kind": "hoped", "text": "We agree."}, {"kind": "hoped", "goal": "I gain."},'
        ' {"kind": "feared", "text": "They leave."}]}',
        "Hoped:\n- We agree.\n- I gain.\nFeared:\n1. They leave.",
        "Hoped 1: We agree.\nHoped 2: I gain.\nFeared 1: They leave.",
        "- hoped: We agree.\n- hoped: I gain.\n- feared: They leave.",
    ],
)
def test_goals_in_the_forms_models_use(text: str) -> None:
    assert read_goals(text) == [
        Goal("We agree."),
        Goal("I gain."),
        Goal("They leave.", "feared"),
    ]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"verdict": "accept"}', Verdict(True)),
        ('{"verdict": "Accept.", "thought": "other"}', Verdict(True)),
        ('{"verdict": "refine", "thought": "b"}', Verdict(False, "b")),
        ("verdict: refine\nthought: b", Verdict(False, "b")),
        ("ACCEPT", Verdict(True)),
        ("Refine: b", Verdict(False, "b")),
    ],
)
def test_verdicts(text: str, verdict: Verdict) -> None:
    assert read_verdict(text) == verdict


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"verdict": "maybe"}', "must be accept or refine"),
        ('{"verdict": "refine"}', "no better thought"),
        ("accept or refine, who knows", "both accept and refine"),
        ("I think it is fine", "missing"),
    ],
)
def test_verdicts_that_are_none(text: str, problem: str) -> None:
    assert problem in str(read_verdict(text))


def test_lists() -> None:
    assert read_list('x {"thoughts": ["a", "b", "a", ""]}', "thoughts") == ["a", "b"]
    assert read_list('Here:\n1. a\n2) "b"\n- c', "thoughts") == ["a", "b", "c"]
    assert read_list("a, b", "thoughts") == []


LEGAL = ["offer 1", "offer 10", "accept", "Accept offer", "say: hi"]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("offer 1", "offer 1"),
        ("OFFER 10.", "offer 10"),
        ("I will offer 10 now", "offer 10"),
        ("I accept offer, gladly", "Accept offer"),
        ("I accept.", "accept"),
        ("say: hi!", "say: hi"),
        ("offer 1 or offer 10", None),
        ("offer 100", None),
        ("unaccepted", None),
        ("", None),
    ],
)
def test_an_action_is_matched_when_it_alone_is_named(text: str, action: str | None) -> None:
    assert match_action(text, LEGAL) == action


def test_actions_that_differ_by_case_alone_need_their_own_case() -> None:
    assert match_action("a", ["a", "A"]) == "a"
    assert match_action(" A ", ["a", "A"]) is None
