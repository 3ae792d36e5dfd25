"""What worlds share in reading what they are given: numbers among options, folders of data."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from forethought.agent.errors import ConfigError

Number = TypeVar("Number", int, float)
COMMON = ("instance", "seat", "opponent")
"""Options that every world is offered; one that has no use for one refuses it itself."""
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


def checked(world: str, options: Mapping[str, Any] | None, *more: str) -> Mapping[str, Any]:
    """The options of a reset, none for None.

    Args:
        world: Its id, for the message.
        options: As they were given.
        more: What the world knows beside `COMMON`.

    Raises:
        ConfigError: If the world has no such option.
    """
    options = options or {}
    if unknown := set(options) - {*COMMON, *more}:
        raise ConfigError(f"{world} has no option {', '.join(sorted(unknown))}")
    return options


def read_seat(options: Mapping[str, Any], seats: int) -> int:
    """The seat among so many, the first where none is named.

    Raises:
        ConfigError: If there is no such seat.
    """
    seat = read_number(options, "seat", int, 0)
    if not 0 <= seat < seats:
        last = "or 1" if seats == 2 else f"to {seats - 1}"
        raise ConfigError(f"seat must be 0 {last}, not {seat}")
    return seat


def number_splits(ranges: Mapping[str, range], count: Callable[[str], int]) -> Mapping[str, range]:
    """The numbers of each split's instances, within its range.

    Args:
        ranges: The numbers that a split may use.
        count: How many instances a split has.
    """
    return MappingProxyType(
        {
            split: range(numbers.start, numbers.start + count(split))
            for split, numbers in ranges.items()
        }
    )


def find_number(world: str, number: int, splits: Mapping[str, range]) -> tuple[str, int]:
    """The split of an instance's number, and its place in it.

    Raises:
        ConfigError: If no split has it.
    """
    for split, numbers in splits.items():
        if number in numbers:
            return split, number - numbers.start
    ranges = ", ".join(
        f"{split} {have.start} to {have.stop - 1}" for split, have in splits.items() if have
    )
    raise ConfigError(f"{world} has no instance {number}; it has {ranges}")


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
