"""The recipes, as rows. A new variant is a new row; nothing else changes.

Departures from the papers:

1. `icrl` runs its stages in one training, so that optimiser, warm-up and reference survive a change
   of stage (the released code starts a fresh process for each), and scores the reply alone. The
   entropy bonus of 0.001 in its scripts is left out.
2. `tocorl` is ours: nothing below the abstract is published. Treating the forced prefix as if it
   had been sampled is a deliberate bias; the other choices are `loss.forced`.
3. `decision-sampling` follows no published settings, of which there are none: Dr. GRPO without a
   KL penalty, because both a per-rollout mean and a KL penalty weigh the two spans by their length.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from forethought.valuefn.rl.recipe import (
    Loss,
    Optimiser,
    Prefixes,
    Recipe,
    Sampling,
    Stage,
    check_recipe,
)

_GRPO = Recipe("grpo")
_ROWS = (
    _GRPO,
    replace(_GRPO, name="dr_grpo", loss=Loss(reduce="constant", scale="none")),
    replace(_GRPO, name="dapo", loss=Loss(reduce="token", clip_high=0.28), redraw=3),
    replace(_GRPO, name="gspo", loss=Loss(ratio="sequence", clip_low=3e-4, clip_high=4e-4)),
    Recipe(
        "icrl",
        prompts=64,
        steps=300,
        optimiser=Optimiser(learning_rate=1e-6, warmup=0.1),
        loss=Loss(reduce="token", beta=0.001),
        rewards={"exact": 0.8, "format": 0.2},
        success="exact",
        sampling=Sampling(turns=7, turn_tokens=512, completion_tokens=2048),
        stages=(Stage(3, steps=100), Stage(2, steps=100), Stage(0)),
    ),
    Recipe(
        "tocorl",
        steps=150,
        optimiser=Optimiser(learning_rate=1e-4),
        loss=Loss(forced="as-sampled"),
        prefixes=Prefixes(share=0.25),
    ),
    Recipe(
        "decision-sampling",
        loss=Loss(reduce="constant", scale="none"),
        sampling=Sampling(turns=4),
        decides=True,
        attribution=10,
    ),
)
RECIPES: Mapping[str, Recipe] = MappingProxyType({row.name: check_recipe(row) for row in _ROWS})
"""Recipes by name."""
