"""From traces to a head: split, encode, train, calibrate, measure, and keep the evidence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError
from forethought.agent.protocols import Encoder
from forethought.agent.types import Trace
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
    Ints,
    build_dataset,
    outcome_counts,
    permute_outcomes,
    split_groups,
)
from forethought.valuefn.encoders import make_encoder, parts_of
from forethought.valuefn.finish import FitRun, calibrated, finished
from forethought.valuefn.head import Head
from forethought.valuefn.lineage import Origin, data_digest
from forethought.valuefn.machine import Machine, check_machine
from forethought.valuefn.memory_source import MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.reading import fit_reading
from forethought.valuefn.ridge import ridge_start
from forethought.valuefn.train import Progress, Trained, Trainer
from forethought.valuefn.views import view_of

Floats = NDArray[np.float32]
HELD_OUT = 0.2
"""Share of the groups of episodes held out for early stopping and calibration."""


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
    if start is not None and config.readers:
        raise ConfigError(
            "readers are fitted anew, all at once; train without a head to start from"
        )
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
    asked = None
    if config.readers:
        split = (rows, held_rows)
        run, trained, scored, asked, encoder = fit_reading(
            data, encoder, encoded, split, config, progress
        )
    else:
        inputs = make_inputs(encoded, blocks)
        run = FitRun(data, encoded, inputs, rows, held_rows, parts_of(encoder))
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
    return finished(run, trained, scored, config, encoder, about, origin, asked)


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
