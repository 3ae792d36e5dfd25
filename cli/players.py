"""Where episodes are played, as typed: `--engine`, `--workers`, `--concurrency`.

`player` is what workers of an engine call to make an arm from its name, with the head and the model
that the command was given. An engine is imported when it is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from forethought.agent.arms import Arm, build_planner
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.protocols import Planner
from forethought.cli.choices import critics_for, default_head, judges_for, models_for, parse_arms
from forethought.cli.console import Screen
from forethought.envs.engines.source import Player, Source
from forethought.envs.registry import World, get_world
from forethought.envs.rollouts import Engine

ENGINES = ("local", "ray")


def player(*, env: str, arm: str, critic: str | None = None, model: str | None = None) -> Player:
    """An arm with all that it needs, made anew.

    Args:
        env: The world's id.
        arm: As `Arm.parse` reads it.
        critic: Directory of the head; `None` for arms that rest on none.
        model: Model of arms that name none.

    Raises:
        UserError: If one of them cannot be had on this machine.
    """
    world = get_world(env)
    (way,) = parse_arms([arm], world)
    screen = Screen(as_json=True)
    head = Path(critic) if critic is not None else None
    planner = planner_for(way, world, critics_for([way], head, world, screen))
    return Player(world, planner, models_for([way], model, world).get(way.model or ""))


def planner_for(arm: Arm, world: World, critics: Mapping[str, Any]) -> Planner:
    """The planner of an arm, with judges of meaning where it has a use for them."""
    judges = judges_for([arm])
    return build_planner(
        arm,
        critics=critics,
        bots=world.bots,
        match=judges.match if judges else None,
        same=judges.same if judges else None,
    )


def head_for(arms: Sequence[Arm], head: Path | None, world: World, screen: Screen) -> Path | None:
    """The head that arms rest on: the one named, else the world's own; `None` where none does."""
    if not any(arm.head for arm in arms):
        return None
    return head if head is not None else default_head(world, screen)


def check_engine(engine: str, workers: int | None) -> None:
    """See that an engine is one, before anything costly is done.

    Raises:
        UnknownName: If there is no such engine.
        ConfigError: If `workers` is given for an engine that has none.
        MissingExtra: If the engine's package is not installed.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    if engine == "local" and workers is not None:
        raise ConfigError("--workers is for --engine ray; here --concurrency is what you want")
    if engine == "ray":
        import_module("forethought.envs.engines.on_ray")


@contextmanager
def engine_for(
    engine: str, workers: int | None, head: Path | None, model: str | None
) -> Iterator[Engine | None]:
    """The engine of that name, ended afterwards; `None` for this process.

    Raises:
        ConfigError: If the cluster has fewer processors than `workers`.
    """
    if engine == "local":
        yield None
        return
    from forethought.envs.engines.on_ray import RayEngine

    options = {"critic": str(head.absolute()) if head else None, "model": model}
    with RayEngine(Source("forethought.cli.players:player", options), workers=workers) as made:
        yield made
