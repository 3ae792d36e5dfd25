"""What the command prints and where: results on standard output, all else on standard error.

Progress bars appear on a terminal alone. With `--json` standard output gets exactly one JSON
object, at the end, so that a run that failed has printed none. Knows nothing of what is run.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Tell = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""

PIPED_WIDTH = 120
"""Columns where standard output is no terminal."""


class Screen:
    """Where a command prints.

    Args:
        as_json: Whether standard output is for one JSON object alone.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    @property
    def talk(self) -> Console:
        """Where running commentary goes: standard output, or beside it with `--json`."""
        return self._err if self.as_json else self._out

    def say(self, what: RenderableType = "") -> None:
        """Print something for people; nothing with `--json`."""
        if not self.as_json:
            self._out.print(Text(what) if isinstance(what, str) else what)

    def warn(self, line: str) -> None:
        """One line on standard error."""
        self._err.print(Text(f"warning: {line}", style="yellow"), soft_wrap=True)

    def note(self, line: str) -> None:
        """One line on what goes on, on standard error."""
        self._err.print(Text(line, style="dim"), soft_wrap=True)

    def result(self, value: Mapping[str, Any]) -> None:
        """Print the JSON object; nothing without `--json`."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")
            sys.stdout.flush()

    @contextmanager
    def progress(self) -> Iterator[Tell]:
        """Bars on a terminal, one for each stage; without one, nothing."""
        if not self._err.is_terminal:
            yield _silent
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as bars:
            yield _Bars(bars)


class _Rate(ProgressColumn):
    """How fast it goes: how many a second, or seconds for each."""

    def render(self, task: Task) -> Text:
        """The rate of the last while; of the whole once it is over."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("-")
        return Text(f"{speed:.3g}/s" if speed >= 1 else f"{1 / speed:.3g} s each")


class _Bars:
    """One bar for each stage, made when the stage is first told of."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            # what was done before is no part of the rate
            self._tasks[stage] = self._bars.add_task(stage, total=total, completed=done)
        self._bars.update(self._tasks[stage], completed=done, total=total)


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def _console(stream: Any) -> Console:
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def plain(value: Any) -> Any:
    """A value in JSON's own kinds: paths as text, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is not one."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def with_interval(value: float, ends: Sequence[float] | None) -> str:
    """A figure with three digits and its interval, where there is one."""
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")
