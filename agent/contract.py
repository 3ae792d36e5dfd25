"""What comes from other people's code: worlds, planners and critics, taken at their word once.

Their exceptions become ours in one place, and what a world returns becomes an `Observation` or an
error that says what is wrong with it. What is named as `MODULE:NAME` is found here too. Knows
nothing of episodes.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from forethought.agent.errors import (
    ConfigError,
    EnvironmentFailed,
    ForethoughtError,
    RunError,
    UserError,
)
from forethought.agent.types import Observation

_log = logging.getLogger(__name__)


@contextmanager
def guarded(who: str, failed: Callable[[str], RunError]) -> Iterator[None]:
    """Turn foreign errors into ours, the cause kept.

    Args:
        who: Whose code runs inside, for the message.
        failed: Makes the error.

    Raises:
        UserError: As raised inside.
        RunError: As raised inside, and for anything else.
    """
    try:
        yield
    except (UserError, RunError):
        raise
    except Exception as error:
        # A border: worlds, bots and critics are other people's code, and one bad episode must
        # not stop the others.
        plain = isinstance(error, ForethoughtError)
        if not plain:
            _log.error("%s raised", who, exc_info=error)
        what = "" if plain else f"{type(error).__name__}: "
        raise failed(f"{who}: {what}{one_line(error)}") from error


def one_line(error: Exception) -> str:
    """An error's message on one line; its type where it has none, or nothing but a key."""
    text, kind = " ".join(str(error).split()), type(error).__name__
    return f"{kind}: {text}" if text and isinstance(error, KeyError) else text or kind


def imported(what: str, path: str) -> Any:
    """What `package.module:attribute` names; the current folder is looked into last.

    Args:
        what: What is wanted, for the message.
        path: The name; both parts are there.

    Raises:
        ConfigError: If the module cannot be imported, or has no such attribute.
    """
    name, _, attribute = path.partition(":")
    if not all(name.split(".")):
        raise ConfigError(f"{what}: {name!r} cannot be the name of a module")
    try:
        module = _module(name)
    except ImportError as error:
        raise ConfigError(
            f"{what}: {name} cannot be imported ({one_line(error)}); it was looked for among the"
            f" installed packages, in PYTHONPATH and in {Path.cwd()}"
        ) from error
    except Exception as error:
        # A border: a module runs code of its own when it is imported, and may raise anything.
        raise ConfigError(
            f"{what}: {name} fails when it is imported ({one_line(error)})"
        ) from error
    try:
        return attrgetter(attribute)(module)
    except AttributeError as error:
        raise ConfigError(f"{what}: {one_line(error)}") from error


def _module(name: str) -> ModuleType:
    """A module by name, of the current folder too, which a command does not look into by itself."""
    here = str(Path.cwd())
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0] or here in sys.path:
            raise
    sys.path.append(here)
    try:
        return import_module(name)
    except ModuleNotFoundError:
        sys.path.remove(here)
        raise


def observe(text: Any, info: Any) -> Observation:
    """What the world returned, as an observation.

    Raises:
        EnvironmentFailed: If it broke its contract.
    """
    if not isinstance(text, str) or not isinstance(info, Mapping):
        raise EnvironmentFailed(
            f"the environment must return text and an info mapping, not {type(text).__name__} and "
            f"{type(info).__name__}"
        )
    return Observation(
        text,
        info.get("state") or "",
        tuple(info.get("candidates", ())),
        tuple(info.get("legal_actions", ())),
        tuple(info.get("goals", ())),
        tuple(info.get("tools", ())),
        info.get("action_schema"),
        info,
    )
