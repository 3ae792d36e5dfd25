import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forethought.agent.errors import ConfigError, HeadError
from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace
from forethought.valuefn.calibration import logit
from forethought.valuefn.config import changed, head_config
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.evaluate import ask, evaluate
from forethought.valuefn.fit import fit_head
from forethought.valuefn.folds import cross_validate
from forethought.valuefn.head import Head
from forethought.valuefn.measures import auc
from forethought.valuefn.queries import make_cases
from forethought.valuefn.readers import Readers, count_words, stages

YES, NO, ODD = "They agree.", "They refuse.", "The day is odd."
FILL = [
    "well",
    "so",
    "then",
    "maybe",
    "and",
    "you",
    "know",
    "it",
    "is",
    "what",
    "one",
    "hears",
    "around",
    "here",
    "these",
    "days",
]
READING = head_config("reading", encoder="notes")


def talk(number: int, rng: random.Random, turns: int = 12) -> Trace:
    agrees = rng.random() < 0.5
    lines: list[str] = []
    steps = []
    for turn in range(turns + 1):
        state = "\n".join([f"Turns: {turn}", *lines])
        steps.append(
            Step(
                turn,
                lines[-1] if lines else "",
                state,
                Decision(Candidate(""), "", "human"),
                facts={"turns": turn},
            )
        )
        words = rng.sample(FILL, 5)
        tells = turn % 2 == 1 and rng.random() < 0.15 + 0.05 * turn
        if tells:
            words.append("gladly" if agrees == (rng.random() < 0.85) else "busy")
        lines.append(f"{'you' if turn % 2 else 'me'}: {' '.join(words)}")
    reached = (YES if agrees else NO, *((ODD,) if number % 2 else ()))
    return Trace(
        Episode(f"talk/{number}", "talks", facts={"group": number}),
        tuple(steps),
        Outcome(
            float(agrees),
            success=agrees,
            reached=reached,
            missed=tuple(goal for goal in (YES, NO, ODD) if goal not in reached),
        ),
    )


def talks(count: int, seed: int = 0) -> list[Trace]:
    rng = random.Random(seed)
    return [talk(number, rng) for number in range(count)]


LEARNED = talks(200)
NEW = talks(150, seed=1)


@pytest.fixture(scope="module")
def head() -> Head:
    return fit_head(LEARNED, READING)


def test_it_reads_the_end_better_the_more_was_said(head: Head) -> None:
    cases = make_cases(NEW)
    goal = cases.goals.index(YES)
    answers = ask(LearnedValue(head), cases, (0.25, 1.0))
    early, late = (auc(row[:, goal], cases.truth[:, goal]) for row in answers.chance)
    assert late > 0.75
    assert late > early + 0.05
    # the two goals are each other's opposite, and what is odd cannot be told
    opposite = answers.chance[:, :, cases.goals.index(NO)]
    np.testing.assert_allclose(opposite, 1 - answers.chance[:, :, goal], atol=0.02)
    told = answers.chance[:, :, cases.goals.index(ODD)]
    assert np.abs(told - 0.5).mean() < 0.1


def test_its_chances_and_intervals_are_right_at_every_share(head: Head) -> None:
    found = evaluate(LearnedValue(head), NEW, goal=YES)
    for each in found.by_share:
        assert each.miscalibration is not None
        assert each.miscalibration.low < 0.08, each.name
        assert each.supported > 0.8
    assert head.calibration.widening == pytest.approx(4 / 5**0.5)
    answers = ask(LearnedValue(head), make_cases(NEW), (0.5, 1.0))
    assert (answers.low < answers.chance).all()
    assert (answers.chance < answers.high).all()


def test_it_is_saved_loaded_and_used_as_any_other(head: Head, tmp_path: Path) -> None:
    critic = load_critic(head.save_pretrained(tmp_path / "head"))
    assert critic.head.id == head.id
    state = NEW[0].steps[-1].state
    goals = [Goal(YES), Goal("The moon is full."), Goal(ODD)]
    row = critic.estimate(state, [Candidate(""), Candidate("I ask again.")], goals)[0]
    assert row == LearnedValue(head).estimate(state, [Candidate("")], goals)[0]
    assert row[0].supported
    assert not row[1].supported  # a goal it never learned
    assert row[1].chance == pytest.approx(0.5)
    near = critic.explain(state, Candidate(""), goals[0])
    assert {each.episode for each in near} <= {trace.episode.id for trace in LEARNED}
    strange = critic.estimate("xyzzy 99 quux\n" * 40, [Candidate("")], goals)[0][0]
    assert not strange.supported


