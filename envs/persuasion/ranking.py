"""Which act came next? The persuader's real next utterance among others said at the same turn.

`split_talks` parts the dialogues, `make_queries` asks one question for each turn of a persuader who
has heard something, and `judge` turns anybody's scores into a mean reciprocal rank and a share of
first places, each dialogue counting the same. Nothing here scores: a value head, a language model
and a word count are all judged alike. To rank well is to tell what people say next, not what they
ought to say, and least of all what works.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forethought.agent.errors import ConfigError
from forethought.agent.types import Trace
from forethought.envs.stats import Difference, Interval, mean_interval, paired_difference

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

DISTRACTORS = 9
SHARES: Mapping[str, float] = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Share of the dialogues in each split."""


@dataclass(frozen=True, slots=True)
class Query:
    """One turn of a persuader, and what could be said at it."""

    talk: str
    """Name of the dialogue."""
    turn: int
    """Number of the persuader's turn in the dialogue, from 0."""
    heard: tuple[str, ...]
    """What was said before, behind `me: ` (the persuader) and `you: `."""
    state: str
    """The state text before the act."""
    acts: tuple[str, ...]
    """What could be said: the real one among others."""
    real: int
    """Place of the real one among the acts."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """How well scores put the real act first; intervals are over dialogues."""

    reciprocal: Interval
    """Mean reciprocal rank, in (0, 1]."""
    first: Interval
    """Share of the queries whose real act stands first, 0 to 1."""
    queries: int


def split_talks(traces: Sequence[Trace], seed: int = 0) -> dict[str, list[Trace]]:
    """Part the dialogues into train, validation and test; whole dialogues, and by chance alone."""
    order = list(traces)
    random.Random(f"persuasion ranking {seed}").shuffle(order)
    parts: dict[str, list[Trace]] = {}
    begin = 0.0
    for split, share in SHARES.items():
        end = begin + share
        parts[split] = order[round(begin * len(order)) : round(end * len(order))]
        begin = end
    return parts


def make_queries(
    traces: Sequence[Trace], *, distractors: int = DISTRACTORS, seed: int = 0
) -> list[Query]:
    """Ask about every turn at which the persuader has heard something.

    The other acts are drawn from other dialogues among `traces`, at the same turn, and differ from
    the real one and from each other in more than capitals. Turns at which there are too few are
    left out.

    Args:
        traces: Of the `persuasion` data set, whole.
        distractors: Other acts beside the real one, 1 or more.
        seed: Chooses the acts and their order.

    Raises:
        ConfigError: If `distractors` is below 1.
    """
    if distractors < 1:
        raise ConfigError(f"distractors must be 1 or more, not {distractors}")
    rng = random.Random(f"persuasion acts {seed}")
    said = [_turns(trace) for trace in traces]
    found = []
    for trace, mine in zip(traces, said, strict=True):
        for turn, place in enumerate(mine):
            real = trace.steps[place].decision.action
            if not place or not real:
                continue
            others = _others(said, traces, trace, turn, real)
            if len(others) < distractors:
                continue
            acts = [real, *rng.sample(others, distractors)]
            rng.shuffle(acts)
            state = trace.steps[place].state
            heard = tuple(x for x in state.splitlines() if x.startswith(("me: ", "you: ")))
            found.append(Query(trace.episode.id, turn, heard, state, tuple(acts), acts.index(real)))
    return found


def _turns(trace: Trace) -> list[int]:
    """Places of the steps at which the persuader speaks."""
    return [place for place, step in enumerate(trace.steps) if step.facts.get("speaks")]


def _others(
    said: Sequence[Sequence[int]], traces: Sequence[Trace], own: Trace, turn: int, real: str
) -> list[str]:
    """What other dialogues' persuaders said at a turn, nothing twice."""
    known = {real.lower()}
    found = []
    for trace, mine in zip(traces, said, strict=True):
        if trace is own or turn >= len(mine):
            continue
        act = trace.steps[mine[turn]].decision.action
        if act and act.lower() not in known:
            known.add(act.lower())
            found.append(act)
    return found


def judge(queries: Sequence[Query], scores: "Sequence[ArrayLike]", *, seed: int = 0) -> Ranked:
    """Where scores put the real acts; equal scores share their places.

    Args:
        queries: `Q` of them, of two dialogues or more.
        scores: For each query one score for each act, higher first.
        seed: Of the bootstrap.

    Raises:
        ConfigError: If the scores do not fit the queries, or there are fewer than two dialogues.
    """
    reciprocal, first = _by_talk(queries, scores)
    return Ranked(
        mean_interval(list(reciprocal.values()), seed=seed),
        mean_interval(list(first.values()), seed=seed),
        len(queries),
    )


def compare(
    queries: Sequence[Query],
    one: "Sequence[ArrayLike]",
    other: "Sequence[ArrayLike]",
    *,
    seed: int = 0,
) -> tuple[Difference, Difference]:
    """Differences `one - other` over the same dialogues: of reciprocal ranks, and of first places.

    Raises:
        ConfigError: As in `judge`.
    """
    (a, b), (c, d) = _by_talk(queries, one), _by_talk(queries, other)
    return (
        paired_difference(list(a.values()), list(c.values()), seed=seed),
        paired_difference(list(b.values()), list(d.values()), seed=seed),
    )


def _by_talk(
    queries: Sequence[Query], scores: "Sequence[ArrayLike]"
) -> tuple[dict[str, float], dict[str, float]]:
    """Mean reciprocal rank and share of first places of each dialogue."""
    if len(queries) != len(scores):
        raise ConfigError(f"{len(scores)} rows of scores do not fit {len(queries)} queries")
    rows: dict[str, list[tuple[float, float]]] = {}
    for query, row in zip(queries, scores, strict=True):
        rows.setdefault(query.talk, []).append(_place(query, row))
    means = {
        talk: [sum(part) / len(own) for part in zip(*own, strict=True)]
        for talk, own in rows.items()
    }
    return {t: m[0] for t, m in means.items()}, {t: m[1] for t, m in means.items()}


def _place(query: Query, row: "ArrayLike") -> tuple[float, float]:
    """Expected reciprocal rank and chance of the first place, ties broken by lot."""
    values: list[float] = np.asarray(row, dtype=np.float64).tolist()
    if len(values) != len(query.acts):
        raise ConfigError(f"{len(values)} scores do not fit {len(query.acts)} acts")
    own = values[query.real]
    above = sum(value > own for value in values)
    tied = sum(value == own for value in values)
    if not tied:
        raise ConfigError("a score is not a number")
    places = range(above + 1, above + tied + 1)
    return sum(1 / place for place in places) / tied, (above == 0) / tied


def chance_level(acts: int = DISTRACTORS + 1) -> tuple[float, float]:
    """Mean reciprocal rank and share of first places of scoring by lot."""
    return sum(1 / place for place in range(1, acts + 1)) / acts, 1 / acts
