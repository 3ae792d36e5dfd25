"""From traces to a head: split, encode, train, calibrate, measure, and keep the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError
from forethought.agent.protocols import Encoder
from forethought.agent.types import Trace
from forethought.valuefn.calibrate import fit_calibration
from forethought.valuefn.calibration import Calibration
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset, Ints, build_dataset, permute_outcomes, split_groups
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.head import Head, Reference
from forethought.valuefn.inference import Critic
from forethought.valuefn.measures import auc, brier_score, calibration_error, interval_coverage
from forethought.valuefn.memory_source import Inputs, MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.support import REFERENCES, Support, fit_support, projection, sample_rows
from forethought.valuefn.train import Progress, Trained, Trainer

Floats = NDArray[np.float32]
HELD_OUT = 0.2
"""Share of the groups of episodes held out for early stopping and calibration."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What the later stages need of the earlier ones."""

    data: Dataset
    encoded: Mapping[str, Floats]
    inputs: Inputs
    rows: Ints
    held: Ints


def fit_head(
    traces: Sequence[Trace],
    config: HeadConfig,
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Head:
    """Train and calibrate a head.

    Args:
        traces: Finished episodes; at least twenty, of which one in five is held out by group.
        config: The settings.
        encoder: Built from the settings when left out.
        progress: Told the update, the most updates and the held-out loss.

    Raises:
        DataError: If there are too few episodes, one outcome only, or embeddings with NaN.
    """
    encoder = encoder or make_encoder(config.encoder)
    data = build_dataset(traces)
    if config.permute:
        data = permute_outcomes(data, config.seed)
    train, held = split_groups(data, HELD_OUT, config.seed)
    rows, held_rows = data.of_episodes(train), data.of_episodes(held)
    encoded = {
        "state": encoder.encode(data.states),
        "thought": encoder.encode(data.thoughts),
        "prefix": encoder.encode(data.prefixes),
        "goal": encoder.encode(data.goals),
    }
    for name, vectors in encoded.items():
        if not np.isfinite(vectors).all():
            raise DataError(f"the encoder gave numbers that are not finite for some {name} texts")
    inputs = make_inputs(encoded, make_blocks(encoded, data, rows))
    run = _Run(data, encoded, inputs, rows, held_rows)
    source = MemorySource(
        data,
        inputs,
        rows,
        held_rows,
        config,
        next_judged=OBJECTIVES[config.objective].next_judged,
    )
    trained = Trainer(source, config).run(progress)
    scores = _scores(run, trained, held_rows)
    calibration = fit_calibration(
        scores, data.truth(held_rows), data.groups[data.episode[held_rows]]
    )
    support, references = _support(run, config.seed)
    worlds = sorted({trace.episode.env for trace in traces})
    return Head(
        config,
        encoder.fingerprint,
        encoder.dim,
        tuple(data.goals),
        run.inputs.blocks,
        trained.weights,
        calibration,
        support,
        references,
        _metrics(run, trained, scores, calibration, worlds),
    )


def _judged(inputs: Inputs, data: Dataset, rows: Ints) -> Floats:
    """State, thought and prefix of transitions, shape `(len(rows), D)`."""
    return np.concatenate(
        [
            inputs.state[data.state[rows]],
            inputs.thought[data.thought[rows]],
            inputs.prefix[data.prefix[rows]],
        ],
        axis=1,
    )


def _scores(run: _Run, trained: Trained, rows: Ints) -> Floats:
    """Raw scores of each member for every outcome sentence, shape `(M, len(rows), G)`."""
    critic = Critic(trained.weights)
    parts = [
        critic.scores(_judged(run.inputs, run.data, part), critic.embed(run.inputs.goal))
        for part in np.array_split(rows, max(1, len(rows) // 2048))
    ]
    return np.concatenate(parts, axis=1)


def _support(run: _Run, seed: int) -> tuple[Support, tuple[Reference, ...]]:
    """Reference points, thresholds, and the texts behind the points."""
    data, inputs = run.data, run.inputs
    kept = run.rows[sample_rows(len(run.rows), REFERENCES, seed)]
    judged = _judged(inputs, data, kept)
    matrix = projection(judged.shape[1])
    goal_matrix = projection(inputs.goal.shape[1])
    used = np.unique(data.state[run.rows])
    states = used[sample_rows(len(used), REFERENCES, seed)]
    held_states = np.unique(data.state[run.held])
    goals = np.concatenate([inputs.goal, inputs.state_goal[states]])
    columns = {"state": data.state, "thought": data.thought, "prefix": data.prefix}
    foreign = {
        name: inputs.blocks[name].foreign(run.encoded[name][column[run.held]])
        for name, column in columns.items()
    }
    foreign["goal"] = inputs.blocks["goal"].foreign(run.encoded["state"][held_states])
    held = run.held[sample_rows(len(run.held), REFERENCES, seed)]
    support = fit_support(
        judged @ matrix,
        _judged(inputs, data, held) @ matrix,
        goals @ goal_matrix,
        inputs.state_goal[held_states[:REFERENCES]] @ goal_matrix,
        foreign,
    )
    references = tuple(
        Reference(
            data.episodes[data.episode[row]],
            data.states[data.state[row]],
            data.thoughts[data.thought[row]],
            data.prefixes[data.prefix[row]],
            tuple(np.flatnonzero(data.reached[data.episode[row]] == 1).tolist()),
        )
        for row in kept
    )
    return support, references


def _metrics(
    run: _Run, trained: Trained, scores: Floats, calibration: Calibration, worlds: list[str]
) -> dict[str, Any]:
    """What held-out episodes showed, and the learning curve."""
    truth = run.data.truth(run.held)
    chance, low, high = calibration.interval(scores)
    known = ~np.isnan(truth)
    update, loss = trained.best
    return {
        "data": {
            "episodes": len(run.data.episodes),
            "transitions": len(run.data),
            "worlds": worlds,
        },
        "held_out": {
            "episodes": len(np.unique(run.data.episode[run.held])),
            "loss": loss,
            "auc": auc(chance[known], truth[known]),
            "brier": brier_score(chance[known], truth[known]),
            "calibration_error": calibration_error(chance[known], truth[known]),
            "interval_coverage": interval_coverage(chance, low, high, truth),
            "calibration": calibration.method,
            "best_update": update,
        },
        "curve": [list(point) for point in trained.history],
    }
