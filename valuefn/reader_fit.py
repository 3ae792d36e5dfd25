"""Fitting of readers: logistic regressions of a talk's text, averaged and turned into chances.

The talk is read at four shares of it, the stages. Each table of features gets two readers for
each outcome sentence: one with a model for each stage, one with a model for all. Groups of episodes
are dealt into as many folds as there are members; each member learns without its own fold and
answers about it. On those answers every reader is brought to spread one at each stage, the readers
are averaged with equal weights, and a slope and a shift for each stage make chances of the mean. So
nothing that is said about an episode while fitting comes from a model that has seen it, and all of
it is linear: the sum is kept (`readers`).

The regularisation of each reader is what nested cross-validation picked in all or nearly all outer
folds of PersuasionForGood. Members differ by what was left out, so that their spread, widened as
for a jackknife, says how sure they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs
from forethought.valuefn.calibration import logit
from forethought.valuefn.data import Dataset
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.features import fit_block
from forethought.valuefn.readers import TABLES, count_words, spoken, standard, weighed
from forethought.valuefn.ridge import Parts
from forethought.valuefn.train import Progress

with needs("reading heads", "pip install 'forethought[value]'"):
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Shares of the talk after which it is read."""
STRENGTHS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"said": (1.0, 0.5), "heard": (1.0, 0.5), "notes": (5e-4, 3e-4), "lines": (1e-2, 3e-3)}
)
"""Inverse of the regularisation by table: of a model for each stage, and of one for all."""
_STRENGTH = (5e-4, 3e-4)
"""Of any other encoder's table."""
_LEAST = 2
"""Fewest texts a word or pair must occur in."""
_ITERATIONS = 300
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Read:
    """Readers, and what they said of episodes they had not seen."""

    weights: Mapping[str, Floats]
    """As `readers.Readers` takes them; columns are goals within members."""
    rows: Ints
    """Transitions that were asked about, stage after stage, shape `(K E,)`."""
    odds: Floats
    """Log-odds there, each by the member that had not seen the episode, shape `(K E, G)`."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Features of the talks at each stage: `K` matrices of shape `(E, F)`."""

    stages: list[Any]
    strength: tuple[float, float]


def fit_readers(
    data: Dataset,
    encoded: Floats,
    parts: Parts,
    *,
    members: int,
    seed: int,
    progress: Progress | None = None,
) -> Read:
    """Fit the readers of a head.

    Args:
        data: The data set.
        encoded: Encodings of its states, shape `(states, D)`.
        parts: The encoders that made them.
        members: Folds of groups, and members.
        seed: Of the folds.
        progress: Told the members done, the members in all, and no loss (NaN).

    Raises:
        ConfigError: If there are fewer groups than members.
    """
    rows = np.stack([_rows_at(data, share) for share in SHARES])  # (K, E)
    states = data.state[rows]
    texts = [[data.states[state] for state in stage] for stage in states]
    fold = group_folds(data.groups, members, seed, _balanced(data.reached))
    kept, tables = _tables(texts, [encoded[stage] for stage in states], parts)
    found = [
        _crossed(table, data.reached, fold, members, own=own)
        for table in tables
        for own in (True, False)
    ]
    if progress is not None:
        progress(members, members, math.nan)
    slope, shift, odds = _chances(np.stack([answers for _, answers in found]), data.reached)
    goals = data.reached.shape[1]
    total = np.tile(shift, (1, members)).astype(np.float32)  # (K, M G)
    summed: list[Floats] = []
    for number, (lines, _) in enumerate(found):
        scale = np.tile(slope[number], (1, members))  # (K, M G)
        weights = (lines * scale[:, None]).astype(np.float32)
        total += weights[:, -1]
        if number % 2:
            summed[-1] += weights[:, :-1]
        else:
            summed.append(weights[:, :-1])
    turns = [np.mean([spoken(text) for text in stage]) for stage in texts]
    kept |= {"turns": _rising(turns), "shift": total}
    kept |= {f"{name}.weights": each for name, each in zip(TABLES, summed, strict=False)}
    dense = np.zeros((len(SHARES), encoded.shape[1], members * goals), dtype=np.float32)
    start = 0
    for (_, width), weights in zip(parts, summed[len(TABLES) :], strict=True):
        dense[:, start : start + width] = weights
        start += width
    return Read({**kept, "weights": dense}, rows.ravel(), odds.reshape(-1, goals))


def _rows_at(data: Dataset, share: float) -> Ints:
    """The transition of each episode after a share of it, shape `(E,)`."""
    wanted = np.ceil(share * (data.length - 1) - _SLACK).astype(np.int64)
    rows = np.flatnonzero(data.step == wanted)
    found: Ints = rows[np.argsort(data.episode[rows], kind="stable")]
    return found


def _balanced(reached: Floats) -> Floats:
    """The goal by whose truth folds are made alike, the one nearest to one half, shape `(E,)`."""
    rates = np.where(np.isnan(reached), 0.5, reached)
    found: Floats = rates[:, np.abs(rates.mean(axis=0) - 0.5).argmin()]
    return found


def _rising(turns: list[np.floating[Any]]) -> Floats:
    """Stages in lines said, strictly rising."""
    found = np.maximum.accumulate(np.asarray(turns)) + 1e-3 * np.arange(len(turns))
    turned: Floats = found.astype(np.float32)
    return turned


