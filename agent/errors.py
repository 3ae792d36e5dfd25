"""The error tree, and the one border where foreign errors become ours.

```
ForethoughtError
├── UserError                the caller must change something; the command exits with 2
│   ├── ConfigError          an option, argument or configuration value that cannot work
│   ├── MissingExtra         an optional package is not installed; holds the install line
│   ├── UnknownName          no environment, planner, critic, model or head of that name
│   ├── DataError            a file that is not what it should be: traces, data sets
│   └── HeadError            a head that cannot be used: damaged, or another encoder's
├── RunError                 the run failed; the command exits with 1
│   ├── ModelError           a model call failed for good
│   │   ├── ModelUnavailable no answer from the server: refused, reset, timed out, overloaded
│   │   └── ModelRefused     the server will not serve this request: key, name, content
│   ├── EnvironmentFailed    an environment broke its contract or raised
│   ├── OutputError          the answer is not of the type asked for
│   └── BudgetExhausted      the next call would pass a limit; the loop ends gracefully
└── ToolError                for the model to read and correct; never leaves the loop
```
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class ForethoughtError(Exception):
    """Any error this library raises on purpose."""

    exit_code = 1


class UserError(ForethoughtError):
    """The caller must change something."""

    exit_code = 2


class ConfigError(UserError):
    """An option, argument or configuration value that cannot work."""


class MissingExtra(UserError, ImportError):
    """An optional package is not installed.

    Args:
        what: The feature that needs it, in words.
        install: The whole command that brings it.
    """

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what} needs an optional package: {install}")
        self.install = install


class UnknownName(UserError):
    """No such environment, planner, critic, model or head.

    Args:
        kind: What was looked for, as in "environment".
        name: The name given.
        known: The names that exist; the nearest is suggested, and of many only the first are told.
    """

    _MANY = 24

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        told = ", ".join(names[: self._MANY]) or "none"
        rest = f" and {len(names) - self._MANY} more" if len(names) > self._MANY else ""
        super().__init__(f"unknown {kind} {name!r}; {hint}known: {told}{rest}")


class DataError(UserError):
    """A file that is not what it should be."""


class HeadError(UserError):
    """A head directory that cannot be used."""


class RunError(ForethoughtError):
    """The run failed."""


class ModelError(RunError):
    """A model call failed for good."""


class ModelUnavailable(ModelError):
    """The server gave no answer.

    Args:
        message: What happened, in words.
        retry_after: Seconds the server asked to wait; `None` when it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelRefused(ModelError):
    """The server answered and will not serve this request.

    Args:
        message: What happened, in words.
        status: HTTP status of the answer; `None` when it was not the status that refused.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class EnvironmentFailed(RunError):
    """An environment broke its contract or raised."""


class OutputError(RunError):
    """The answer is not of the type asked for."""


class BudgetExhausted(RunError):
    """The next call would pass a limit of the budget."""


class ToolError(ForethoughtError):
    """Something the model can read and correct."""


@contextmanager
def needs(what: str, install: str) -> Iterator[None]:
    """Surround the imports of an optional package; a missing one becomes `MissingExtra`.

    Args:
        what: The feature that needs it, in words.
        install: The whole command that brings it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(what, install) from error
