"""What comes after training: calibration, support, evidence, figures, and with them the head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder
from forethought.valuefn.calibrate import crossed, fit_calibration
from forethought.valuefn.calibration import Calibration
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset, Ints
from forethought.valuefn.head import Head, Reference
from forethought.valuefn.inference import Critic
from forethought.valuefn.lineage import Origin
from forethought.valuefn.measures import auc, brier_score, calibration_error, interval_coverage
from forethought.valuefn.memory_source import Inputs
from forethought.valuefn.ridge import Parts
from forethought.valuefn.support import REFERENCES, Support, fit_support, projection, sample_rows
from forethought.valuefn.train import Trained

Floats = NDArray[np.float32]
Answered = tuple[Floats, Floats, Floats]
"""Chances with both ends of their intervals, shape `(rows, G)` each."""
Calibrated = tuple[Answered, Calibration]


@dataclass(frozen=True, slots=True)
class FitRun:
    """Rows in memory, all or a sample: what comes after training is fitted on them."""

    data: Dataset
    encoded: Mapping[str, Floats]
    inputs: Inputs
    rows: Ints
    held: Ints
    parts: Parts = ()
    """The encoders side by side in an encoding."""


def calibrated(run: FitRun, trained: Trained) -> Calibrated:
    """What held-out rows are told by maps that did not see them, and the map fitted on them all."""
    data, held = run.data, run.held
    scores = _scores(run, trained, held)  # (M, held, G)
    truth, groups = data.truth(held), data.groups[data.episode[held]]
    return crossed(scores, truth, groups), fit_calibration(scores, truth, groups)


def finished(
    run: FitRun,
    trained: Trained,
    scored: Calibrated,
    config: HeadConfig,
    encoder: Encoder,
    about: Mapping[str, Any],
    origin: Origin,
    asked: Ints | None = None,
) -> Head:
    """A head of trained weights, with support, evidence and what held-out rows showed.

    Args:
        run: Rows in memory.
        trained: What training gave.
        scored: Of `calibrated`.
        config: The settings.
        encoder: Of the texts.
        about: What the head was trained on, for its metrics.
        origin: Where it comes from.
        asked: Rows that `scored` is about; those held out when left out.
    """
    judged_on = run.held if asked is None else asked
    support, references = _support(run, config.seed)
    return Head(
        config,
        encoder.fingerprint,
        encoder.dim,
        tuple(run.data.goals),
        run.inputs.blocks,
        trained.weights,
        scored[1],
        support,
        references,
        {**about, **_metrics(run.data, judged_on, trained, *scored)},
        origin,
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


def _scores(run: FitRun, trained: Trained, rows: Ints) -> Floats:
    """Raw scores of each member for every outcome sentence, shape `(M, len(rows), G)`."""
    critic = Critic(trained.weights)
    parts = [
        critic.scores(_judged(run.inputs, run.data, part), critic.embed(run.inputs.goal))
        for part in np.array_split(rows, max(1, len(rows) // 2048))
    ]
    return np.concatenate(parts, axis=1)


def _support(run: FitRun, seed: int) -> tuple[Support, tuple[Reference, ...]]:
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
    data: Dataset, rows: Ints, trained: Trained, answers: Answered, calibration: Calibration
) -> dict[str, Any]:
    """What held-out episodes showed, each by a calibration that did not see it; and the curve."""
    truth = data.truth(rows)
    chance, low, high = answers
    known = ~np.isnan(truth)
    update, loss = trained.best
    return {
        "held_out": {
            "episodes": len(np.unique(data.episode[rows])),
            "loss": loss,
            "auc": auc(chance[known], np.round(truth[known])),
            "brier": brier_score(chance[known], truth[known]),
            "calibration_error": calibration_error(chance[known], truth[known]),
            "interval_coverage": interval_coverage(chance, low, high, truth, data.episode[rows]),
            "calibration": calibration.method,
            "best_update": update,
        },
        "curve": [list(point) for point in trained.history],
    }
