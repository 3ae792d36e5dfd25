"""What a training leaves in its folder besides the model: recipe, metrics, and how tokens read."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError, needs
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.recipe import Recipe, as_plain, recipe_from

with needs("fine-tuning", INSTALL):
    from transformers import AutoTokenizer

RECIPE = "recipe.json"
LOG = "log.jsonl"
CHECKPOINTS = "checkpoints"


def save_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the recipe down before the first update.

    Raises:
        ConfigError: If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECIPE).write_text(json.dumps(as_plain(recipe), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {folder / RECIPE}: {error.strerror}") from error


def read_recipe(folder: str | os.PathLike[str]) -> Recipe:
    """The recipe of a training, finished or not.

    Raises:
        ConfigError: If the folder holds none.
        DataError: If it is damaged.
    """
    file = Path(folder) / RECIPE
    if not file.is_file():
        raise ConfigError(f"{folder} holds no training: it has no {RECIPE}")
    try:
        return recipe_from(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{file} is damaged: {error}") from error


def read_log(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Metrics of every update, by TRL's names and ours, in order.

    Raises:
        ConfigError: If there is no log.
    """
    file = Path(folder) / LOG
    if not file.is_file():
        raise ConfigError(f"{folder} holds no training: it has no {LOG}")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if "reward" in row]


def decoder(folder: str | os.PathLike[str]) -> Callable[[int], str]:
    """The text of single tokens, by the tokenizer of the model or of its last checkpoint.

    Raises:
        ConfigError: If there is none yet.
    """
    place = Path(folder)
    found = [place, *sorted((place / CHECKPOINTS).glob("checkpoint-*"))]
    with_tokens = [one for one in found if (one / "tokenizer_config.json").is_file()]
    if not with_tokens:
        raise ConfigError(f"{folder} has no tokenizer yet: it is written with the first checkpoint")
    tokenizer: Any = AutoTokenizer.from_pretrained(with_tokens[0])

    def decode(token: int) -> str:
        text: str = tokenizer.decode([token], skip_special_tokens=False)
        return text

    return decode
