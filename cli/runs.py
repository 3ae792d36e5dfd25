"""Folders and tables of runs that draw a paper's figures again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError
from forethought.cli.choices import check_folder
from forethought.cli.console import plain


def check_run(out: Path, run: Mapping[str, Any], *, resume: bool) -> None:
    """See that a run can begin, or go on as it was begun.

    Raises:
        ConfigError: If the folder cannot be written, is used, or holds a run of other settings.
    """
    file = out / "run.json"
    used = out.is_dir() and any(out.iterdir())
    if used and not resume:
        raise ConfigError(f"{out} is not empty; add --resume to go on, or choose another --out")
    if resume and not file.is_file():
        raise ConfigError(f"there is nothing to resume in {out}; leave out --resume")
    settings = json.loads(json.dumps(plain(run)))
    if resume and json.loads(file.read_text(encoding="utf-8")) != settings:
        raise ConfigError(
            f"{out} holds a run with other settings; give the same --seed, --model and --quick, "
            "or choose another --out"
        )
    check_folder(out)
    write_json(file, settings)


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1
) -> Table:
    """A table of texts.

    Args:
        title: Above it.
        columns: Their heads.
        rows: One text for each column.
        left: Columns set to the left; the others are figures.
    """
    drawn = Table(title=Text(title), title_justify="left")
    for index, column in enumerate(columns):
        drawn.add_column(Text(column), justify="left" if index < left else "right")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write figures as JSON, whole or not at all."""
    from forethought.valuefn.pictures import write_whole

    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, text.encode())
