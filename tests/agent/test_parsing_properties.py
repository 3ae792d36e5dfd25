"""Whatever a model writes: no exception escapes the parsers, and no text is silently dropped."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forethought.agent.actions import Answer, parse_tool_action
from forethought.agent.matching import match_action
from forethought.agent.parsing import (
    Verdict,
    clean,
    find_objects,
    read_action,
    read_fields,
    read_goals,
    read_list,
    read_object,
    read_verdict,
    strip_fence,
)

PIECES = st.sampled_from(
    [
        *'{}[]":,\\\n `*>#-.()',
        *("```", "```json\n", "thought", "action", "Thought:", "Action: ", "answer: ", "verdict"),
        *("accept", "refine", "hoped", "Feared:", "kind", "text", "goal", "1. ", "- ", "call "),
        *('{"thought": "a"', '"action": ', '{"name": "add", "arguments": {"n": 1}}', "add {"),
        *("null", "true", "1e999", "-0", "12.50", "\ud800", "é ", "\u2028", "\x00", "one two"),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=120),
    st.lists(PIECES, max_size=30).map("".join),
    st.lists(PIECES | st.text(max_size=8), max_size=12).map(" ".join),
)
SENTENCES = st.text("abcdefgh ABC,;'!?0123456789é", min_size=1, max_size=30).filter(
    lambda text: re.search(r"\w", text) is not None
)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=12)
OBJECTS = st.dictionaries(
    st.sampled_from(["thought", "action", "mood", "n", "Thought", "text"]),
    SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS),
    min_size=1,
    max_size=5,
)
LABELS = {"thought", "action", "null"}
"""Names that are asked for, and the value that says nothing."""


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", clean(text)))


def leaves(value: Any) -> Iterable[str]:
    """Every text in a value, names of fields included."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def missing(said: Iterable[str], kept: str, but: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
    """Words that are nowhere in what was kept; a word may have grown together with an escape."""
    low = clean(kept)
    return {w for text in said for w in words(text) if w.lower() not in but and w not in low}


@given(TEXTS, st.sampled_from([(["thought"], ["action"]), (["thought", "action"], [])]))
@example("```thought```", (["thought"], ["action"]))
@example('{"thought": "a"} Thought: b', (["thought"], ["action"]))
def test_fields_and_rest_hold_every_word(
    text: str, names: tuple[Sequence[str], Sequence[str]]
) -> None:
    reading = read_fields(text, *names)
    kept = "\n".join([reading.rest, *reading.fields.values()])
    objects, around = find_objects(text)
    assert not missing([around, *leaves(objects)], kept, LABELS)
    assert all(value and value == value.strip() for value in reading.fields.values())
    required = set(names[0])
    assert bool(reading.problem) == (not required <= set(reading.fields))


@given(TEXTS)
def test_objects_and_what_is_around_them_are_the_text(text: str) -> None:
    objects, around = find_objects(text)
    assert missing([around], text) == set()
    if not objects:
        assert around == text


@given(OBJECTS, TEXTS, st.booleans())
def test_an_object_in_any_text_is_told_apart(
    value: dict[str, Any], around: str, fenced: bool
) -> None:
    plain = around.replace("{", "(").replace("}", ")").replace('"', "'").replace("`", "'")
    block = json.dumps(value, ensure_ascii=False)
    text = f"{plain}\n" + (f"```json\n{block}\n```" if fenced else block)
    reading = read_fields(text, ["thought"], ["action"])
    kept = "\n".join([reading.rest, *reading.fields.values()])
    assert not missing([plain, *leaves(value)], kept, LABELS)


@given(st.lists(SENTENCES, min_size=2, max_size=2, unique_by=str.strip), st.sampled_from("ab"))
def test_two_answers_are_no_answer(said: list[str], form: str) -> None:
    one, two = (json.dumps(text) for text in said)
    text = (
        f'{{"thought": {one}}} {{"thought": {two}}}'
        if form == "a"
        else f"Thought: {said[0]}\nThought: {said[1]}"
    )
    reading = read_fields(text, ["thought"])
    assert reading.problem == "there are 2 different answers for 'thought'"
    assert (reading.rest, dict(reading.fields)) == (text, {})


@pytest.mark.parametrize(
    "text", ['{"thought": "a", "thought": "b"}', '{"x": {"n": 1, "n": 2}, "thought": "a"}']
)
def test_a_name_with_two_values_is_not_read_as_its_last(text: str) -> None:
    assert read_object(text) is None
    reading = read_fields(text, ["thought"])
    assert reading.problem
    assert reading.rest == text
    assert read_object('{"a": 1, "a": 1}') == {"a": 1}


@given(TEXTS)
@example("```pass```")
@example("```offer-1```")
@example("```json {}```")
@example("```\npass")
def test_an_action_holds_every_word(text: str) -> None:
    bare = strip_fence(text)
    tag = re.match(r"\s*```([\w-]*)[ \t]*(?:\n|[{\[])", text)
    assert not missing([text], bare, {(tag.group(1).lower() if tag else "")})
    action = read_action(text)
    whole = read_object(bare)
    said = leaves(whole) if whole is not None else [bare]
    assert not missing(said, action, {"action"})


@given(st.text(max_size=60))
def test_a_text_without_wrapping_is_its_own_action(text: str) -> None:
    if not any(mark in text for mark in '`"{:'):
        assert read_action(text) == text.strip()


