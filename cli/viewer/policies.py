"""What the viewer shows of a fine-tuned policy: its log by metric, and rollouts token by token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError, MissingExtra

LOG = "log.jsonl"
RECIPE = "recipe.json"
ROLLOUTS = "rollouts.jsonl"
_LATEST = 16
"""Rollouts shown, of the last batch that was written down."""
_WANTED = (
    *("reward", "free/reward", "free/success", "prefixed/success", "entropy", "kl", "turns"),
    *("completions/mean_length", "frac_reward_zero_std", "prefixed/logprob", "demonstrations"),
)
_PARTS = ("tokens/", "gradient/", "gradient_per_token/", "rewards/")
"""Beginnings of further metrics."""


def is_policy(folder: Path) -> bool:
    """Whether a training left its log there."""
    return (folder / LOG).is_file() and (folder / RECIPE).is_file()


def policy_of(folder: Path) -> dict[str, Any]:
    """A policy's recipe, metrics as lists of `[update, value]`, and its latest rollouts.

    Raises:
        DataError: If a file cannot be read.
    """
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"the training in {folder} cannot be read: {error}") from error
    series: dict[str, list[list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if (name in _WANTED or name.startswith(_PARTS)) and isinstance(value, int | float):
                series.setdefault(name, []).append([row["step"], round(value, 6)])
    moving = {
        name: points
        for name, points in series.items()
        if name in _WANTED[:3] or len({value for _, value in points}) > 1
    }
    return {"recipe": recipe, "series": moving, "rollouts": _rollouts(folder)}


def _rollouts(folder: Path) -> list[dict[str, Any]]:
    """The latest rollouts, none where they were not kept or cannot be put into words."""
    if not (folder / ROLLOUTS).is_file():
        return []
    from forethought.valuefn.rl.store import read_rollouts

    rows = read_rollouts(folder)
    try:
        from forethought.valuefn.rl.folder import decoder

        decode = decoder(folder)
    except (ConfigError, MissingExtra):  # no tokenizer yet, or nothing here that could read it
        return []
    return [_told(row, decode) for row in rows if row.step == rows[-1].step][:_LATEST]


def _told(row: Any, decode: Callable[[int], str]) -> dict[str, Any]:
    one = row.rollout
    places = zip(one.completion_ids, one.kinds, one.spans, row.trains, strict=True)
    return {
        "update": row.step,
        "task": one.task,
        "prefix": one.prefix,
        "finish": one.finish,
        "rewards": dict(one.rewards),
        "prompt": "".join(map(decode, one.prompt_ids)),
        "tokens": [
            [decode(token), kind.name.lower(), span.name.lower(), trains]
            for token, kind, span, trains in places
        ],
    }
