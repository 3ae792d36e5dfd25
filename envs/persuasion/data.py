"""PersuasionForGood: 1,017 talks in which one person asks another to give to a charity.

Reads the two files of the release, `full_dialog.csv` and `full_info.csv`. Of the second, only what
the persuadee gave is kept: it is the outcome, and nothing else of that file reaches a text. Knows
nothing of traces, states or goals.

Wang et al. 2019, *Persuasion for Good* (arXiv 1906.06725), Apache-2.0. The data is not part of this
package: `FORETHOUGHT_DATA` names the folder that holds `persuasion_for_good/`.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from forethought.agent.errors import DataError
from forethought.envs.options import data_folder

FOLDER = "persuasion_for_good"
FILES = ("full_dialog.csv", "full_info.csv")
_ROLES = ("0", "1")


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance."""

    speaker: int
    """0 for the persuader, 1 for the persuadee."""
    text: str


@dataclass(frozen=True, slots=True)
class Talk:
    """One dialogue with what came of it."""

    id: str
    turns: tuple[Turn, ...]
    donation: float
    """What the persuadee gave, dollars."""


def read_talks(folder: str | os.PathLike[str] | None = None) -> tuple[Talk, ...]:
    """All dialogues, in the order of the file.

    Args:
        folder: Holds both files; found by `data_folder` when left out.

    Raises:
        ConfigError: If the data set cannot be found.
        DataError: If a file cannot be read, or is not of that form.
    """
    place = (
        Path(folder) if folder is not None else data_folder(FOLDER, "PersuasionForGood is", *FILES)
    )
    turns: dict[str, list[Turn]] = {}
    given: dict[str, float] = {}
    for row in _rows(place / FILES[0], ("Unit", "B4", "B2")):
        turns.setdefault(row["B2"], []).append(Turn(int(row["B4"]), _plain(row["Unit"])))
    for row in _rows(place / FILES[1], ("B2", "B4", "B6")):
        if row["B4"] == _ROLES[1]:
            given[row["B2"]] = _dollars(row["B6"], row["B2"])
    lacking = [name for name in turns if name not in given]
    if lacking or not turns:
        what = f"dialogue {lacking[0]} has no donation" if lacking else "no dialogue in the files"
        raise DataError(f"{place} is not a PersuasionForGood release: {what}")
    return tuple(Talk(name, tuple(said), given[name]) for name, said in turns.items())


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a file that has these columns and names a known role in each row."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"cannot read {path}: {why}") from error
    for number, row in enumerate(rows, start=2):
        if any(row.get(column) is None for column in columns) or row["B4"] not in _ROLES:
            raise DataError(
                f"{path}, line {number}: columns {', '.join(columns)} are needed, B4 being 0 or 1"
            )
    return rows


def _dollars(text: str, name: str) -> float:
    try:
        amount = float(text or 0)
    except ValueError as error:
        raise DataError(f"dialogue {name}: the donation {text!r} is no number") from error
    if not 0 <= amount < float("inf"):
        raise DataError(f"dialogue {name}: a donation of {text} dollars cannot be")
    return amount


def _plain(text: str) -> str:
    """One line without the release's stray backslashes."""
    return " ".join(text.replace("\\", "").split())
