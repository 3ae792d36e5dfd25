"""The model card of a head: what it was trained on, what held-out episodes showed, its limits.

The front matter is what the Hugging Face hub reads; every value in it is written as JSON, which
YAML includes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.valuefn.config import HeadConfig
from forethought.valuefn.lineage import Origin

_USE = """\
## Intended use

For agents that choose between thoughts: load it with
`forethought.valuefn.critic.load_critic(FOLDER)` and give it as `critic=`. It is no judge of people,
and a chance is no decision: what is done with it is the application's to answer for.

## Limits

- Chances hold for agents and opponents like those in the training traces; elsewhere look at
  `supported`, at `forethought drift` on new traces, and at `forethought eval value` on traces of
  your own.
- The head learned from what was tried. It says nothing sound about thoughts nobody ever had.
- The interval covers what the ensemble disagrees on, widened on held-out episodes. It is not a
  guarantee for one case.
- The head keeps texts of the training traces (`evidence.jsonl`) to explain itself. Publish it only
  where those may be published.
"""
_NAMES = {
    "auc": "AUC",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "loss": "log loss",
}
"""Held-out figures that go into the front matter."""


def model_card(
    config: HeadConfig,
    goals: Sequence[str],
    metrics: Mapping[str, Any],
    *,
    name: str = "",
    origin: Origin | None = None,
    licence: str = "",
) -> str:
    """Markdown for the head's README, with YAML front matter.

    Args:
        config: Training settings.
        goals: Outcome sentences.
        metrics: What held-out episodes showed; numbers are rounded to four digits.
        name: The head's id.
        origin: When and from what it was made.
        licence: As the hub names licences; empty for none stated.
    """
    data = metrics.get("data", {})
    worlds = ", ".join(data.get("worlds", [])) or "unnamed worlds"
    held = metrics.get("held_out", {})
    control = "\n**This is a control: it was trained on permuted outcomes.**\n" * config.permute
    rows = "\n".join(f"| {name} | {_show(value)} |" for name, value in held.items())
    origin = origin or Origin()
    terms = f"`{licence}`" if licence else "None is stated: ask whoever published the head."
    return f"""\
---
{_front_matter(worlds, held, name, licence)}---

# Value head

Says how likely a goal is to be reached before an episode ends, after a thought in a state.
{control}
## Data

{data.get("episodes", "?")} episodes, {data.get("transitions", "?")} thoughts, from
{worlds}. Digest of the data: {origin.data or "unknown"}.

## Training

`{config.objective}` on `{config.encoder}` features, {config.members} members, expectile
{config.expectile:g}, gamma {config.gamma:g}, seed {config.seed}. Head `{name or "?"}`, made
{origin.created or "at an unknown time"} with forethought {origin.version or "of unknown version"},
{f"continued from head `{origin.parent}`" if origin.parent else "trained from nothing"}.

## Held-out episodes

These episodes also chose the stopping step and the calibration; use `forethought eval value` on
other traces for figures that nothing was chosen on.

| measure | value |
|---|---|
{rows}

## Outcome sentences

{chr(10).join(f"- {goal}" for goal in goals)}

{_USE}
## Licence

{terms}
"""


def _front_matter(worlds: str, held: Mapping[str, Any], name: str, licence: str) -> str:
    """YAML lines: what the hub knows of a model, and the held-out figures as its model index."""
    figures = [
        {"type": key, "name": said, "value": held[key]}
        for key, said in _NAMES.items()
        if isinstance(held.get(key), float) and math.isfinite(held[key])
    ]
    fields: dict[str, Any] = {
        "library_name": "forethought",
        "tags": ["value-function", "offline-rl", "goal-conditioned"],
    }
    if licence:
        fields["license"] = licence
    if figures:
        result = {
            "task": {"type": "value-estimation", "name": "chance that a goal is reached"},
            "dataset": {"type": "traces", "name": f"held-out episodes of {worlds}"},
            "metrics": figures,
        }
        fields["model-index"] = [{"name": name or "value-head", "results": [result]}]
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
