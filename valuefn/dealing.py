"""Folds of groups of episodes, for cross-validation of whatever kind."""

import random

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def group_folds(groups: Ints, folds: int, seed: int, truth: Floats | None = None) -> Ints:
    """Fold of each episode, shape `(E,)`; groups are dealt evenly and never divided.

    Args:
        groups: Group of each episode, shape `(E,)`.
        folds: How many.
        seed: Equal seeds give equal folds.
        truth: Whether each episode reached a goal, 1 or 0, shape `(E,)`: every fold then has its
            share of those that did. Chances of different folds can only be put together fairly when
            the models behind them saw the goal reached equally often.

    Raises:
        ConfigError: If there are fewer groups than folds, or fewer than two folds.
    """
    names = sorted(set(groups.tolist()))
    if not 2 <= folds <= len(names):
        raise ConfigError(
            f"{folds} folds of {len(names)} groups of episodes: name 2 to {len(names)} folds"
        )
    random.Random(f"folds {seed}").shuffle(names)
    if truth is not None:
        names.sort(key=lambda name: float(truth[groups == name].mean()))  # keeps the shuffled order
    fold = {name: number % folds for number, name in enumerate(names)}
    return np.asarray([fold[name] for name in groups.tolist()], dtype=np.int64)