def _tables(
    texts: list[list[str]], encoded: list[Floats], parts: Parts
) -> tuple[dict[str, Floats], list[_Table]]:
    """What readers read, and what must be kept to read other texts so; looks at no outcome."""
    kept: dict[str, Floats] = {}
    tables = []
    for name, sides in TABLES.items():
        counts = [count_words(stage, sides) for stage in texts]
        held = np.bincount(counts[-1].indices, minlength=counts[-1].shape[1])
        bins = np.flatnonzero(held >= min(_LEAST, len(texts[-1])))
        rare = (np.log((1 + len(texts[-1])) / (1 + held[bins])) + 1).astype(np.float32)
        kept |= {f"{name}.bins": bins.astype(np.float32), f"{name}.rare": rare}
        tables.append(_Table([weighed(each, bins, rare) for each in counts], STRENGTHS[name]))
    block = fit_block(np.concatenate(encoded))
    mean = np.zeros(encoded[0].shape[1], dtype=np.float32)
    scale = np.ones_like(mean)
    mean[block.columns], scale[block.columns] = block.mean, block.scale
    kept |= {"mean": mean, "scale": scale}
    dense = [standard(each, mean, scale) for each in encoded]
    start = 0
    for name, width in parts:
        columns = slice(start, start + width)
        start += width
        stages = [each[:, columns] for each in dense]
        tables.append(_Table(stages, STRENGTHS.get(name, _STRENGTH)))
    return kept, tables


def _crossed(
    table: _Table, reached: Floats, fold: Ints, members: int, *, own: bool
) -> tuple[Floats, Floats]:
    """One reader: its weights, and what each member says of the fold it has not seen.

    Args:
        table: What it reads.
        reached: What came true, NaN where unknown, shape `(E, G)`.
        fold: Shape `(E,)`.
        members: Folds.
        own: A model for each stage, or one for all.

    Returns:
        Weights with the shift behind them, shape `(K, F + 1, M G)`, and log-odds `(K, E, G)`.
    """
    stages, goals = len(table.stages), reached.shape[1]
    width = table.stages[0].shape[1]
    lines = np.zeros((stages, width + 1, members * goals), dtype=np.float32)
    answers = np.zeros((stages, *reached.shape), dtype=np.float32)
    for member in range(members):
        asked = fold == member
        for goal in range(goals):
            column = member * goals + goal
            train = ~asked & ~np.isnan(reached[:, goal])
            lines[:, :, column] = _learned(table, reached[:, goal], train, own=own)
            for stage, features in enumerate(table.stages):
                line = lines[stage, :, column]
                answers[stage, asked, goal] = features[asked] @ line[:-1] + line[-1]
    return lines, answers


def _learned(table: _Table, truth: Floats, train: Bools, *, own: bool) -> Floats:
    """Coefficients and shift at each stage, shape `(K, F + 1)`."""
    parts = [features[train] for features in table.stages]
    known = truth[train].round().astype(int)
    width = parts[0].shape[1]
    if not width or len(np.unique(known)) < 2:
        return np.zeros((len(parts), width + 1), dtype=np.float32)
    if own:
        slopes = [_regressed(part, known, table.strength[0]) for part in parts]
    else:
        stacked = np.concatenate(parts) if isinstance(parts[0], np.ndarray) else vstack(parts)
        slopes = [_regressed(stacked, np.tile(known, len(parts)), table.strength[1])] * len(parts)
    # about the mean of the training talks: a member's base rate would tell of the fold left out
    middle = [-(part @ slope).mean() for part, slope in zip(parts, slopes, strict=True)]
    return np.concatenate([np.stack(slopes), np.asarray(middle, np.float32)[:, None]], axis=1)


def _regressed(features: Any, truth: Ints, strength: float) -> Floats:
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS).fit(features, truth)
    slopes: Floats = model.coef_[0].astype(np.float32)
    return slopes


def _chances(answers: Floats, reached: Floats) -> tuple[Floats, Floats, Floats]:
    """How readers become chances.

    Args:
        answers: Log-odds of `R` readers, shape `(R, K, E, G)`.
        reached: What came true, shape `(E, G)`.

    Returns:
        Factor of each reader, shape `(R, K, G)`; the shift, shape `(K, G)`; and the log-odds that
        follow, shape `(K, E, G)`.
    """
    spread = answers.std(axis=2)  # (R, K, G)
    factor = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0) / len(answers)
    mean = np.einsum("rkeg,rkg->keg", answers, factor)
    slope = np.zeros(mean.shape[::2], dtype=np.float32)
    shift = np.zeros_like(slope)
    for stage, goal in np.ndindex(slope.shape):
        known = ~np.isnan(reached[:, goal])
        truth = reached[known, goal].round().astype(int)
        rate = np.asarray((truth.sum() + 0.5) / (len(truth) + 1), dtype=np.float32)
        shift[stage, goal] = logit(rate)
        if len(np.unique(truth)) > 1:
            model = LogisticRegression().fit(mean[stage, known, goal][:, None], truth)
            if model.coef_[0, 0] > 0:
                slope[stage, goal] = model.coef_[0, 0]
                shift[stage, goal] = model.intercept_[0]
    odds = mean * slope[:, None] + shift[:, None]
    return (factor * slope).astype(np.float32), shift, odds.astype(np.float32)
