from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from small_hunts import real, write_hunts

from forethought.agent.errors import ConfigError
from forethought.envs.check import check_environment, shown
from forethought.envs.multihop import library
from forethought.envs.multihop.hunt import PAGE, SEARCHES, Hunt
from forethought.envs.multihop.leads import leads_of
from forethought.envs.multihop.library import open_library
from forethought.envs.multihop.passages import Passage
from forethought.envs.multihop.reading import names_in, read_passage, read_question
from forethought.envs.multihop.text import (
    ALL_FOUND,
    BROUGHT,
    FIND_GOALS,
    GOALS,
    HALF_FOUND,
    RIGHT,
)
from forethought.envs.multihop.world import SPLITS, WORLD, MultiHop

pytest.importorskip("bm25s")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    write_hunts(tmp_path)
    yield tmp_path
    library._opened.cache_clear()


def other_answers(env: MultiHop) -> list[str]:
    """What would be shown, were it different, if the same question needed other passages."""
    hunt, question = env._hunt, env._question
    assert hunt is not None
    assert question is not None
    here = shown(*env._show(hunt))
    env._question = replace(question, answers=("nobody knows",), gold=frozenset({0, 5}))
    there = shown(*env._show(hunt))
    env._question = question
    return [there] if there != here else []


ACTIONS = ["search the Herald", "search Saint Amara School", "search zzzz", "answer 1804"]


def test_both_worlds_keep_their_contract_and_their_secrets(folder: Path) -> None:
    check_environment(
        partial(MultiHop, folder), episodes=12, actions=ACTIONS, secrets=other_answers
    )
    check_environment(
        partial(MultiHop, folder, answering=False),
        episodes=12,
        options=[{}, {"source": "musique"}, {"instance": 2_000_001}],
        actions=ACTIONS[:3],
        secrets=other_answers,
    )


def go(env: MultiHop, *actions: str) -> tuple[str, float, bool, dict[str, Any]]:
    for action in actions:
        text, reward, over, cut, info = env.step(action)
        assert not info.get("invalid"), text
        assert not cut
    return text, reward, over, info


def test_a_question_from_search_to_answer(folder: Path) -> None:
    env = MultiHop(folder)
    text, info = env.reset(options={"instance": 2_000_000})
    question = open_library(folder).question(2_000_000)
    assert text == f"Question: {question.text}\nSearches left: 4."
    assert info["candidates"][0].action == f"search {question.text}"
    text, _, over, info = go(env, info["candidates"][0].action)
    assert not over
    assert text.count("\n- ") == PAGE
    assert "Searches left 3." in info["state"]
    assert "Found 3 passages." in info["state"]
    bridges = [c for c in info["candidates"] if "Saint" in (c.action or "")]
    assert bridges
    assert "There is a page of that name." in bridges[0].thought
    assert "Its name is new." in bridges[0].thought
    text, _, _, info = go(env, bridges[0].action or "")
    assert question.answers[0] in text
    assert f"answer {question.answers[0]}" in [c.action for c in info["candidates"]]
    assert env.grade(f"answer {question.answers[0]}.")
    assert not env.grade(f"search {question.answers[0]}")
    _, reward, over, info = go(env, f"Answer: {question.answers[0]}")
    assert over
    assert reward == 1
    outcome = info["outcome"]
    assert outcome.success
    assert not outcome.missed
    assert outcome.facts["all_found"]
    assert (outcome.facts["met"], outcome.facts["needed"], outcome.facts["searches"]) == (2, 2, 2)


def test_a_wrong_answer_and_one_that_is_half_right(folder: Path) -> None:
    env = MultiHop(folder)
    env.reset(options={"instance": 2_000_000})
    _, reward, _, info = go(env, "answer never")
    assert reward == 0
    assert info["outcome"].missed == tuple(
        [goal.text for goal in GOALS if goal.text != RIGHT and "F1" in goal.text]
        + [RIGHT, ALL_FOUND]
    )
    number = next(n for n in SPLITS["test"] if open_library(folder).question(n).source == "musique")
    env.reset(options={"instance": number})
    _, reward, _, info = go(env, "answer [long since]")
    assert reward == 0.5
    assert not info["outcome"].success
    assert info["outcome"].facts["answer"] == "long since"


def test_finding_ends_with_the_last_search_and_pays_by_what_was_found(folder: Path) -> None:
    env = MultiHop(folder, answering=False)
    _, info = env.reset(options={"instance": 2_000_002})
    assert info["goals"] == FIND_GOALS
    whole = info["candidates"][0].action
    _, reward, over, _ = go(env, whole, whole, whole)
    assert (reward, over) == (0, False)
    _, reward, over, info = go(env, "search nothing of that sort")
    assert over
    assert info["outcome"].reward == reward == info["outcome"].facts["recall"]
    assert info["outcome"].facts["passages"] == 3 * PAGE
    with pytest.raises(ConfigError, match="call reset"):
        env.step("search more")


