"""Whether gradients fall on sampling and deciding alike: ratios of norms by term, with intervals.

Four readings of each term: the norms that the engine logs over training, raw and per token, and
the norm of the expected gradient at the end and at the base, its noise taken out. A claim is made
of the first; the others tell what it is made of.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from forethought.valuefn.reproduce.decide_plan import BALANCED, START, TERMS, Term
from forethought.valuefn.reproduce.over_runs import mean_over_runs

Record = Mapping[str, Any]
Ends = tuple[float, float]
READINGS = ("raw", "per token", "signal, end", "signal, base")
_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Balance:
    """The gradient on samples over that on decisions."""

    term: str
    arm: str
    """Whose runs."""
    reading: str
    """One of `READINGS`."""
    ratio: float | None
    """Geometric mean over runs, or of summed signals; `None` where there is no signal."""
    ci95: Ends | None
    balanced: bool | None
    """Within a factor of 2, beyond, or neither can be told."""
    paper: bool
    """What the paper says."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How much further from balance a term is than the reward."""

    term: str
    doublings: float | None
    """Mean difference of the absolute logarithms, base 2."""
    ci95: Ends | None
    holds: bool | None


def balances(records: Sequence[Record], seed: int) -> Iterator[Balance]:
    """All readings of all terms."""
    for term in TERMS:
        mine = [one for one in records if one["arm"] == term.arm]
        for reading, kind in zip(READINGS, ("gradient", "gradient_per_token"), strict=False):
            logs = [log for one in mine if (log := log_ratio(one, term.name, kind)) is not None]
            yield _of_logs(term, reading, logs)
        yield _of_signals(term, term.arm, READINGS[2], mine, seed)
        if term.name != "kl":  # the base is no distance from itself
            start = [one for one in records if one["arm"] == START]
            yield _of_signals(term, START, READINGS[3], start, seed)


def gaps(records: Sequence[Record]) -> Iterator[Gap]:
    """The paper's unbalanced terms against the reward, run by run."""
    by_key = {(one["arm"], one["base"], one["base_seed"], one["seed"]): one for one in records}
    reward = TERMS[0]
    for term in TERMS[1:]:
        found = []
        for (arm, *rest), one in by_key.items():
            other = by_key.get((reward.arm, *rest)) if arm == term.arm else None
            if other is None:
                continue
            far, near = log_ratio(one, term.name), log_ratio(other, reward.name)
            if far is not None and near is not None:
                found.append((abs(far) - abs(near)) / math.log(2))
        if len(found) < 2:
            yield Gap(term.name, None, None, None)
            continue
        told = mean_over_runs(found)
        yield Gap(term.name, told.value, (told.low, told.high), _apart(told.low, told.high))


def log_ratio(record: Record, term: str, kind: str = "gradient") -> float | None:
    """Mean logarithm of sample over decision over a run's updates; `None` where both never move."""
    names = [f"{kind}/{term}/{span}" for span in ("sample", "decision")]
    found = []
    for _, norms in record["norms"]:
        sample, decision = (norms.get(name, 0.0) for name in names)
        if sample > 0 and decision > 0:
            found.append(math.log(sample / decision))
    return fmean(found) if found else None


def balanced(low: float, high: float) -> bool | None:
    """Whether an interval of ratios lies within a factor of 2 of 1, or beyond."""
    if low >= 1 / BALANCED and high <= BALANCED:
        return True
    return False if high < 1 / BALANCED or low > BALANCED else None


def _apart(low: float, high: float) -> bool | None:
    """Whether a term is further off: yes above 0, no where a tenth of a doubling is ruled out."""
    if low > 0:
        return True
    return False if high < 0.1 else None


def _of_logs(term: Term, reading: str, logs: Sequence[float]) -> Balance:
    if len(logs) < 2:
        return Balance(term.name, term.arm, reading, None, None, None, term.balanced)
    told = mean_over_runs(logs)
    ends = (math.exp(told.low), math.exp(told.high))
    return Balance(
        term.name, term.arm, reading, math.exp(told.value), ends, balanced(*ends), term.balanced
    )


def _of_signals(
    term: Term, arm: str, reading: str, records: Iterable[Record], seed: int
) -> Balance:
    """The root of summed squared signals over summed ones; whole runs are drawn again."""
    rows = [[one["signals"][f"{term.name}/{s}"] for s in ("sample", "decision")] for one in records]
    none = Balance(term.name, arm, reading, None, None, None, term.balanced)
    if len(rows) < 2:
        return none
    squares = np.array(rows)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(rows), size=(_RESAMPLES, len(rows)))
    drawn = squares[picks].sum(axis=1)  # (_RESAMPLES, 2)
    whole = squares.sum(axis=0)
    if (whole <= 0).any() or (drawn[:, 1] <= 0).mean() > 0.01:
        return none
    fine = drawn[drawn[:, 1] > 0]
    ratios = np.sqrt(np.maximum(fine[:, 0], 0) / fine[:, 1])
    ends = (float(np.quantile(ratios, 0.025)), float(np.quantile(ratios, 0.975)))
    ratio = float(np.sqrt(whole[0] / whole[1]))
    return Balance(term.name, arm, reading, ratio, ends, balanced(*ends), term.balanced)
