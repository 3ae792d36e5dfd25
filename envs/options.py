"""What worlds share in reading what they are given: numbers among options, folders of data."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from forethought.agent.errors import ConfigError

Number = TypeVar("Number", int, float)
PLACE = "FORETHOUGHT_DATA"
"""Environment variable that names the folder of data sets which the package may not carry."""


def read_number(
    options: Mapping[str, Any], name: str, kind: Callable[[Any], Number], default: Number
) -> Number:
    """An option that is a number, made by `kind`: int or float.

    Raises:
        ConfigError: If it is none.
    """
    value = options.get(name, default)
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{name} must be a number, not {value!r}") from None


def data_folder(folder: str, what: str, *files: str) -> Path:
    """Where a data set lies that is not part of the package.

    Args:
        folder: Its name under the folder that `FORETHOUGHT_DATA` names.
        what: What to call it in a message.
        files: What it must hold, for the message.

    Raises:
        ConfigError: If `FORETHOUGHT_DATA` is not set, or holds no such folder.
    """
    root = os.environ.get(PLACE)
    if not root:
        held = " and ".join(f"{folder}/{file}" for file in files)
        raise ConfigError(
            f"{what} not part of this package: set {PLACE} to the folder that holds {held}"
        )
    place = Path(root) / folder
    if not place.is_dir():
        raise ConfigError(f"{PLACE} is {root}, which holds no folder {folder}")
    return place
