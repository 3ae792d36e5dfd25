"""Rollouts on disk: one JSON line each, with the mask that says which tokens train."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forethought.agent.errors import ConfigError, DataError
from forethought.valuefn.rl.tokens import Rollout

FILE = "rollouts.jsonl"


@dataclass(frozen=True, slots=True)
class Logged:
    """A rollout as it entered an update."""

    step: int
    """Updates before it."""
    rollout: Rollout
    trains: tuple[int, ...]
    """1 where a completion token carries loss, else 0."""


_LOGGED = TypeAdapter(Logged)


def append_rollouts(
    path: str | os.PathLike[str],
    step: int,
    rollouts: Sequence[Rollout],
    trains: Iterable[Sequence[int]],
) -> None:
    """Add rollouts to a file; its folder is made.

    Raises:
        ConfigError: If the file cannot be written.
    """
    rows = (Logged(step, one, tuple(mask)) for one, mask in zip(rollouts, trains, strict=True))
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error


def read_rollouts(path: str | os.PathLike[str]) -> list[Logged]:
    """All rollouts of a file, or of the folder that a training wrote.

    Raises:
        ConfigError: If there is no such file.
        DataError: If a line is not a rollout.
    """
    file = Path(path)
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        raise ConfigError(f"no rollouts at {file}: train policy writes them as it goes")
    rows = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                rows.append(_LOGGED.validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise DataError(
                    f"{file}, line {number}: no rollout: {where} {first['msg']}"
                ) from error
    return rows


def keep_lines(path: str | os.PathLike[str], wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Keep some lines of a JSON lines file; a last one that was cut off is dropped.

    Args:
        path: The file; where there is none, nothing is done.
        wanted: Whether a line stays.

    Raises:
        DataError: If another line is not JSON.
    """
    file = Path(path)
    if not file.is_file():
        return
    kept = []
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise DataError(f"{file}, line {number}: not JSON: {error.msg}") from error
        if wanted(row):
            kept.append(f"{line}\n")
    file.write_text("".join(kept), encoding="utf-8")
