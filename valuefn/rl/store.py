"""Rollouts on disk: one JSON line each, with the mask that says which tokens train."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

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


def drop_from(path: str | os.PathLike[str], step: int) -> None:
    """Forget the rollouts of an update and of all after it, which a resumed training makes again.

    Raises:
        DataError: If a line is not a rollout.
    """
    file = Path(path)
    if not file.is_file():
        return
    kept = [json.dumps(asdict(row)) for row in read_rollouts(file) if row.step < step]
    file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