def test_what_each_search_brought_is_told_apart(folder: Path) -> None:
    env = MultiHop(folder, answering=False)
    env.reset(options={"instance": 2_000_002})
    question = open_library(folder).question(2_000_002)
    first, second = (open_library(folder).passages[place].title for place in sorted(question.gold))
    *_, info = go(env, "search zzzz", f"search {first}", "search zzzz", f"search {second}")
    reached = info["outcome"].reached
    assert [text in reached for text in BROUGHT] == [False, True, False, True]
    assert {ALL_FOUND, HALF_FOUND} <= set(reached)
    env.reset(options={"instance": 2_000_002})
    *_, info = go(env, f"search {first}", "search zzzz", "search zzzz", "search zzzz")
    assert info["outcome"].reached == (HALF_FOUND, BROUGHT[0])


def test_every_search_brings_new_passages(folder: Path) -> None:
    shelf = open_library(folder)
    question = shelf.question(0)
    hunt = Hunt(shelf, read_question(question.text))
    seen: list[int] = []
    for _ in range(SEARCHES):
        fresh = hunt.search(question.text)
        assert len(fresh) == PAGE
        seen += fresh
    assert hunt.found == seen
    assert len(set(seen)) == SEARCHES * PAGE
    assert tuple(seen) == shelf.index.find(question.text)[: SEARCHES * PAGE]
    assert [hunt.where(place) for place in (0, 2, 3, 11)] == [(1, 1), (1, 3), (2, 1), (4, 3)]
    with pytest.raises(ValueError, match="no search is left"):
        hunt.search("more")
    with pytest.raises(LookupError):
        hunt.where(12)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("look it up", "say search WORDS or answer TEXT"),
        ("searching", "say search WORDS"),
        ("search  ", "say"),
        ("search []", "say what to search for"),
        ("answer: ", "say what the answer is"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, action: str, message: str) -> None:
    env = MultiHop(folder)
    env.reset(seed=1)
    text, reward, over, cut, info = env.step(action)
    assert info["invalid"]
    assert (reward, over, cut) == (0, False, False)
    assert message in text


def test_where_only_passages_count_answers_are_refused(folder: Path) -> None:
    env = MultiHop(folder, answering=False)
    env.reset(seed=1)
    text, _, over, _, info = env.step("answer 1804")
    assert info["invalid"]
    assert not over
    assert text.endswith("say search WORDS.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instance": 999_999}, "no instance 999999; there are 0 to"),
        ({"instance": "x"}, "instance must be a whole number, not 'x'"),
        ({"instance": True}, "instance must be a whole number"),
        ({"instance": 2_000_000, "source": "2wiki"}, "is of musique, not of 2wiki"),
        ({"source": "squad"}, "source must be one of 2wiki, hotpotqa, musique"),
        ({"seat": 1}, "one seat, 0"),
        ({"opponent": "bob"}, "no opponents"),
        ({"folder": "x"}, "no option folder"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        MultiHop(folder).reset(options=options)


def test_a_source_narrows_what_is_drawn(folder: Path) -> None:
    env = MultiHop(folder)
    for source in ("2wiki", "hotpotqa", "musique"):
        for seed in range(5):
            env.reset(seed=seed, options={"source": source})
            assert env._question is not None
            assert env._question.source == source


def test_names_are_read_from_a_passage() -> None:
    said = "In 1901 the University of Saint Anne was opened by Marie de la Tour. "
    names = [(name.text, name.number) for name in names_in(said)]
    assert names == [
        ("University of Saint Anne", False),
        ("Marie de la Tour", False),
        ("1901", True),
    ]
    said += "She won at the 1920 Summer Olympics and died in May 1923."
    names = [(name.text, name.number) for name in names_in(said)]
    assert ("1920 Summer Olympics", False) in names
    assert ("May 1923", True) in names
    assert ("She", False) not in names
    page = read_passage(Passage("Marie Tour", said))
    assert {name.sentence for name in page.names if name.text == "May 1923"} == {1}
    assert "anne" in page.sentences[0]
    assert "anne" not in page.sentences[1]
    assert read_passage(Passage("", "")).names == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Who wrote it?", "who"),
        ("In which town, and when, was it?", "which"),
        ("How many people?", "how many"),
        ("Are both in France?", "yes or no"),
        ("The name of its owner?", "something"),
    ],
)
def test_what_a_question_asks_for(text: str, kind: str) -> None:
    assert read_question(text).kind == kind


def test_leads_join_a_name_with_what_is_left_of_the_question(folder: Path) -> None:
    shelf = open_library(folder)
    question = shelf.question(2_000_000)
    herald = next(place for place in question.gold if "Herald" in shelf.passages[place].title)
    leads = leads_of(shelf, question.text, herald)
    best = leads[0]
    assert best.kind == "name"
    assert best.name.startswith("saint")
    assert best.titled
    assert best.key >= {"college", "founded"}
    assert "herald" not in best.key
    assert len({lead.key for lead in leads}) == len(leads)
    assert {lead.kind for lead in leads} == {"name", "alone", "title"}


@real
def test_the_worlds_keep_their_contract_on_the_release() -> None:
    check_environment(
        WORLD.make,
        episodes=4,
        options=[{}, {"instance": SPLITS["test"][5]}],
        actions=["search red dress", "answer yes"],
        secrets=other_answers,
    )
