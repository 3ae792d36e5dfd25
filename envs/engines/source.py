"""How a policy is made again elsewhere: by the name of a function and plain options.

Worlds, planners, models and critics never travel. What travels is JSON: which function makes them,
with which options, and which episodes are wanted; back come whole traces.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.protocols import Model, Planner
from forethought.agent.types import Episode, Trace
from forethought.envs.registry import World

_EPISODE = TypeAdapter(Episode)
_TRACE = TypeAdapter(Trace)


@dataclass(frozen=True, slots=True)
class Player:
    """All that plays an episode."""

    world: World
    planner: Planner
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a player comes from."""

    maker: str
    """`MODULE:FUNCTION`; called with `env=` and `arm=` of an episode and the options, it returns a
    `Player`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments in JSON's own kinds."""

    def make(self, env: str, arm: str) -> Player:
        """The player of an arm in a world.

        Raises:
            ConfigError: If there is no such function.
            UserError: As the function raises.
        """
        module, _, name = self.maker.partition(":")
        try:
            maker: Callable[..., Player] = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(f"there is no function {self.maker!r} to make players") from error
        return maker(env=env, arm=arm, **self.options)

    def pack(self) -> str:
        """This source as JSON.

        Raises:
            ConfigError: If an option is of no kind that JSON has.
        """
        try:
            return json.dumps(asdict(self))
        except TypeError as error:
            raise ConfigError(f"options that travel must be plain: {error}") from error

    @classmethod
    def unpack(cls, text: str) -> "Source":
        """What `pack` gave."""
        return cls(**json.loads(text))


def pack_job(episode: Episode, budget: Budget | None) -> str:
    """One episode that is wanted, as JSON."""
    limits = asdict(budget) if budget is not None else None
    return json.dumps({"episode": _EPISODE.dump_python(episode), "budget": limits})


def unpack_job(text: str) -> tuple[Episode, Budget | None]:
    """What `pack_job` was given."""
    job = json.loads(text)
    budget = None if job["budget"] is None else Budget(**job["budget"])
    return _EPISODE.validate_python(job["episode"]), budget


def pack_trace(trace: Trace) -> str:
    """A whole trace as JSON."""
    return json.dumps(_TRACE.dump_python(trace, exclude_defaults=True))


def unpack_trace(text: str) -> Trace:
    """What `pack_trace` was given."""
    return _TRACE.validate_python(json.loads(text))
