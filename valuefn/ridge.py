"""The start of a linear network: ridge-logistic regression of every outcome sentence.

On a thousand talks, gradient steps overfit before they have learned what a regularised linear model
learns. So each encoder's part of the input gets a logistic regression of its own, of all outcome
sentences, and the parts are averaged in log-odds, each brought to the same spread: their mistakes
differ, and one fit of everything at once would let the widest part speak for all. The average is
linear in the input, hence a `network.LinearCritic` says it exactly: `phi` holds the coefficients,
`psi` picks those of a goal. Members of an ensemble are fitted on bootstrap samples of episodes.

Knows arrays alone: no texts, no torch, no training loop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs
from forethought.valuefn.data import Dataset, Ints
from forethought.valuefn.memory_source import Inputs, bootstrap

with needs("training value heads", "pip install 'forethought[value]'"):
    from scipy.optimize import minimize

Floats = NDArray[np.float32]
Parts = Sequence[tuple[str, int]]
"""Names and widths of the encoders side by side in an encoding."""
STRENGTHS: Mapping[str, float] = MappingProxyType({"heard": 5e-4, "lines": 1e-3, "notes": 1e-4})
"""Inverse of the regularisation of standardised columns, by encoder; chosen by cross-validation on
PersuasionForGood."""
_STRENGTH = 3e-4
"""Of any other encoder."""
_STEPS = 6
"""Steps of an episode that are looked at, evenly spaced, the last among them."""
_WORTH = 4.0
"""What an episode weighs, in rows, however long it is."""
_ITERATIONS = 60
_AGAIN = 15
"""Iterations for members, which begin at the fit of all episodes."""
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class _Task:
    """Rows to learn from, `N` of them, for `G` outcome sentences and `M` members."""

    target: Floats
    """Shape `(N, G)`."""
    weight: Floats
    """Weight of each pair, 0 where the truth is unknown, shape `(N, G)`."""
    boot: Floats
    """How often each member sees the row's episode, shape `(N, M)`."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """Log-odds as a linear function: `x @ slopes + shift`."""

    slopes: Floats
    """Shape `(M, D, G)`."""
    shift: Floats
    """Shape `(M, G)`."""


def ridge_start(
    inputs: Inputs,
    data: Dataset,
    rows: Ints,
    parts: Parts,
    *,
    ridge: float,
    gamma: float,
    members: int,
    hidden: int,
    seed: int,
) -> dict[str, Floats]:
    """Weights of a linear critic that says what logistic regression learns.

    Args:
        inputs: Features of the data's texts.
        data: The data set.
        rows: Transitions to learn from, shape `(N,)`.
        parts: The encoders that made the features.
        ridge: Times the inverse of the regularisation; less is smoother.
        gamma: Discount of what came true, per decision.
        members: Members of the ensemble.
        hidden: Width of the shared space; with more outcome sentences, the best fit of that rank.
        seed: Of the bootstrap.

    Returns:
        Parameters by name, as `network.LinearCritic` names them, twins alike.
    """
    rows = _evenly(data, rows)
    task = _task(data, rows, gamma, bootstrap(members, len(data.episodes), seed))
    blocks = {
        "state": (inputs.state, data.state),
        "thought": (inputs.thought, data.thought),
        "prefix": (inputs.prefix, data.prefix),
    }
    x = np.concatenate([table[index[rows]] for table, index in blocks.values()], axis=1)
    columns = [inputs.blocks[name].columns for name in blocks]
    found = []
    start = 0
    for name, width in parts:
        mine = np.concatenate([(c >= start) & (c < start + width) for c in columns])
        start += width
        if mine.any():
            strength = ridge * STRENGTHS.get(name, _STRENGTH)
            found.append((mine, *_fit_part(x[:, mine], task, strength)))
    return _factored(_averaged(found, x.shape[1], task), inputs.goal, hidden)


