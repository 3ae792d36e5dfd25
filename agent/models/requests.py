"""The switch that forbids real requests, for tests and dry runs.

Every model that reaches a server or runs an engine asks `check_requests_allowed` first; scripted
models and functions do not. The switch belongs to the context (`contextvars`) that threw it: tasks
started inside have it too, new threads do not. The variable `FORETHOUGHT_NO_REQUESTS` holds for a
whole process and its children.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from forethought.agent.errors import ConfigError

VARIABLE = "FORETHOUGHT_NO_REQUESTS"

_said: ContextVar[bool | None] = ContextVar("forethought_requests_allowed", default=None)
"""What was said last in this context; `None` leaves it to the environment."""


@contextmanager
def forbid_requests() -> Iterator[None]:
    """Inside, models that would reach a server or run an engine raise `ConfigError`."""
    with _saying(allowed=False):
        yield


@contextmanager
def allow_requests() -> Iterator[None]:
    """Inside, real requests are allowed, whatever was said outside or in the environment."""
    with _saying(allowed=True):
        yield


def check_requests_allowed(name: str) -> None:
    """Called by a model before it reaches a server or starts an engine.

    Args:
        name: The model's name, for the message.

    Raises:
        ConfigError: If real requests are forbidden here.
    """
    said = _said.get()
    if said is None:
        said = os.environ.get(VARIABLE, "") in {"", "0"}
    if not said:
        raise ConfigError(
            f"model {name!r} makes real requests, which are forbidden here (forbid_requests() or "
            f"{VARIABLE}): put it inside allow_requests(), or use a ScriptedModel"
        )


@contextmanager
def _saying(*, allowed: bool) -> Iterator[None]:
    token = _said.set(allowed)
    try:
        yield
    finally:
        _said.reset(token)
