"""From shards to a head, in memory that does not grow with the data.

The shards are read once for a sample (`shard_survey`), then drawn from (`shard_source`) until every
transition was drawn about once; what comes after training is the same as for traces in memory
(`fit`), on the sample.
"""

import math
import os

from forethought.agent.protocols import Encoder
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.fit import HELD_OUT, FitRun, finish
from forethought.valuefn.head import Head
from forethought.valuefn.memory_source import MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.shard_folder import ShardFolder
from forethought.valuefn.shard_source import WINDOW, ShardSource
from forethought.valuefn.shard_survey import SAMPLE, survey
from forethought.valuefn.shard_window import encode_whole
from forethought.valuefn.train import EVALUATE_EVERY, PATIENCE, Progress, Trainer

LOOKS = 50
"""Looks at the held-out rows at most."""


def fit_shards(
    folder: str | os.PathLike[str],
    config: HeadConfig,
    *,
    encoder: Encoder | None = None,
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
        progress: Told the update, the most updates and the held-out loss.
        window: Bytes of features held in memory at a time.
        sample: Training rows, and held-out rows, kept for what needs rows at hand.

    Raises:
        DataError: If the folder is no folder of whole shards, or holds too few episodes or one
            outcome only; or if embeddings hold NaN.
    """
    encoder = encoder or make_encoder(config.encoder)
    shards = ShardFolder(folder, permute=config.permute, seed=config.seed)
    found = survey(shards, HELD_OUT, config.seed, sample=sample)
    data = found.data
    encoded = {
        name: encode_whole(encoder, texts, name)
        for name, texts in (
            ("state", data.states),
            ("thought", data.thoughts),
            ("prefix", data.prefixes),
            ("goal", data.goals),
        )
    }
    inputs = make_inputs(encoded, make_blocks(encoded, data, found.rows))
    held_rows = MemorySource(data, inputs, found.rows, found.held, config)
    source = ShardSource(
        shards,
        held_rows,
        inputs,
        encoder,
        config,
        held_out=HELD_OUT,
        window=window,
        next_judged=OBJECTIVES[config.objective].next_judged,
    )
    one_pass = math.ceil(found.train_transitions / config.batch)
    updates = max(config.steps, one_pass)
    every = max(EVALUATE_EVERY, updates // LOOKS)
    trained = Trainer(
        source,
        config.model_copy(update={"steps": updates}),
        every=every,
        patience=max(PATIENCE, math.ceil(one_pass / every)),
    ).run(progress)
    about = {
        "episodes": found.train_episodes + found.held_episodes,
        "transitions": shards.manifest.transitions,
        "worlds": list(shards.manifest.worlds),
        "shards": len(shards),
        "digest": shards.manifest.digest,
        "updates": trained.history[-1][0],
    }
    run = FitRun(data, encoded, inputs, found.rows, found.held)
    return finish(run, trained, config, encoder, about)
