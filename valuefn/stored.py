"""The files of a head, read with suspicion: JSON and safetensors, checked before they are used.

Nothing in a head directory is executed, and files that are no part of a head are never opened.
Sizes, kinds of numbers, shapes and finiteness are checked here; whether weights fit together is the
critic's part. Knows nothing of `Head`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from forethought.agent.errors import HeadError, needs
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.features import BLOCKS

with needs("loading and saving value heads", "pip install 'forethought[value]'"):
    from safetensors.numpy import load_file

T = TypeVar("T")
Arrays = dict[str, NDArray[Any]]
FORMAT = 2
"""Written. 1 had neither origin nor id; it is read too."""
FILES = ("config.json", "head.safetensors", "calibration.json", "evidence.jsonl")
"""Without these a directory is no head."""
LARGEST_JSON = 64 * 2**20
"""Bytes of a JSON file of a head."""
_PARTS = {"columns": np.int64, "mean": np.float32, "scale": np.float32, "seen": np.bool_}


class _Encoder(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    fingerprint: str
    dim: int = Field(ge=1)


class _Limits(BaseModel):
    model_config = ConfigDict(frozen=True)

    reach: float
    goal_reach: float
    foreign: dict[str, float]


class Stored(BaseModel):
    """What `config.json` holds."""

    model_config = ConfigDict(frozen=True)

    format: int
    encoder: _Encoder
    training: HeadConfig
    goals: tuple[str, ...]
    support: _Limits
    id: str = ""
    """Of the contents; empty in format 1."""


def read_json(path: Path) -> Any:
    """The value of a JSON file of bounded size.

    Raises:
        ValueError: If it is too large, or no JSON.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(f"{path.name} is larger than {LARGEST_JSON >> 20} MiB")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deep") from error


def read_config(path: Path) -> Stored:
    """Settings of a head, of this format or an older one.

    Raises:
        HeadError: If a later version wrote it.
        ValueError: If it is not what was written.
    """
    value = read_json(path)
    given = value.get("format") if isinstance(value, dict) else None
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= FORMAT:
        later = isinstance(given, int) and given > FORMAT
        hint = "; a later version wrote it: pip install --upgrade forethought" if later else ""
        raise HeadError(
            f"{path.parent} has head format {given}; this version reads 1 and {FORMAT}{hint}"
        )
    stored = Stored.model_validate(value)
    if missing := sorted(set(BLOCKS) - set(stored.support.foreign)):
        raise ValueError(f"config.json: no limit for {missing[0]}")
    return stored


def read_lines(path: Path, records: TypeAdapter[tuple[T, ...]]) -> tuple[T, ...]:
    """Records of a file of JSON lines.

    Raises:
        ValueError: If it is too large, or holds something else.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(f"{path.name} is larger than {LARGEST_JSON >> 20} MiB")
    lines = path.read_text(encoding="utf-8").split("\n")
    try:
        values = [json.loads(line) for line in lines if line]
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deep") from error
    return records.validate_python(values)


def read_arrays(path: Path, dim: int) -> Arrays:
    """Weights, blocks and reference points.

    Args:
        path: The safetensors file.
        dim: Width of the encoder's vectors.

    Raises:
        ValueError: If one is missing, of another kind or shape, or not finite.
    """
    try:
        arrays: Arrays = load_file(path)
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{path.name} holds a kind of numbers that no head has") from error
    for name in BLOCKS:
        _check_block(name, {part: arrays.get(f"block.{name}.{part}") for part in _PARTS}, dim)
    rest = {name: array for name, array in arrays.items() if not name.startswith("block.")}
    for name in ("support.references", "support.goals"):
        _check(name, rest.get(name), np.float32, 2)
    for name, array in rest.items():
        _check(name, array, np.float32, None)
    return arrays


def _check_block(name: str, parts: Mapping[str, NDArray[Any] | None], dim: int) -> None:
    found = {p: _check(f"block.{name}.{p}", parts[p], kind, 1) for p, kind in _PARTS.items()}
    columns = found["columns"]
    widths = {len(found[part]) for part in ("columns", "mean", "scale")}
    if len(widths) > 1 or len(found["seen"]) != dim:
        raise ValueError(f"block.{name}: its parts differ in length")
    if len(columns) and not 0 <= int(columns.min()) <= int(columns.max()) < dim:
        raise ValueError(f"block.{name}: a column lies outside the encoder's {dim}")
    if (found["scale"] <= 0).any():
        raise ValueError(f"block.{name}: a scale is not above 0")


def _check(name: str, array: NDArray[Any] | None, kind: Any, axes: int | None) -> NDArray[Any]:
    if array is None:
        raise ValueError(f"{name} is missing")
    if array.dtype != kind:
        raise ValueError(f"{name} holds {array.dtype}, not {np.dtype(kind).name}")
    if axes is not None and array.ndim != axes:
        raise ValueError(f"{name} has {array.ndim} axes, not {axes}")
    if kind is np.float32 and not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return array