def _evenly(data: Dataset, rows: Ints) -> Ints:
    """At most so many rows of each episode, evenly spaced, with its last."""
    step, length = data.step[rows], data.length[rows]
    kept: Ints = rows[(step + 1) * _STEPS // length > step * _STEPS // length]
    return kept


def _task(data: Dataset, rows: Ints, gamma: float, boot: Floats) -> _Task:
    truth = data.truth(rows)
    known = ~np.isnan(truth)
    left = (data.length[rows] - data.step[rows])[:, None]
    worth = (_WORTH / np.minimum(data.length[rows], _STEPS))[:, None]
    return _Task(
        np.where(known, truth * gamma**left, 0).astype(np.float32),
        (known * worth).astype(np.float32),
        boot[:, data.episode[rows]].T.copy(),
    )


def _fit_part(x: Floats, task: _Task, strength: float) -> tuple[_Lines, Floats]:
    """Regressions of all members on some columns, and the spread of log-odds, shape `(G,)`."""
    everyone = np.ones((len(x), 1), dtype=np.float32)
    common = _logistic(x, task, everyone, strength, None)
    odds = x @ common.slopes[0] + common.shift[0]
    spread = odds.std(axis=0)
    if task.boot.shape[1] == 1:
        return common, spread
    return _logistic(x, task, task.boot, strength, common), spread


def _logistic(
    x: Floats, task: _Task, times: Floats, strength: float, begin: _Lines | None
) -> _Lines:
    """Regularised logistic regressions of all sentences and members at once.

    Args:
        x: Shape `(N, D)`.
        task: What to learn.
        times: How often each regression sees each row, shape `(N, M)`.
        strength: Inverse of the regularisation.
        begin: Where to begin, the same for all; with it fewer iterations do.
    """
    members, goals, width = times.shape[1], task.target.shape[1], x.shape[1]
    weight = (times[:, :, None] * task.weight[:, None]).reshape(len(x), -1) * np.float32(strength)
    target = np.tile(task.target, (1, members))
    shape = (width + 1, members * goals)
    initial = np.zeros(shape)
    if begin is not None:
        initial = np.tile(np.concatenate([begin.slopes[0], begin.shift[:1]]), (1, members))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat.reshape(shape).astype(np.float32)
        z = x @ w[:-1] + w[-1]
        away = np.exp(-np.abs(z))
        chance = np.where(z >= 0, 1, away) / (1 + away)
        each = np.maximum(z, 0) + np.log1p(away) - target * z
        off = weight * (chance - target)
        slope = np.concatenate([x.T @ off + w[:-1], off.sum(axis=0)[None]])
        value = np.sum(weight * each, dtype=np.float64) + 0.5 * np.sum(
            np.square(w[:-1]), dtype=np.float64
        )
        return float(value), slope.astype(np.float64).ravel()

    most = _ITERATIONS if begin is None else _AGAIN
    options = {"maxiter": most, "ftol": 1e-7}
    best = minimize(loss, initial.ravel(), jac=True, method="L-BFGS-B", options=options).x
    w = best.reshape(width + 1, members, goals).astype(np.float32)
    return _Lines(w[:-1].transpose(1, 0, 2), w[-1])


def _averaged(
    found: Sequence[tuple[NDArray[np.bool_], _Lines, Floats]], width: int, task: _Task
) -> _Lines:
    """The parts' mean log-odds, each part brought to their mean spread.

    Standardised columns have mean 0 over the training rows, so that a part's shift is its mean.
    """
    members, goals = task.boot.shape[1], task.target.shape[1]
    slopes = np.zeros((members, width, goals), dtype=np.float32)
    shift = np.zeros((members, goals), dtype=np.float32)
    usual = np.mean([spread for _, _, spread in found], axis=0)
    for mine, lines, spread in found:
        scale = np.where(spread > _FLAT, usual / np.maximum(spread, _FLAT), 0) / len(found)
        slopes[:, mine] = lines.slopes * scale.astype(np.float32)
        shift += lines.shift / len(found)
    return _Lines(slopes, shift)


def _factored(lines: _Lines, goal: Floats, hidden: int) -> dict[str, Floats]:
    """Coefficients as inner products: `phi(x) . psi(g) / sqrt(H) + b(g)`.

    `psi` is the smallest linear map that is right on the outcome sentences; a goal unlike all of
    them gets their mean.
    """
    members, width, goals = lines.slopes.shape
    phi = np.zeros((members, width, hidden + 1), dtype=np.float32)
    wanted = np.zeros((members, goals, hidden + 1), dtype=np.float32)
    rank = min(width, goals, hidden)
    left, size, right = np.linalg.svd(lines.slopes, full_matrices=False)
    phi[:, :, :rank] = left[:, :, :rank] * (size[:, None, :rank] * np.float32(np.sqrt(hidden)))
    wanted[:, :, :rank] = right[:, :rank].transpose(0, 2, 1)
    wanted[:, :, -1] = lines.shift
    middle = wanted.mean(axis=1, keepdims=True)
    centre = goal.mean(axis=0)
    psi = np.linalg.pinv(goal - centre, rcond=1e-5) @ (wanted - middle)
    twins = {
        "phi.weights.0": phi,
        "phi.biases.0": np.zeros((members, 1, hidden + 1), dtype=np.float32),
        "psi.weights.0": psi,
        "psi.biases.0": middle - (centre @ psi)[:, None],
    }
    return {
        name: np.ascontiguousarray(np.repeat(each, 2, axis=0), dtype=np.float32)
        for name, each in twins.items()
    }