def test_held_out_figures_are_of_readers_that_had_not_seen_the_talk(head: Head) -> None:
    dealt = fit_head(LEARNED, changed(READING, permute=True, members=3))
    assert head.metrics["held_out"]["auc"] > 0.6
    assert abs(dealt.metrics["held_out"]["auc"] - 0.5) < 0.08
    assert fit_head(LEARNED, READING).id == head.id  # equal seeds, equal heads


def test_folds_train_it_anew() -> None:
    report = cross_validate(
        LEARNED[:120], changed(READING, members=3), folds=2, goal=YES, shares=(1.0,)
    )
    assert report.head.by_share[0].auc is not None
    assert report.head.by_share[0].auc.value > 0.7


def test_unknown_and_constant_outcomes() -> None:
    traces = []
    for number, trace in enumerate(talks(60)):
        assert trace.outcome is not None
        missed = tuple(goal for goal in trace.outcome.missed if goal != ODD or number % 4)
        reached = (*trace.outcome.reached, "It ends.")
        traces.append(
            replace(trace, outcome=replace(trace.outcome, missed=missed, reached=reached))
        )
    critic = LearnedValue(fit_head(traces, READING))
    (row,) = critic.estimate(NEW[0].steps[5].state, [Candidate("")], [Goal("It ends."), Goal(ODD)])
    assert row[0].chance > 0.95
    assert 0 < row[1].chance < 1


def test_what_does_not_go_together_is_refused(head: Head) -> None:
    for change in ({"network": "bilinear"}, {"ridge": 1.0}, {"refit": True}, {"members": 2}):
        with pytest.raises(ConfigError, match="readers are"):
            changed(READING, **change)
    with pytest.raises(ConfigError, match="without a head to start from"):
        fit_head(LEARNED, READING, start=head)
    with pytest.raises(HeadError, match="vectors of 1024 numbers"):
        LearnedValue(
            replace(head, fingerprint=make_encoder("heard").fingerprint), make_encoder("heard")
        )
    weights = {name: each for name, each in head.weights.items() if name != "readers.turns"}
    with pytest.raises(HeadError, match="readers do not fit together"):
        LearnedValue(replace(head, weights=weights))


def test_stages_are_mixed_between_and_kept_at_the_ends() -> None:
    turns = np.asarray([2.0, 4.0], dtype=np.float32)
    texts = ["", "me: a", "me: a\nyou: b\nme: c", "\n".join(["you: x"] * 9)]
    assert stages(texts, turns).tolist() == [[1, 0], [1, 0], [0.5, 0.5], [0, 1]]


def test_words_are_those_of_the_sides_asked_for() -> None:
    text = "A note.\nme: yes, of course\nyou: no"
    both, other = count_words([text], ("me: ", "you: ")), count_words([text], ("you: ",))
    assert (both.nnz, other.nnz) == (3 + 4 + 1 + 2, 1 + 2)
    assert count_words(["A note."], ("me: ",)).nnz == 0
    assert count_words([text.replace("no", "No")], ("you: ",)).indices.tolist() == (
        other.indices.tolist()
    )


def test_the_readers_say_what_their_members_mean(head: Head) -> None:
    own = {n.removeprefix("readers."): w for n, w in head.weights.items() if "readers." in n}
    encoder = make_encoder("notes")
    states = [trace.steps[7].state for trace in NEW[:5]]
    odds = Readers(own).odds(states, encoder.encode(states)).reshape(5, 5, 3)
    chances = 1 / (1 + np.exp(-odds))
    found = LearnedValue(head, encoder).chances(states, [Candidate("")] * 5, list(head.goals))
    np.testing.assert_allclose(logit(found.chance), logit(chances.mean(axis=1)), atol=1e-4)
