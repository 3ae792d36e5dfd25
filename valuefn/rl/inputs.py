"""Tasks, demonstrations and ways of playing for the command, from files and from worlds.

A task file has one JSON object on a line: `question`, and as wanted `id`, `answers` (or `answer`)
and `data`. A file of demonstrations has `question` and `solution`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError
from forethought.envs.registry import World
from forethought.valuefn.rl.episodes import (
    Demonstration,
    Episode,
    Play,
    Question,
    TextTool,
    ToolQuestion,
)
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.worlds import WorldEpisode


def read_tasks(path: Path) -> dict[str, Task]:
    """Tasks of a file, by id.

    Raises:
        ConfigError: If it cannot be read.
        DataError: If a line is no task, or two have one id.
    """
    tasks: dict[str, Task] = {}
    for number, row in _rows(path):
        answers = row.get("answers", [row["answer"]] if "answer" in row else [])
        question, data = row.get("question"), row.get("data", {})
        texts = isinstance(answers, list) and all(isinstance(one, str) for one in answers)
        if not isinstance(question, str) or not question or not texts or not isinstance(data, dict):
            raise DataError(
                f'{path}, line {number}: a task is {{"question": TEXT, "answers": [TEXT, ...]}}'
            )
        task = Task(str(row.get("id", f"{path.stem}-{number}")), question, tuple(answers), data)
        if task.id in tasks:
            raise DataError(f"{path}, line {number}: a second task with the id {task.id!r}")
        tasks[task.id] = task
    if not tasks:
        raise DataError(f"{path} holds no task")
    return tasks


def read_demonstrations(path: Path) -> tuple[Demonstration, ...]:
    """Demonstrations of a file, in its order.

    Raises:
        ConfigError: If it cannot be read.
        DataError: If a line is no demonstration.
    """
    found = []
    for number, row in _rows(path):
        question, solution = row.get("question"), row.get("solution")
        if not isinstance(question, str) or not isinstance(solution, str):
            raise DataError(
                f'{path}, line {number}: a demonstration is {{"question": TEXT, "solution": TEXT}}'
            )
        found.append(Demonstration(question, solution))
    return tuple(found)


def world_tasks(world: World, count: int, split: str = "train") -> dict[str, Task]:
    """The first instances of a world's split, every opponent in turn.

    Raises:
        ConfigError: If it has fewer.
    """
    instances = world.splits[split]
    if not 1 <= count <= len(instances):
        raise ConfigError(f"{world.id} has {len(instances)} instances to {split} on, not {count}")
    tasks = {}
    for at, instance in enumerate(instances[:count]):
        opponent = world.opponents[at % len(world.opponents)]
        options: dict[str, Any] = {"instance": instance, "seat": at % world.seats}
        if opponent:
            options["opponent"] = opponent
        name = f"{world.id}/{instance}"
        tasks[name] = Task(name, "", (), {"options": options, "seed": instance})
    return tasks


def play_questions(*, bare: bool = False) -> Play:
    """One question, one reply; `bare` as in `Question`."""

    def play(task: Task, shown: Sequence[Demonstration]) -> Episode:
        return Question(task, shown, bare=bare)

    return play


def play_with_tools(tools: Mapping[str, TextTool], calls: int) -> Play:
    """Questions with tools called by tags; `calls` as in `ToolQuestion`."""

    def play(task: Task, shown: Sequence[Demonstration]) -> Episode:
        return ToolQuestion(task, tools, shown, calls=calls)

    return play


def play_world(world: World) -> Play:
    """Episodes of a world as `react` plays it; demonstrations are not shown in it."""

    def play(task: Task, shown: Sequence[Demonstration]) -> Episode:
        if shown:
            raise ConfigError(f"{world.id} shows no demonstrations: use a recipe without stages")
        return WorldEpisode(world.make(), seed=task.data["seed"], options=task.data["options"])

    return play


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: not JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: not a JSON object")
        yield number, row
