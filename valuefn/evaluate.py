"""Evaluation of a trained head on finished episodes, alone or against another.

Episodes are asked at several shares of what was to be seen (`queries`), and the chances are held
against what came true. Intervals are 95 % and come from drawing whole groups of episodes again. A
head should be evaluated on episodes that it was not trained on; nothing here can know.

Ranking of episodes: of all pairs of episodes with different rewards, asked at the same share, the
share in which the episode with the higher reward was given the higher worth. The worth is the sum
of signed goal weights times chances, as planners rank candidates; where a world states no weights,
it is the chance of the main goal. Ranking of thoughts compares decisions from near states
(`thoughts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError
from forethought.agent.types import Trace
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.decisions import score_decisions
from forethought.valuefn.measures import reliability
from forethought.valuefn.queries import (
    SHARES,
    Cases,
    check_shares,
    goal_kinds,
    make_cases,
    query_at,
    worth_of,
)
from forethought.valuefn.resampling import Measured, bootstrap, concordance_of, minus, ordered_of
from forethought.valuefn.scoring import Answers, Difference, Scores, cells_of, difference, score
from forethought.valuefn.thoughts import (
    ThoughtRanking,
    order_pairs,
    rank_thoughts,
    thought_pairs,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
_ROWS_AT_ONCE = 1024
RANKED = 2500
"""Most episodes whose pairs are ranked; of more, a random sample."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How often the head orders two episodes as their rewards did."""

    share: float
    """Share of the episode seen."""
    concordance: Measured | None
    """0 to 1; 0.5 is chance. `None` when all rewards are equal."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a head's chances are worth on finished episodes."""

    goal: str
    """The main goal."""
    episodes: int
    groups: int
    overall: Scores
    """The main goal, all shares together."""
    by_share: tuple[Scores, ...]
    """The main goal by share of the episode seen."""
    pooled: tuple[Scores, ...]
    """All outcome sentences together, by share. AUC then also counts that some goals are reached
    more often than others."""
    by_goal: tuple[Scores, ...]
    """Each outcome sentence, all shares together."""
    by_opponent: tuple[Scores, ...]
    """The main goal by opponent, all shares together; empty where there is only one."""
    ranking: tuple[Ranking, ...]
    """Of episodes."""
    reliability: tuple[tuple[float, float, int], ...]
    """Main goal: mean chance, observed frequency and predictions of ten bins of equal count."""
    shares: tuple[float, ...]
    by_kind: tuple[Scores, ...] = ()
    """Hoped-for and feared outcome sentences, and those new to the head, each kind together."""
    by_decision: tuple[Scores, ...] = ()
    """The main goal at every decision, each once, and by its number; empty where nobody decides.
    This is where chances should be right: at a share it is known how long the episode was."""
    thoughts: tuple[ThoughtRanking, ...] = ()
    """How two thoughts from near states are ordered, by share of the episode seen."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One head minus another on the same episodes."""

    goal: str
    episodes: int
    groups: int
    overall: Difference
    """The main goal, all shares together."""
    by_share: tuple[Difference, ...]
    """The main goal by share of the episode seen."""
    pooled: Difference
    """All outcome sentences and shares together."""
    by_kind: tuple[Difference, ...]
    by_opponent: tuple[Difference, ...]
    ranking: tuple[Ranking, ...]
    """Difference in the share of pairs of episodes ordered right, paired."""
    thoughts: tuple[Ranking, ...]
    """Difference in the share of pairs of thoughts ordered right, on the same pairs."""


def share_name(share: float) -> str:
    """A share in words, such as `25 %`."""
    return f"{100 * share:g} %"


def ask(critic: LearnedValue, cases: Cases, shares: Sequence[float]) -> Answers:
    """A head's answers about every episode at every share."""
    shape = (len(shares), len(cases), len(cases.goals))
    parts: list[Answers] = []
    queries = [query_at(trace, share) for share in shares for trace in cases.traces]
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        states, candidates = zip(*queries[start : start + _ROWS_AT_ONCE], strict=True)
        found = critic.chances(states, candidates, cases.goals)
        parts.append(Answers(found.chance, found.low, found.high, found.supported))
    return Answers(
        np.concatenate([part.chance for part in parts]).reshape(shape),
        np.concatenate([part.low for part in parts]).reshape(shape),
        np.concatenate([part.high for part in parts]).reshape(shape),
        np.concatenate([part.supported for part in parts]).reshape(shape),
    )


