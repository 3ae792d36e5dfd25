"""The multi-turn cases of bfcl-eval, their simulated backends, and its own replay of their calls.

Reads the cases from the installed package and takes its backends as they are; the gold calls are
read as syntax, never evaluated here. Knows nothing of how an agent makes them.
"""

import ast
import copy
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from forethought.agent.errors import DataError
from forethought.agent.types import ToolCall

CATEGORIES = ("base", "long_context", "miss_func", "miss_param")
_CHECKS = "bfcl_eval.eval_checker.multi_turn_eval"


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation with simulated backends."""

    id: str
    classes: tuple[str, ...]
    """Names of its backends."""
    config: Mapping[str, Any]
    """State of the backends before the first turn."""
    questions: tuple[str, ...]
    gold: tuple[tuple[str, ...], ...]
    """The calls of each turn, written as Python."""

    @property
    def long(self) -> bool:
        """Whether the backends are filled with what has nothing to do with the questions."""
        return "long_context" in self.id

    def backends(self) -> dict[str, Any]:
        """The backends in their first state, by class."""
        config = import_module("bfcl_eval.constants.executable_backend_config")
        made = {}
        for name in self.classes:
            made[name] = getattr(import_module(config.CLASS_FILE_PATH_MAPPING[name]), name)()
            if name not in config.STATELESS_CLASSES:
                state = copy.deepcopy(self.config.get(name, {}))
                made[name]._load_scenario(state, long_context=self.long)
        return made


def cases(category: str) -> Iterator[Case]:
    """The cases of a category, in the order of the package's file."""
    data = Path(str(import_module("bfcl_eval").__file__)).parent / "data"
    name = f"BFCL_v4_multi_turn_{category}.json"
    gold = {row["id"]: row["ground_truth"] for row in rows(data / "possible_answer" / name)}
    for row in rows(data / name):
        yield Case(
            row["id"],
            tuple(row["involved_classes"]),
            row["initial_config"],
            tuple(" ".join(each["content"] for each in turn) for turn in row["question"]),
            tuple(tuple(turn) for turn in gold[row["id"]]),
        )


def rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def methods(backend: Any) -> list[Callable[..., Any]]:
    """What a backend offers to be called."""
    found = inspect.getmembers(backend, inspect.ismethod)
    return [method for name, method in found if not name.startswith("_")]


def read_call(text: str, parameters: Mapping[str, Sequence[str]]) -> ToolCall:
    """A gold call; arguments without a name get theirs.

    Args:
        text: A call with literal arguments, as Python.
        parameters: The names of the parameters in order, by function.

    Raises:
        DataError: If it is no call of a function.
    """
    call = ast.parse(text.strip(), mode="eval").body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise DataError(f"no call of a function: {text}")
    names = parameters[call.func.id]
    given = dict(zip(names, map(ast.literal_eval, call.args), strict=False))
    given |= {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    return ToolCall(call.func.id, given)


class Replay:
    """The package's own replay of a case, a turn at a time.

    Args:
        case: The case.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._module = import_module(f"{_CHECKS}.multi_turn_utils")
        self._known = set(vars(self._module))

    def turn(self, calls: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        """The result of each call as text, and the backends as they are then."""
        told: tuple[list[str], dict[str, Any]] = self._module.execute_multi_turn_func_call(
            list(calls),
            self._case.config,
            list(self._case.classes),
            "gold",
            self._case.id,
            long_context=self._case.long,
        )
        return told

    def close(self) -> None:
        """Drop the backends, which the package keeps as globals of its module."""
        for name in set(vars(self._module)) - self._known:
            delattr(self._module, name)


def same_state(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether backends are in the same state, by the package's own check."""
    check = import_module(f"{_CHECKS}.multi_turn_checker").state_checker
    return bool(check(dict(ours), dict(theirs))["valid"])


def same_result(ours: str, theirs: str) -> bool:
    """Whether two texts say the same: ours is JSON where theirs is JSON or Python, and what broke
    a call has the same words.
    """
    problem = theirs.removeprefix("Error during execution: ")
    if problem != theirs:
        return ours.startswith(("error: ", "failed: ")) and ours.endswith(problem)
    return ours == theirs or value(ours) == value(theirs)


def value(text: str) -> Any:
    """What a text says, read as JSON, else as a Python literal, else itself."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text
