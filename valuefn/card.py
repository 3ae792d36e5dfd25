"""The model card of a head: what it was trained on, what held-out episodes showed, its limits."""

from collections.abc import Mapping, Sequence
from typing import Any

from forethought.valuefn.config import HeadConfig

_LIMITS = """\
## Limits

- Chances hold for agents and opponents like those in the training traces; elsewhere look at
  `supported`, and at `forethought eval value` on traces of your own.
- The head learned from what was tried. It says nothing sound about thoughts nobody ever had.
- The interval covers what the ensemble disagrees on, widened on held-out episodes. It is not a
  guarantee for one case.
"""


def model_card(config: HeadConfig, goals: Sequence[str], metrics: Mapping[str, Any]) -> str:
    """Markdown for the head's README.

    Args:
        config: Training settings.
        goals: Outcome sentences.
        metrics: What held-out episodes showed; numbers are rounded to four digits.
    """
    data = metrics.get("data", {})
    held = metrics.get("held_out", {})
    control = "\n**This is a control: it was trained on permuted outcomes.**\n" * config.permute
    rows = "\n".join(f"| {name} | {_show(value)} |" for name, value in held.items())
    return f"""\
---
library_name: forethought
tags: [value-function, offline-rl, goal-conditioned]
---

# Value head

Says how likely a goal is to be reached before an episode ends, after a thought in a state.
{control}
## Data

{data.get("episodes", "?")} episodes, {data.get("transitions", "?")} thoughts, from
{", ".join(data.get("worlds", [])) or "unnamed worlds"}.

## Training

`{config.objective}` on `{config.encoder}` features, {config.members} members, expectile
{config.expectile:g}, gamma {config.gamma:g}, seed {config.seed}.

## Held-out episodes

These episodes also chose the stopping step and the calibration; use `forethought eval value` on
other traces for figures that nothing was chosen on.

| measure | value |
|---|---|
{rows}

## Outcome sentences

{chr(10).join(f"- {goal}" for goal in goals)}

{_LIMITS}"""


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
