import math

import pytest

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate, Trace
from forethought.envs.persuasion.data import Talk, Turn
from forethought.envs.persuasion.following import (
    SENTENCE,
    act_text,
    following_traces,
    talk_text,
)
from forethought.envs.persuasion.ranking import (
    Query,
    chance_level,
    compare,
    judge,
    make_queries,
    split_talks,
)
from forethought.envs.persuasion.traces import talk_trace
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.fit import fit_head

TOPICS = ("trains", "boats", "kites", "wolves", "apples", "chess", "snow", "tea")


def talk(number: int, topic: str) -> Trace:
    """A talk in which the persuader takes up what was said last."""
    said = (
        f"Hello number {number}!",
        f"I like {topic}.",
        f"Would you give for {topic}, friend {number}?",
        f"I would like {topic} more.",
        f"Thank you, {topic} lover {number}.",
    )
    turns = tuple(Turn(place % 2, text) for place, text in enumerate(said))
    return talk_trace(Talk(str(number), turns, float(number % 2)))


TALKS = [talk(number, TOPICS[number % len(TOPICS)]) for number in range(60)]


def test_each_query_has_the_real_act_among_others_of_the_same_turn() -> None:
    queries = make_queries(TALKS, seed=3)
    assert len(queries) == 2 * len(TALKS)
    turns = {act: n for t in TALKS for n, act in enumerate(s.decision.action for s in t.steps)}
    for query in queries:
        own = next(t for t in TALKS if t.episode.id == query.talk)
        place = 2 * query.turn
        assert query.acts[query.real] == own.steps[place].decision.action
        assert len(set(query.acts)) == 10
        assert {turns[act] for act in query.acts} == {place}
        assert len(query.heard) == place
        assert query.state == own.steps[place].state
    assert queries == make_queries(TALKS, seed=3)
    assert queries != make_queries(TALKS, seed=4)
    assert len({query.real for query in queries}) == 10


def test_nothing_is_asked_where_nothing_was_heard_or_too_few_differ() -> None:
    assert all(query.turn > 0 for query in make_queries(TALKS))
    assert make_queries(TALKS[:5]) == []
    assert len(make_queries(TALKS[:5], distractors=4)) == 10
    with pytest.raises(ConfigError, match="distractors must be 1 or more"):
        make_queries(TALKS, distractors=0)


def test_dialogues_are_split_whole_and_by_chance() -> None:
    parts = split_talks(TALKS)
    assert [len(part) for part in parts.values()] == [42, 6, 12]
    assert {t.episode.id for part in parts.values() for t in part} == {t.episode.id for t in TALKS}
    assert parts == split_talks(TALKS)
    assert parts != split_talks(TALKS, seed=1)


def test_scores_are_judged_by_place_and_equal_ones_share_theirs() -> None:
    queries = make_queries(TALKS)
    best = [[float(place == q.real) for place in range(10)] for q in queries]
    told = judge(queries, best)
    assert (told.reciprocal.value, told.first.value, told.queries) == (1.0, 1.0, 120)
    worst = judge(queries, [[-score for score in row] for row in best])
    assert worst.reciprocal.value == pytest.approx(0.1)
    assert worst.first.value == 0.0
    same = judge(queries, [[0.0] * 10 for _ in queries])
    assert (same.reciprocal.value, same.first.value) == pytest.approx(chance_level())
    assert same.reciprocal.n == len(TALKS)
    mrr, first = compare(queries, best, [[0.0] * 10 for _ in queries])
    assert mrr.value == pytest.approx(1 - chance_level()[0])
    assert first.value == pytest.approx(0.9)


def test_every_dialogue_counts_the_same() -> None:
    one, *_, other = make_queries(TALKS)
    right = [float(place == one.real) for place in range(10)]
    wrong = [-float(place == other.real) for place in range(10)]
    told = judge([one, one, one, other], [right, right, right, wrong])
    assert told.reciprocal.value == pytest.approx((1 + 0.1) / 2)


def test_scores_that_do_not_fit_are_refused() -> None:
    queries = make_queries(TALKS)
    with pytest.raises(ConfigError, match="0 rows of scores do not fit 120 queries"):
        judge(queries, [])
    with pytest.raises(ConfigError, match="9 scores do not fit 10 acts"):
        judge(queries, [[0.0] * 9 for _ in queries])
    with pytest.raises(ConfigError, match="not a number"):
        judge(queries, [[math.nan] * 10 for _ in queries])


def test_a_talk_and_an_act_in_words() -> None:
    query: Query = make_queries(TALKS)[1]
    told = talk_text(query, 2)
    assert told.startswith("Turns heard 4.")
    assert told.splitlines()[-2:] == list(query.heard[-2:])
    assert "me: " not in talk_text(query, 0)
    assert act_text("Would you give 50 cents?").endswith("\nme: Would you give 50 cents?")
    assert "says ask" in act_text("Would you give 50 cents?")
    assert "names level 2" in act_text("Would you give 50 cents?")


def test_following_traces_end_with_the_act_and_the_control_deals_them_within_a_turn() -> None:
    queries = make_queries(TALKS)
    traces = following_traces(queries)
    dealt = following_traces(queries, dealt=1)
    assert [t.steps[0].state for t in traces] == [talk_text(q) for q in queries]
    assert [t.steps[1].state for t in traces] == [act_text(q.acts[q.real]) for q in queries]
    assert [t.steps[0] for t in dealt] == [t.steps[0] for t in traces]
    ends = [t.steps[1].state for t in traces]
    moved = [t.steps[1].state for t in dealt]
    assert ends != moved
    for turn in (1, 2):
        places = [place for place, query in enumerate(queries) if query.turn == turn]
        assert sorted(ends[p] for p in places) == sorted(moved[p] for p in places)
    assert traces[0].episode.facts["group"] == queries[0].talk
    outcome = traces[0].outcome
    assert outcome is not None
    assert SENTENCE.format("ask") in outcome.reached
    assert SENTENCE.format("greet") in outcome.missed


def test_a_head_learns_which_act_follows_and_the_control_does_not() -> None:
    queries = make_queries(TALKS)
    asked = [query for query in queries if query.turn == 1]
    encoder = make_encoder("hashed")
    config = head_config(
        "monte-carlo",
        encoder=encoder.name,
        hidden=16,
        members=1,
        steps=300,
        batch=64,
        learning_rate=1e-2,
        shares={"outcome": 0.2, "future": 0.4, "current": 0.0, "other": 0.4, "nearness": 1.0},
    )

    def ranked(dealt: int | None) -> float:
        traces = following_traces(queries, dealt=dealt)
        critic = LearnedValue(fit_head(traces, config, encoder=encoder), encoder)
        rows = [
            critic.chances(
                [talk_text(q)], [Candidate("")], [act_text(act) for act in q.acts]
            ).chance[0]
            for q in asked
        ]
        return judge(asked, rows).reciprocal.value

    assert ranked(None) > 0.5
    assert ranked(0) < 0.4
