"""Cross-validation of a head against text baselines, by group of episodes.

For each fold the head is trained on the other folds, with its early stopping and calibration inside
them, and asked about the fold; so is each baseline, fitted on the same episodes. What is measured
are the predictions of all folds together, every one made by a model that saw no episode of the
group. Differences are paired: both predictions of a case are drawn again together.

The intervals hold the fitted models fixed: they tell what other episodes would have shown, not what
other training runs would have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder
from forethought.agent.types import Trace
from forethought.valuefn.baselines import TextBaseline, TextOf
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.evaluate import Evaluation, ask, measure, share_name
from forethought.valuefn.fit import fit_head
from forethought.valuefn.queries import (
    SHARES,
    Cases,
    check_shares,
    make_cases,
    query_text,
    select,
    text_so_far,
    worth_of,
)
from forethought.valuefn.scoring import (
    Answers,
    Difference,
    Scores,
    difference,
    empty_answers,
    score,
)
from forethought.valuefn.thoughts import (
    Ordered,
    Pairs,
    join_pairs,
    order_pairs,
    rank_thoughts,
    thought_pairs,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
DIALOGUE = "TF-IDF, all text"
QUERY = "TF-IDF, the head's text"
Progress = Callable[[int, int], None]
"""Told the folds done and the folds in all."""


@dataclass(frozen=True, slots=True)
class Beaten:
    """A baseline beside the head, the main goal at one share of the episode seen."""

    baseline: str
    share: str
    scores: Scores
    """The baseline's own figures; it has no intervals, so that its coverage means nothing."""
    difference: Difference
    """The head minus the baseline."""


@dataclass(frozen=True, slots=True)
class FoldsReport:
    """What ten-fold (or other) cross-validation by group showed."""

    folds: int
    head: Evaluation
    """The head's predictions of all folds together."""
    baselines: tuple[Beaten, ...]
    """For each baseline and each share."""
    curves: tuple[tuple[tuple[int, float], ...], ...]
    """Of each fold: update and held-out loss, nats."""


def cross_validate(
    traces: Sequence[Trace],
    config: HeadConfig,
    *,
    folds: int = 10,
    goal: str | None = None,
    shares: Sequence[float] = SHARES,
    text_of: TextOf | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> FoldsReport:
    """Train and ask a head fold by fold, with text baselines beside it.

    Args:
        traces: Episodes; unfinished ones are passed over.
        config: How the head is trained.
        folds: How many, by group.
        goal: The main goal, an outcome sentence; by default the one whose truth is most balanced.
        shares: Shares of the episode seen, each in [0, 1].
        text_of: The whole text of an episode after a share of it, for the first baseline; by
            default what its steps say. The second baseline reads what the head is asked about.
        encoder: Built from the settings when left out.
        seed: Of the folds and the bootstrap.
        progress: Told the folds done and the folds in all.

    Raises:
        ConfigError: If the folds or shares cannot be had.
        DataError: If there are too few finished episodes to train on.
        UnknownName: If the goal is not among the outcome sentences.
    """
    shares = check_shares(shares)
    cases = make_cases(traces)
    main = cases.index(goal)
    fold = group_folds(cases.groups, folds, seed)
    remembering = RememberingEncoder(encoder or make_encoder(config.encoder))
    answers = empty_answers(len(shares), cases)
    worth = worth_of(cases, main)
    curves = []
    pairs: dict[float, list[tuple[Pairs, Ordered, Ints]]] = {share: [] for share in shares}
    for number in range(folds):
        if progress is not None:
            progress(number, folds)
        held = fold == number
        head = fit_head(_chosen(cases, ~held), config, encoder=remembering)
        critic = LearnedValue(head, remembering)
        part = select(cases, held)
        _fill(answers, held, ask(critic, part, shares))
        for share, parts in pairs.items():
            near = thought_pairs(critic, part, share)
            ordered = order_pairs(critic, part, worth[held], near)
            parts.append((near, ordered, np.flatnonzero(held)))
        curves.append(tuple((int(update), float(loss)) for update, loss in head.metrics["curve"]))
    texts = {DIALOGUE: text_of or text_so_far, QUERY: query_text}
    beaten = _baselines(cases, answers, fold, shares, texts, main=main, seed=seed)
    if progress is not None:
        progress(folds, folds)
    thoughts = tuple(
        rank_thoughts(share, *join_pairs(parts), cases.groups, seed=seed)
        for share, parts in pairs.items()
    )
    report = replace(measure(cases, answers, shares, main=main, seed=seed), thoughts=thoughts)
    return FoldsReport(folds, report, beaten, tuple(curves))


def _baselines(
    cases: Cases,
    answers: Answers,
    fold: Ints,
    shares: Sequence[float],
    texts: Mapping[str, TextOf],
    *,
    main: int,
    seed: int,
) -> tuple[Beaten, ...]:
    """Every baseline at every share, beside the head's answers."""
    found = []
    for name, text_of in texts.items():
        for number, share in enumerate(shares):
            words = [text_of(trace, share) for trace in cases.traces]
            own = empty_answers(1, cases)
            own.chance[0, :, main] = text_chances(words, cases.truth[:, main], fold)
            own.low[:], own.high[:] = own.chance, own.chance
            part = answers.chance[number : number + 1]
            at = share_name(share)
            beaten = Beaten(
                name,
                at,
                score(name, cases, own, goals=[main], seed=seed),
                difference(at, cases, part, own.chance, goals=[main], seed=seed),
            )
            found.append(beaten)
    return tuple(found)


def text_chances(texts: Sequence[str], truth: Floats, fold: Ints) -> Floats:
    """Chances that a text baseline gives each case, fitted on the other folds.

    Args:
        texts: One for each case, `N` of them.
        truth: 1 reached, 0 missed, NaN unknown, shape `(N,)`.
        fold: Fold of each case, shape `(N,)`.
    """
    chance = np.zeros(len(texts), dtype=np.float32)
    for number in np.unique(fold):
        known = (fold != number) & ~np.isnan(truth)
        held = fold == number
        model = TextBaseline().fit(list(compress(texts, known)), truth[known])
        chance[held] = model.chances(list(compress(texts, held)))
    return chance


def _chosen(cases: Cases, rows: Bools) -> list[Trace]:
    return list(compress(cases.traces, rows))


def _fill(answers: Answers, rows: Bools, part: Answers) -> None:
    """Write the answers about some episodes into those about all."""
    answers.chance[:, rows] = part.chance
    answers.low[:, rows] = part.low
    answers.high[:, rows] = part.high
    answers.supported[:, rows] = part.supported
