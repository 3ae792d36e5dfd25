"""What a head makes of a small process whose values are known, before any calibration."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from chains import Process, Reals, encoder_of, logged
from numpy.typing import NDArray

from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset, build_dataset
from forethought.valuefn.head import Head
from forethought.valuefn.inference import Critic
from forethought.valuefn.memory_source import MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.train import Trainer

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learned:
    """Raw scores, goals in the order of the process's goals."""

    action: Reals
    """Twins averaged, shape `(S, A, S + E)`."""
    state: Reals
    """The state value, where the objective trains one, shape `(S, S + E)`."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Distance of learned from exact values over the pairs that the log holds."""

    largest: float
    most: float
    """95th percentile."""
    mean: float
    bias: float
    """Mean of learned minus exact."""


@lru_cache(maxsize=4)
def log_of(process: Process, episodes: int, seed: int) -> Dataset:
    """Episodes logged in a process, as training data; kept for the next that asks."""
    return build_dataset(logged(process, episodes, seed))


def learn(process: Process, config: HeadConfig, *, episodes: int, updates: int) -> Learned:
    """Log episodes, train for exactly so many updates, and score every pair of the process."""
    data = log_of(process, episodes, config.seed)
    encoder = encoder_of(process)
    encoded = {
        "state": encoder.encode(data.states),
        "thought": encoder.encode(data.thoughts),
        "prefix": encoder.encode(data.prefixes),
        "goal": encoder.encode(data.goals),
    }
    rows = np.arange(len(data))
    blocks = make_blocks(encoded, data, rows)
    source = MemorySource(
        data,
        make_inputs(encoded, blocks),
        rows,
        rows,
        config,
        next_judged=OBJECTIVES[config.objective].next_judged,
    )
    trainer = Trainer(source, config)
    trained = trainer.run(updates=updates)
    states = blocks["state"].apply(encoder.encode(process.states))
    thoughts = blocks["thought"].apply(encoder.encode(process.actions))
    goals = blocks["goal"].apply(encoder.encode(process.goals))
    with torch.no_grad():
        value = trainer.networks.value(torch.from_numpy(states), torch.from_numpy(goals))
    return Learned(
        _scores(Critic(trained.weights), states, thoughts, goals),
        value.sigmoid().mean(dim=0).numpy().astype(np.float64),
    )


def read(process: Process, head: Head) -> Reals:
    """Raw scores of a head for every pair of a process, shape `(S, A, S + E)`."""
    encoder = encoder_of(process)
    texts = {"state": process.states, "thought": process.actions, "goal": process.goals}
    parts = {name: head.blocks[name].apply(encoder.encode(found)) for name, found in texts.items()}
    return _scores(Critic(head.weights), parts["state"], parts["thought"], parts["goal"])


def _scores(critic: Critic, states: Floats, thoughts: Floats, goals: Floats) -> Reals:
    count, ways = len(states), len(thoughts)
    judged = np.concatenate(
        [np.repeat(states, ways, axis=0), np.tile(thoughts, (count, 1))], axis=1
    )
    found = critic.scores(judged, critic.embed(goals)).mean(axis=0)
    scores: Reals = found.reshape(count, ways, -1).astype(np.float64)
    return scores


def gap(learned: Reals, exact: Reals, pairs: NDArray[np.bool_] | None = None) -> Gap:
    """Compare where `pairs` holds, everywhere without it; both arrays start with its axes."""
    difference = learned - exact if pairs is None else (learned - exact)[pairs]
    apart = np.abs(difference)
    return Gap(
        float(apart.max()),
        float(np.percentile(apart, 95)),
        float(apart.mean()),
        float(difference.mean()),
    )
