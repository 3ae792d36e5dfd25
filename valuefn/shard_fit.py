"""From shards to a head, in memory that does not grow with the data.

The shards are read once for a sample (`shard_survey`), then drawn from (`shard_source`) until every
transition was drawn about once; what comes after training is the same as for traces in memory
(`fit`), on the sample.
"""

import math
import os
from pathlib import Path

from forethought.agent.errors import ConfigError
from forethought.agent.protocols import Encoder
from forethought.valuefn.checkpoint import Checkpoint
from forethought.valuefn.checks import encode_texts
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import outcome_counts
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.finish import FitRun, calibrated, finished
from forethought.valuefn.fit import HELD_OUT
from forethought.valuefn.head import Head
from forethought.valuefn.lineage import Origin
from forethought.valuefn.machine import Machine, check_machine
from forethought.valuefn.memory_source import MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.shard_folder import ShardFolder
from forethought.valuefn.shard_source import WINDOW, ShardSource
from forethought.valuefn.shard_survey import SAMPLE, survey
from forethought.valuefn.train import EVALUATE_EVERY, PATIENCE, Progress, Trainer

LOOKS = 50
"""Looks at the held-out rows at most."""


def fit_shards(
    folder: str | os.PathLike[str],
    config: HeadConfig,
    *,
    encoder: Encoder | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    compiled: bool = False,
    progress: Progress | None = None,
    window: int = WINDOW,
    sample: int = SAMPLE,
) -> Head:
    """Train and calibrate a head on a folder of shards.

    The updates are those of the settings, or as many more as one pass over the data takes; training
    never stops before the first pass is over.

    Args:
        folder: Where `shards.write_shards` wrote.
        config: The settings.
        encoder: Built from the settings when left out.
        checkpoint: Folder where training is written down as it goes, and gone on from where it
            was. It is left there; delete it once the head is kept.
        device: Where the networks are trained, as torch names it.
        threads: Threads that train, as in `fit.fit_head`.
        compiled: Whether torch compiles the loss first, as in `fit.fit_head`.
        progress: Told the update, the most updates and the held-out loss.
        window: Bytes of features held in memory at a time.
        sample: Training rows, and held-out rows, kept for what needs rows at hand.

    Raises:
        DataError: If the folder is no folder of whole shards, or holds too few episodes or one
            outcome only; or if embeddings hold NaN.
        ConfigError: If the settings ask for a refit or a ridge, which need all episodes in memory,
            the device is not there, or torch cannot compile here.
        HeadError: If the checkpoint is of another run.
        RunError: If training diverges.
    """
    machine = Machine(device, threads, compiled)
    check_machine(machine)
    if config.refit:
        raise ConfigError("refit needs all episodes in memory; train on traces, or without refit")
    if config.ridge:
        raise ConfigError("ridge needs all episodes in memory; train on traces, or with ridge=0")
    if config.readers:
        raise ConfigError("readers need all episodes in memory; train on traces, or another row")
    encoder = encoder or make_encoder(config.encoder)
    shards = ShardFolder(folder, permute=config.permute, seed=config.seed)
    found = survey(shards, HELD_OUT, config.seed, focus=config.focus, sample=sample)
    data = found.data
    encoded = encode_texts(encoder, data)
    inputs = make_inputs(encoded, make_blocks(encoded, data, found.rows))
    held_rows = MemorySource(data, inputs, found.rows, found.held, config, device=device)
    source = ShardSource(
        shards,
        held_rows,
        inputs,
        encoder,
        config,
        held_out=HELD_OUT,
        window=window,
        next_judged=OBJECTIVES[config.objective].next_judged,
        device=device,
    )
    one_pass = math.ceil(found.train_transitions / config.batch)
    updates = max(config.steps, one_pass)
    every = max(EVALUATE_EVERY, updates // LOOKS)
    trainer = Trainer(
        source,
        config.model_copy(update={"steps": updates}),
        machine=machine,
        every=every,
        patience=max(PATIENCE, math.ceil(one_pass / every)),
    )
    saved = None
    if checkpoint is not None:
        ties = {"data": source.digest(), "settings": trainer.config.digest()}
        saved = Checkpoint(checkpoint / "training.safetensors", ties)
    trained = trainer.run(progress, checkpoint=saved)
    about = {
        "data": {
            "episodes": found.train_episodes + found.held_episodes,
            "transitions": shards.manifest.transitions,
            "worlds": list(shards.manifest.worlds),
            "outcomes": outcome_counts(data),  # of the sample
            "never_reached": found.never_reached,
            "shards": len(shards),
            "digest": shards.manifest.digest,
            "updates": trained.history[-1][0],
        }
    }
    run = FitRun(data, encoded, inputs, found.rows, found.held)
    origin = Origin(data=shards.manifest.digest)
    return finished(run, trained, calibrated(run, trained), config, encoder, about, origin)
