"""A search over what the paper leaves open: which choices give its figures, and how many of them.

It is a fit to the paper's own figures and is told as one: the best row shows that the figures can
be had, the share of rows that agree shows how much of it the set-up forces. `beta` and the token
counts matter to the path through `beta decision_tokens` and `sample_tokens / decision_tokens`
alone, so that each row may scale both counts and divide `beta` by the same; the scale nearest to
the paper's KL figures is taken.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.reproduce.toy import Choice, Progress, Reward, follow, ratios
from forethought.valuefn.reproduce.toy_paper import END, FIGURES, RATIOS, WITHIN
from forethought.valuefn.reproduce.two_stage import UNLIMITED, Direction, Floats

_SCALES = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
"""Tokens of a decision."""
_DIRECTIONS: tuple[Direction, ...] = ("forward", "reverse")
_COUNTED: tuple[Literal["state", "visit"], ...] = ("state", "visit")
_TOGETHER = 2880
"""Choices followed at once."""
_SUM = np.ones((4, 1))
_MEAN = np.array([[1.0], [2.0], [1.0], [2.0]])
"""What divides the figures where decisions are added up, and where they are averaged."""
_NEAR = math.log(1 + WITHIN)
"""25 % either way, as a log."""
KEPT = 8
"""Best rows told."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is tried; every combination of it."""

    discount: Sequence[float] = (0.8, 0.9, 0.95, 1.0)
    turns: Sequence[int] = (2, 4, UNLIMITED)
    rate: Sequence[float] = (0.005, 0.01, 0.02, 0.05)
    strength: Sequence[float] = (0.01, 0.03, 0.1, 0.3, 1.0)
    """`beta` times the tokens of a decision."""
    longer: Sequence[float] = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    """Tokens of a sample over those of a decision."""
    refresh: Sequence[int] = (100, 300, 1000, UNLIMITED)

    def choices(self) -> list[Choice]:
        """All rows, decisions of one token.

        The reward of the decision knows neither discount nor limit.
        """
        kinds: list[tuple[Reward, float, int]] = [
            ("outcome", *pair) for pair in itertools.product(self.discount, self.turns)
        ]
        kinds.append(("decision", 1.0, UNLIMITED))
        rows = itertools.product(
            kinds,
            self.rate,
            self.strength,
            self.longer,
            self.refresh,
            _DIRECTIONS,
            _COUNTED,
        )
        return [
            Choice(discount, turns, rate, beta, tokens, 1.0, refresh, way, reward, per)
            for (reward, discount, turns), rate, beta, tokens, refresh, way, per in rows
        ]


QUICK = Grid((1.0,), (UNLIMITED,), (0.02,), (0.1, 0.3), (1.0, 50.0), (300,))


@dataclass(frozen=True, slots=True)
class Row:
    """One choice and what it came to."""

    choice: Choice
    figures: tuple[float, ...]
    """As the paper's `FIGURES`."""
    end: tuple[float, ...]
    worst: float
    """The largest factor, 1 or more, by which a figure misses the paper's."""


@dataclass(frozen=True, slots=True)
class Search:
    """What the search found."""

    rows: int
    within: Mapping[str, Mapping[str, float]]
    """By reward, and by whether the two decisions are added up or averaged: the share of rows
    within 25 % of the paper in each ratio, in both, and in all four figures."""
    by_length: Mapping[float, tuple[float, float, float]]
    """Sample tokens over decision tokens to the 10 %, 50 % and 90 % points of the ratio of the KL
    gradients over the other choices; rewards of the outcome."""
    best: tuple[Row, ...]
    """The nearest by figures, decisions added up."""
    by_end: Mapping[str, Row]
    """The nearest to the paper's three ends: for each reward, and of the rows with all four figures
    within 25 %, where there are some."""


def search(grid: Grid, steps: int, *, progress: Progress | None = None) -> Search:
    """Try all rows of a grid.

    Args:
        grid: What to try.
        steps: Updates of each.
        progress: Told of the rows.
    """
    choices = grid.choices()
    figures, ends = [], []
    for start in range(0, len(choices), _TOGETHER):
        if progress is not None:
            progress("search", start, len(choices))
        course = follow(choices[start : start + _TOGETHER], steps)
        figures.append(course.figures)
        ends.append(course.end)
    found, end = np.concatenate(figures, axis=1), np.concatenate(ends, axis=1)
    outcome = np.array([each.reward == "outcome" for each in choices])
    scale, miss = _scaled(found)
    away = np.abs(end - np.array(END)[:, None]).max(axis=0)

    def told(at: int) -> Row:
        return _row(choices[at], found[:, at], end[:, at], scale[at], miss[at])

    near = {
        "reward of the outcome": outcome,
        "reward of the decision": ~outcome,
        "all four figures within 25 %": miss <= _NEAR,
    }
    return Search(
        len(choices),
        {
            f"{kind}, {how}": _within(found[:, rows] / share)
            for kind, rows in (("outcome", outcome), ("decision", ~outcome))
            for how, share in (("summed", _SUM), ("averaged", _MEAN))
        },
        _by_length(choices, ratios(found)[1], outcome),
        tuple(told(at) for at in np.argsort(miss)[:KEPT]),
        {
            name: told(int(np.where(rows, away, np.inf).argmin()))
            for name, rows in near.items()
            if rows.any()
        },
    )


def _scaled(found: Floats) -> tuple[Floats, Floats]:
    """The scale of the tokens that fits each row best, and its worst miss as a log; `(rows,)`."""
    paper = np.log(np.array(list(FIGURES.values())))
    tried = np.repeat(found[None], len(_SCALES), axis=0)
    tried[:, 2:] *= _SCALES[:, None, None]
    with np.errstate(divide="ignore"):
        miss = np.abs(np.log(tried) - paper[:, None]).max(axis=1)  # (scales, rows)
    best = miss.argmin(axis=0)
    return _SCALES[best], miss[best, np.arange(found.shape[1])]


def _within(found: Floats) -> dict[str, float]:
    """Shares of rows, from figures of shape `(4, rows)`."""
    paper = np.array(list(RATIOS.values()))[:, None]
    near = np.abs(ratios(found) / paper - 1) <= WITHIN
    told = {name: float(row.mean()) for name, row in zip(RATIOS, near, strict=True)}
    return told | {
        "both": float(near.all(axis=0).mean()),
        "all four figures": float((_scaled(found)[1] <= _NEAR).mean()),
    }


def _by_length(
    choices: Sequence[Choice], found: Floats, rows: NDArray[np.bool_]
) -> dict[float, tuple[float, float, float]]:
    longer = np.array([each.sample_tokens for each in choices])
    told = {}
    for each in np.unique(longer):
        low, middle, high = np.quantile(found[rows & (longer == each)], (0.1, 0.5, 0.9))
        told[float(each)] = (float(low), float(middle), float(high))
    return told


def _row(choice: Choice, figures: Floats, end: Floats, scale: float, miss: float) -> Row:
    scaled = replace(
        choice,
        beta=float(choice.beta / scale),
        sample_tokens=float(choice.sample_tokens * scale),
        decision_tokens=float(scale),
    )
    told = np.concatenate([figures[:2], figures[2:] * scale])
    return Row(scaled, tuple(map(float, told)), tuple(map(float, end)), float(np.exp(miss)))