def evaluate(
    critic: LearnedValue,
    traces: Sequence[Trace],
    *,
    goal: str | None = None,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> Evaluation:
    """Ask a head about finished episodes and measure its answers.

    Args:
        critic: The head.
        traces: Episodes it was not trained on; unfinished ones are passed over.
        goal: The main goal, an outcome sentence; by default the one whose truth is most balanced.
        shares: Shares of the episode seen, each in [0, 1].
        seed: Of the bootstrap.

    Raises:
        ConfigError: If a share cannot be asked about.
        DataError: If no episode is finished.
        UnknownName: If the goal is not among the outcome sentences.
    """
    shares = check_shares(shares)
    cases = make_cases(traces)
    main = cases.index(goal)
    found = measure(
        cases, ask(critic, cases, shares), shares, main=main, seed=seed, known=critic.head.goals
    )
    worth = worth_of(cases, main)
    thoughts = []
    for share in shares:
        pairs = thought_pairs(critic, cases, share)
        ordered = order_pairs(critic, cases, worth, pairs)
        thoughts.append(rank_thoughts(share, pairs, ordered, cases.groups, seed=seed))
    decisions = score_decisions(critic, cases, [main], seed=seed)
    return replace(found, by_decision=decisions, thoughts=tuple(thoughts))


def measure(
    cases: Cases,
    answers: Answers,
    shares: Sequence[float],
    *,
    main: int,
    seed: int = 0,
    known: Sequence[str] | None = None,
) -> Evaluation:
    """Measure answers that are already there.

    Args:
        cases: The episodes.
        answers: Predictions at the shares.
        shares: Shares of the episode seen.
        main: Index of the main goal.
        seed: Of the bootstrap.
        known: Outcome sentences of the head's training; all of them when left out.
    """
    every = range(len(cases.goals))
    at = {share_name(share): _at(answers, number) for number, share in enumerate(shares)}
    opponents = sorted(set(cases.opponents))
    playing = np.asarray(cases.opponents)
    rows = np.ones(len(cases), dtype=bool)
    cells = cells_of(cases, answers.chance, rows, [main])
    if not len(cells.truth):
        raise DataError(f"no episode says whether {cases.goals[main]!r} came true")
    return Evaluation(
        cases.goals[main],
        len(cases),
        len(np.unique(cases.groups)),
        score("all", cases, answers, goals=[main], seed=seed),
        tuple(score(n, cases, part, goals=[main], seed=seed) for n, part in at.items()),
        tuple(score(n, cases, part, goals=every, seed=seed) for n, part in at.items()),
        tuple(score(cases.goals[g], cases, answers, goals=[g], seed=seed) for g in every),
        tuple(
            score(name, cases, answers, rows=playing == name, goals=[main], seed=seed)
            for name in opponents
        )
        if len(opponents) > 1
        else (),
        _rank(cases, answers.chance, shares, worth_of(cases, main), seed),
        tuple(reliability(cells.chance, cells.truth)),
        tuple(shares),
        tuple(
            score(name, cases, answers, goals=goals, seed=seed)
            for name, goals in _kinds(cases, known).items()
        ),
    )


def _kinds(cases: Cases, known: Sequence[str] | None) -> dict[str, list[int]]:
    """Kinds of goals, the ones new to the head being one more."""
    kinds = goal_kinds(cases)
    new = [n for n, goal in enumerate(cases.goals) if known is not None and goal not in known]
    return {**kinds, "new to the head": new} if new else kinds


def compare(
    critic_a: LearnedValue,
    critic_b: LearnedValue,
    traces: Sequence[Trace],
    *,
    goal: str | None = None,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> Comparison:
    """Hold two heads against each other on the same episodes, the first minus the second.

    Args:
        critic_a: The challenger.
        critic_b: The champion.
        traces: Episodes that neither was trained on.
        goal: As in `evaluate`.
        shares: As in `evaluate`.
        seed: Of the bootstrap.

    Raises:
        ConfigError: If a share cannot be asked about.
        DataError: If no episode is finished.
        UnknownName: If the goal is not among the outcome sentences.
    """
    shares = check_shares(shares)
    cases = make_cases(traces)
    main = cases.index(goal)
    one, other = (ask(critic, cases, shares).chance for critic in (critic_a, critic_b))
    playing = np.asarray(cases.opponents)
    opponents = sorted(set(cases.opponents))
    everything = list(range(len(cases.goals)))

    def gap(name: str, at: slice, goals: Sequence[int], rows: Bools | None = None) -> Difference:
        return difference(name, cases, one[at], other[at], rows=rows, goals=goals, seed=seed)

    whole = slice(None)
    worth = worth_of(cases, main)
    return Comparison(
        cases.goals[main],
        len(cases),
        len(np.unique(cases.groups)),
        gap("all", whole, [main]),
        tuple(gap(share_name(share), slice(n, n + 1), [main]) for n, share in enumerate(shares)),
        gap("all goals", whole, everything),
        tuple(gap(name, whole, goals) for name, goals in goal_kinds(cases).items()),
        tuple(gap(name, whole, [main], playing == name) for name in opponents[1:] and opponents),
        _rank(cases, one, shares, worth, seed, other),
        tuple(_thoughts_apart(critic_a, critic_b, cases, share, worth, seed) for share in shares),
    )


def _thoughts_apart(
    critic_a: LearnedValue,
    critic_b: LearnedValue,
    cases: Cases,
    share: float,
    worth: Floats,
    seed: int,
) -> Ranking:
    """How much oftener the first head orders two thoughts right, on the first head's pairs."""
    pairs = thought_pairs(critic_a, cases, share)
    first, second = (
        ordered_of(order_pairs(critic, cases, worth, pairs).thought, pairs.one, pairs.other)
        for critic in (critic_a, critic_b)
    )
    found = bootstrap([minus(first, second)], cases.groups, seed=seed, cells=len(pairs.one))
    return Ranking(share, *found)


def verdict(found: Comparison) -> str:
    """What a comparison shows, in one sentence: log loss of the main goal decides."""
    gap = found.overall.log_loss
    if gap is None or gap.low <= 0 <= gap.high:
        return "no difference shown: keep the champion (the second head)"
    errs = f"by {abs(gap.value):.3f} nats [{gap.low:+.3f}, {gap.high:+.3f}] on {found.goal!r}"
    if gap.high < 0:
        return f"the challenger (the first head) errs less, {errs}: take it"
    return f"the challenger (the first head) errs more, {errs}: keep the champion"


def _at(answers: Answers, number: int) -> Answers:
    """The answers at one share, of shape `(1, E, G)`."""
    part = slice(number, number + 1)
    return replace(
        answers,
        chance=answers.chance[part],
        low=answers.low[part],
        high=answers.high[part],
        supported=answers.supported[part],
    )


def _rank(
    cases: Cases,
    chance: Floats,
    shares: Sequence[float],
    worth: Floats,
    seed: int,
    other: Floats | None = None,
) -> tuple[Ranking, ...]:
    """Concordance at each share; less that of other chances, where they are given."""
    kept = np.arange(len(cases))
    if len(cases) > RANKED:
        kept = np.sort(np.random.default_rng(seed).choice(len(cases), RANKED, replace=False))
    rewards, groups = cases.rewards[kept], cases.groups[kept]
    scores = [(part * worth).sum(axis=2)[:, kept] for part in (chance, other) if part is not None]
    found = []
    for share, *rows in zip(shares, *scores, strict=True):
        statistics = [concordance_of(row, rewards) for row in rows]
        statistic = minus(*statistics) if other is not None else statistics[0]
        found.append(Ranking(share, *bootstrap([statistic], groups, seed=seed)))
    return tuple(found)
