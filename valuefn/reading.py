"""A head of readers: what `reader_fit` learned, in the form in which heads are kept and used.

The head's encoding is that of its encoder, the readers' log-odds, and which outcome sentence a text
is. Its network is linear and says the log-odds; the encoder's own columns have no weight in it, and
are there for support, evidence and near states, as in other heads.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder
from forethought.valuefn.calibration import Calibration, sigmoid
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset, Ints
from forethought.valuefn.encoders import parts_of
from forethought.valuefn.features import BLOCKS, Block, fit_block
from forethought.valuefn.finish import Calibrated, FitRun
from forethought.valuefn.measures import log_loss
from forethought.valuefn.memory_source import Inputs
from forethought.valuefn.reader_fit import Read, fit_readers
from forethought.valuefn.readers import PREFIX, Readers, ReadingEncoder
from forethought.valuefn.train import Progress, Trained

Floats = NDArray[np.float32]
_Z90 = 1.6449


def fit_reading(
    data: Dataset,
    encoder: Encoder,
    encoded: Mapping[str, Floats],
    split: tuple[Ints, Ints],
    config: HeadConfig,
    progress: Progress | None = None,
) -> tuple[FitRun, Trained, Calibrated, Ints, Encoder]:
    """Fit readers, and put them as other heads are put.

    Args:
        data: The data set.
        encoder: Of the head.
        encoded: Its vectors of all texts, by block name.
        split: Transitions that support is made of, and others that its limits are set on; readers
            learn from both.
        config: The settings.
        progress: As `reader_fit.fit_readers` tells it.

    Returns:
        Rows in memory, weights, chances of rows by members that had not seen them with the
        calibration, those rows, and the encoder with the readers in it.
    """
    read = fit_readers(
        data,
        encoded["state"],
        parts_of(encoder),
        members=config.members,
        seed=config.seed,
        progress=progress,
    )
    reading = ReadingEncoder(encoder, Readers(read.weights), data.goals)
    texts = (data.states, data.thoughts, data.prefixes, data.goals)
    whole = {
        name: reading.beside(part, encoded[name]) for name, part in zip(BLOCKS, texts, strict=True)
    }
    blocks = _blocks(whole, data, split[0], encoder.dim, config.members)
    run = FitRun(data, whole, _inputs(whole, blocks), *split)
    calibration, chances = _calibrated(read, reading, data, encoded["state"], config.members)
    truth = data.truth(read.rows)
    known = ~np.isnan(truth)
    loss = log_loss(chances[0][known], truth[known])
    weights = _network(blocks, encoder.dim, config.members, len(data.goals))
    weights |= {f"{PREFIX}{name}": each for name, each in read.weights.items()}
    return run, Trained(weights, [(0, loss)]), (chances, calibration), read.rows, reading


def _blocks(
    whole: Mapping[str, Floats], data: Dataset, rows: Ints, width: int, members: int
) -> dict[str, Block]:
    """Blocks: the encoder's columns as ever; of a state the log-odds too, of a goal which it is."""
    goals = len(data.goals)
    odds = np.arange(width, width + members * goals)
    which = odds[-1] + 1 + np.arange(goals)
    used = {"state": data.state, "thought": data.thought, "prefix": data.prefix}
    found = {}
    for name, column in used.items():
        block = fit_block(whole[name][column[rows], :width])
        seen = np.concatenate([block.seen, np.ones(len(odds) + goals, dtype=np.bool_)])
        found[name] = replace(block, seen=seen)
    found["state"] = _with(found["state"], odds)
    none = np.zeros(0, dtype=np.float32)
    touched: NDArray[np.bool_] = np.any(whole["goal"] != 0, axis=0)
    found["goal"] = _with(Block(np.zeros(0, dtype=np.int64), none, none, touched), which)
    return found


def _with(block: Block, columns: Ints) -> Block:
    """A block with more columns, taken as they are."""
    return Block(
        np.concatenate([block.columns, columns]),
        np.concatenate([block.mean, np.zeros(len(columns), dtype=np.float32)]),
        np.concatenate([block.scale, np.ones(len(columns), dtype=np.float32)]),
        block.seen,
    )


def _inputs(whole: Mapping[str, Floats], blocks: Mapping[str, Block]) -> Inputs:
    """Features of all texts; states are no goals of such a head."""
    state, thought, prefix, goal = (blocks[name].apply(whole[name]) for name in BLOCKS)
    return Inputs(blocks, state, thought, prefix, goal, np.repeat(goal[:1], len(state), axis=0))


def _network(
    blocks: Mapping[str, Block], width: int, members: int, goals: int
) -> dict[str, Floats]:
    """Weights of a `network.LinearCritic` that says the log-odds of each member."""
    judged = sum(len(blocks[name].columns) for name in ("state", "thought", "prefix"))
    begin = int(np.flatnonzero(blocks["state"].columns >= width)[0])
    phi = np.zeros((members, judged, goals + 1), dtype=np.float32)
    psi = np.zeros((members, goals, goals + 1), dtype=np.float32)
    for member in range(members):
        own = begin + member * goals + np.arange(goals)
        phi[member, own, np.arange(goals)] = math.sqrt(goals)
        psi[member, np.arange(goals), np.arange(goals)] = 1
    still = np.zeros((members, 1, goals + 1), dtype=np.float32)
    twins = {
        "phi.weights.0": phi,
        "phi.biases.0": still,
        "psi.weights.0": psi,
        "psi.biases.0": still,
    }
    return {name: np.repeat(each, 2, axis=0) for name, each in twins.items()}


def _calibrated(
    read: Read, reading: ReadingEncoder, data: Dataset, encoded: Floats, members: int
) -> tuple[Calibration, tuple[Floats, Floats, Floats]]:
    """The calibration, and chances with intervals of the rows that were asked about.

    Log-odds are chances already. Members each leave out one fold: their spread is that of a
    jackknife, which is too small by a known factor.
    """
    widening = (members - 1) / math.sqrt(members)
    states = data.state[read.rows]
    odds = reading.readers.odds([data.states[each] for each in states], encoded[states])
    spread = odds.reshape(len(odds), members, -1).std(axis=1, ddof=1)
    reach = np.float32(_Z90 * widening) * spread
    ends = (sigmoid(read.odds - reach), sigmoid(read.odds + reach))
    return Calibration("none", widening=widening), (sigmoid(read.odds), *ends)