@given(st.lists(SENTENCES, max_size=5), st.lists(SENTENCES, max_size=5), st.integers(0, 3))
def test_every_goal_said_is_read(hoped: list[str], feared: list[str], form: int) -> None:
    text = (
        json.dumps({"hoped": hoped, "feared": feared}),
        json.dumps({"hoped": [{"outcome": h} for h in hoped], "feared": feared}),
        json.dumps(
            [{"kind": "hoped", "text": h} for h in hoped]
            + [{"kind": "feared", "goal": f} for f in feared]
        ),
        "\n".join(["Hoped:", *(f"- {h}" for h in hoped), "Feared:", *(f"2) {f}" for f in feared)]),
    )[form]
    found = read_goals(text)
    assert [g.text for g in found if g.kind == "hoped"] == [h.strip() for h in hoped]
    assert [g.text for g in found if g.kind == "feared"] == [f.strip() for f in feared]


@given(st.lists(SENTENCES, min_size=1, max_size=6), st.integers(0, 3), TEXTS)
def test_every_item_said_is_read(items: list[str], form: int, before: str) -> None:
    intro = re.sub(r"[^\w ,.]|^\s*\(?\d+[.)]", "", before)
    text = (
        json.dumps({"thoughts": items}),
        f"{intro}: " + json.dumps({"Thoughts": items}) + " So much for that.",
        json.dumps({"thoughts": [{"thought": item} for item in items]}),
        "\n".join(f"{n}. {item}" for n, item in enumerate(items, start=1)),
    )[form]
    assert read_list(text, "thoughts") == list(dict.fromkeys(item.strip() for item in items))


def test_a_line_that_wraps_belongs_to_its_item_and_all_parts_of_an_item_count() -> None:
    text = "Here:\n1. I offer one book\n   and a hat.\n- I wait.\n\nThat is all."
    assert read_list(text, "thoughts") == ["I offer one book and a hat.", "I wait."]
    text = '{"thoughts": [{"thought": "I wait.", "reason": "They are slow."}]}'
    assert read_list(text, "thoughts") == ["I wait. They are slow."]


@given(TEXTS)
def test_goals_lists_and_verdicts_come_from_the_text(text: str) -> None:
    plain = clean(text) + json.dumps(text, ensure_ascii=False)
    for said in [g.text for g in read_goals(text)] + read_list(text, "thoughts"):
        assert said
        if not find_objects(text)[0]:
            assert not missing([said], plain)
    verdict = read_verdict(text)
    if isinstance(verdict, Verdict):
        assert verdict.accept or verdict.thought
    else:
        assert verdict
        assert "\n" not in verdict


@given(TEXTS, st.lists(st.text(max_size=6) | PIECES, max_size=5))
def test_a_matched_action_is_legal_and_named(text: str, legal: list[str]) -> None:
    found = match_action(text, legal)
    assert found is None or found in legal
    if found is not None:
        assert found.strip(" \t\n\r.\"'`").casefold() in text.casefold()


def strings(result: Any) -> Iterable[str]:
    """Every text in what was read of an action."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = dataclasses.asdict(result)
    if isinstance(result, tuple):
        for each in result:
            yield from strings(each)
    else:
        yield from leaves(result)


LATER_ANSWER = re.compile(r"(?<=\n)\**(?:final )?answer\**\s*:", re.IGNORECASE)
SYNTAX = {"call", "use", "final", "answer", "name", "tool", "arguments", "parameters"}
CALLS = st.sampled_from(
    [
        'add {"n": 1}',
        'call add {"n": 1}',
        "add()",
        'add({"n": "one two"})',
        '{"name": "add", "arguments": {"n": 1}}',
        '{"tool": "add", "parameters": {}}',
        '{"answer": 0}',
        '{"answer": [1, "x"]}',
        '{"answer": "a", "name": "add"}',
        '{"name": "add", "tool": "sub", "arguments": {}}',
        '{"name": "add", "arguments": {}, "parameters": {"n": 2}}',
        "answer: 4",
        "**Final answer:** five",
    ]
)


@given(st.one_of(TEXTS, CALLS, st.tuples(CALLS, TEXTS).map("\n".join)))
@example("```add```")
@example("```answer: 4```")
@example("0\nANSWER:1")
@example("I add them.\n**Final answer:** five")
@example('add {"n": 1, "n": 2}')
@example('{"name": "add", "arguments": {"n": 1}, "note": "and then stop"}')
def test_an_action_is_read_whole_or_refused_in_words(text: str) -> None:
    result = parse_tool_action(text, ["add", "sub"])
    if isinstance(result, str):
        assert result
        return
    bare = strip_fence(text)
    if isinstance(result, Answer):
        # what was worked out before the answer is no part of it; the action on record holds it all
        bare = LATER_ANSWER.split(bare)[-1]
    kept = "\n".join(strings(result))
    whole = read_object(bare)
    said = leaves(whole) if whole is not None else [re.sub(r'\\[nrtbfu"\\/]', " ", bare)]
    assert not missing(said, kept, SYNTAX)


@pytest.mark.parametrize(
    ("text", "answer"), [('{"answer": 0}', "0"), ('{"answer": false}', "false")]
)
def test_an_answer_of_nothing_is_an_answer(text: str, answer: str) -> None:
    assert list(strings(parse_tool_action(text, []))) == ["text", answer]


def test_a_million_of_anything_is_read_or_refused_soon() -> None:
    for piece in ('{"a":', "[", '"', "Thought:", "- a\n", "```", "\\", "accept ", "hoped: x\n"):
        text = piece * (50_000 // len(piece))
        read_fields(text, ["thought"], ["action"])
        read_action(text)
        read_goals(text)
        read_list(text, "thoughts")
        read_verdict(text)
        parse_tool_action(text, ["add"])
