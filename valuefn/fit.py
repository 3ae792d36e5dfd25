"""From traces to a head: split, encode, train, calibrate, measure, and keep the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder
from forethought.agent.types import Trace
from forethought.valuefn.calibrate import crossed, fit_calibration
from forethought.valuefn.calibration import Calibration
from forethought.valuefn.checkpoint import Checkpoint
from forethought.valuefn.checks import (
    check_split,
    encode_texts,
    never_reached,
)
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.continuing import (
    check_start,
    load_start,
    load_weights,
    unseen,
    weights_digest,
    with_goals,
)
from forethought.valuefn.data import (
    Dataset,
    Ints,
    build_dataset,
    outcome_counts,
    permute_outcomes,
    split_groups,
)
from forethought.valuefn.encoders import make_encoder, parts_of
from forethought.valuefn.head import Head, Reference
from forethought.valuefn.inference import Critic
from forethought.valuefn.lineage import Origin, data_digest
from forethought.valuefn.machine import Machine, check_machine
from forethought.valuefn.measures import auc, brier_score, calibration_error, interval_coverage
from forethought.valuefn.memory_source import Inputs, MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.ridge import Parts, ridge_start
from forethought.valuefn.support import REFERENCES, Support, fit_support, projection, sample_rows
from forethought.valuefn.train import Progress, Trained, Trainer
from forethought.valuefn.views import view_of

Floats = NDArray[np.float32]
Answered = tuple[Floats, Floats, Floats]
"""Chances with both ends of their intervals, shape `(rows, G)` each."""
Calibrated = tuple[Answered, Calibration]
HELD_OUT = 0.2
"""Share of the groups of episodes held out for early stopping and calibration."""


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


def fit_head(
    traces: Sequence[Trace],
    config: HeadConfig,
    *,
    encoder: Encoder | None = None,
    start: Head | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    compiled: bool = False,
    progress: Progress | None = None,
) -> Head:
    """Train and calibrate a head.

    Args:
        traces: Finished episodes; at least twenty, of which one in five is held out by group.
        config: The settings.
        encoder: Built from the settings when left out.
        start: A head to go on from, of the same encoder and sizes.
        checkpoint: Folder where training is written down as it goes, and gone on from where it
            was. It is left there; delete it once the head is kept.
        device: Where networks are trained and texts encoded, as torch names it: `cpu`, `cuda`.
        threads: Threads that train. More are faster where cores are idle, and much slower where
            they are not; another number of them may change the last bits of a head.
        compiled: Whether torch compiles the loss first. A wait of up to a minute that pays in long
            trainings; changes the last bits too.
        progress: Told the update, the most updates and the held-out loss.

    Raises:
        DataError: If there are too few episodes, one outcome only, or embeddings with NaN.
        HeadError: If the start has another encoder, or the checkpoint is of another run.
        ConfigError: If the start has other sizes, the device is not there, `threads` is below 1, or
            torch cannot compile here.
        RunError: If training diverges.
    """
    machine = Machine(device, threads, compiled)
    check_machine(machine)
    encoder = encoder or make_encoder(config.encoder, device)
    data = build_dataset(traces)
    if start is not None:
        check_start(start, config, encoder)
        data = with_goals(data, start.goals)
    data = view_of(data, traces, config.view)
    if config.permute:
        data = permute_outcomes(data, config.seed)
    train, held = split_groups(data, HELD_OUT, config.seed)
    rows, held_rows = data.of_episodes(train), data.of_episodes(held)
    check_split(data, train, held, config.focus)
    encoded = encode_texts(encoder, data)
    blocks = start.blocks if start is not None else make_blocks(encoded, data, rows)
    run = FitRun(data, encoded, make_inputs(encoded, blocks), rows, held_rows, parts_of(encoder))
    trained = _train(run, config, start, checkpoint, machine, progress)
    scored = calibrated(run, trained)
    if config.refit:
        trained = _refit(run, trained, config, start, checkpoint, machine, progress)
    about: dict[str, Any] = {
        "data": {
            "episodes": len(data.episodes),
            "transitions": len(data),
            "worlds": sorted({trace.episode.env for trace in traces}),
            "groups": len(np.unique(data.groups)),
            "outcomes": outcome_counts(data),
            "never_reached": never_reached(data),
        }
    }
    if start is not None:
        about["start"] = {
            "goals_added": len(data.goals) - len(start.goals),
            "unseen": unseen(encoded, blocks),
        }
    origin = Origin(parent="" if start is None else start.id, data=data_digest(data))
    return finished(run, trained, scored, config, encoder, about, origin)


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
    """
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
        {**about, **_metrics(run, trained, *scored)},
        origin,
    )


def _train(
    run: FitRun,
    config: HeadConfig,
    start: Head | None,
    checkpoint: Path | None,
    machine: Machine,
    progress: Progress | None,
) -> Trained:
    """Train until the held-out loss stops falling."""
    trainer = _trainer(run, run.rows, config, start, machine)
    saved = _saved(trainer, checkpoint, "training", start)
    return trainer.run(progress, checkpoint=saved, look_first=start is not None or config.ridge > 0)


def _refit(
    run: FitRun,
    trained: Trained,
    config: HeadConfig,
    start: Head | None,
    checkpoint: Path | None,
    machine: Machine,
    progress: Progress | None,
) -> Trained:
    """Train once more on all episodes, for as many updates as were best."""
    everything = np.sort(np.concatenate([run.rows, run.held]))
    trainer = _trainer(run, everything, config, start, machine)
    saved = _saved(trainer, checkpoint, "refit", start)
    again = trainer.run(progress, checkpoint=saved, updates=trained.best[0])
    return Trained(again.weights, trained.history)


def _trainer(
    run: FitRun, rows: Ints, config: HeadConfig, start: Head | None, machine: Machine
) -> Trainer:
    source = MemorySource(
        run.data,
        run.inputs,
        rows,
        run.held,
        config,
        next_judged=OBJECTIVES[config.objective].next_judged,
        device=machine.device,
    )
    trainer = Trainer(source, config, machine=machine)
    if start is not None:
        load_start(trainer.networks, start)
    elif config.ridge:
        settings = config.model_dump(include={"ridge", "gamma", "members", "hidden", "seed"})
        weights = ridge_start(run.inputs, run.data, rows, run.parts, **settings)
        load_weights(trainer.networks, weights)
    return trainer


def _saved(
    trainer: Trainer, folder: Path | None, name: str, start: Head | None
) -> Checkpoint | None:
    """The checkpoint of one training, tied to data, settings and start."""
    if folder is None:
        return None
    ties = {
        "data": trainer.source.digest(),
        "settings": trainer.config.digest(),
        "start": weights_digest(start),
    }
    return Checkpoint(folder / f"{name}.safetensors", ties)


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
    run: FitRun, trained: Trained, answers: Answered, calibration: Calibration
) -> dict[str, Any]:
    """What held-out episodes showed, each by a calibration that did not see it; and the curve."""
    truth = run.data.truth(run.held)
    chance, low, high = answers
    known = ~np.isnan(truth)
    update, loss = trained.best
    return {
        "held_out": {
            "episodes": len(np.unique(run.data.episode[run.held])),
            "loss": loss,
            "auc": auc(chance[known], np.round(truth[known])),
            "brier": brier_score(chance[known], truth[known]),
            "calibration_error": calibration_error(chance[known], truth[known]),
            "interval_coverage": interval_coverage(
                chance, low, high, truth, run.data.episode[run.held]
            ),
            "calibration": calibration.method,
            "best_update": update,
        },
        "curve": [list(point) for point in trained.history],
    }
