"""`resume` and `fork`: going on from episodes on disk, as they were or with one decision changed.

World, arm and model are what the record says unless something else is typed. Bringing a world back
and playing on are the kernel's part.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from forethought.agent.arms import Arm, build_planner
from forethought.agent.errors import ConfigError, RunError
from forethought.agent.protocols import Model, Planner
from forethought.agent.replay import fork_episode, is_resumable, resume_episode
from forethought.agent.trace import FILE_NAME, TraceWriter
from forethought.agent.types import Trace
from forethought.cli.choices import (
    check_folder,
    critics_for,
    models_for,
    parse_arms,
    pick_record,
    read_records,
    telling_where,
)
from forethought.cli.console import Screen
from forethought.envs.registry import World, get_world, is_world_id
from forethought.envs.rollouts import failed

WAITING = "(waits for a decision)"


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed in place of what the record says."""

    arm: str | None = None
    model: str | None = None
    critic: Path | None = None


@dataclass(frozen=True, slots=True)
class _Crew:
    """What plays the episodes of one world, arm and model."""

    world: World
    arm: Arm
    planner: Planner
    model: Model | None


def resume(
    source: Path, *, episode: str | None, out: Path | None, typed: Typed, as_json: bool
) -> None:
    """Go on with the episodes of a file that stopped before their end."""
    screen = Screen(as_json=as_json)
    path, records = read_records(source, screen)
    if episode is not None:
        todo = [pick_record(records, episode, path)]
    else:
        todo = [trace for trace in records.values() if is_resumable(trace)]
    if not todo:
        raise ConfigError(
            f"every episode in {path} has ended; forethought fork changes a step of one"
        )
    crews = [_crew(trace, typed, screen) for trace in todo]
    target = _target(out) if out else path
    with telling_where(target.parent):
        ended = asyncio.run(_resume_all(todo, crews, target, screen))
        if all(map(failed, ended)):
            raise RunError(f"{_all(len(ended))} failed again: {_reason(ended[0])}")
    _show_resumed(screen, todo, ended)
    screen.say(f"traces: {target}")
    rows = [_row(trace) | {"resumed_at": trace.episode.facts.get("resumed_at")} for trace in ended]
    screen.result({"traces": target, "episodes": rows})


def fork(
    source: Path,
    *,
    episode: str | None,
    step: int,
    thought: str,
    action: str | None,
    out: Path,
    typed: Typed,
    as_json: bool,
) -> None:
    """Change one decision of an episode, play on, and show both ends side by side."""
    screen = Screen(as_json=as_json)
    path, records = read_records(source, screen)
    if episode is None and len(records) > 1:
        raise ConfigError(f"{path} holds {len(records)} episodes; choose one with --episode ID")
    original = pick_record(records, episode or next(iter(records), ""), path)
    crew = _crew(original, typed, screen)
    target = _target(out)
    with telling_where(out):
        forked = asyncio.run(_fork(original, crew, step, thought, action, target))
        if failed(forked):
            raise RunError(f"the episode failed: {_reason(forked)}")
    screen.say(_side_by_side(original, forked, step))
    screen.say(f"traces: {target}")
    screen.result(
        {
            "traces": target,
            "step": step,
            "original": _row(original) | _at(original, step),
            "forked": _row(forked) | _at(forked, step),
        }
    )


async def _resume_all(
    todo: Sequence[Trace], crews: Sequence[_Crew], target: Path, screen: Screen
) -> list[Trace]:
    ended = []
    with TraceWriter(target) as writer, screen.progress() as tell:
        for trace, crew in zip(todo, crews, strict=True):
            ended.append(
                await resume_episode(
                    trace,
                    crew.world.make(),
                    crew.planner,
                    arm=str(crew.arm),
                    model=crew.model,
                    writer=writer,
                )
            )
            tell("episodes", len(ended), len(todo))
    return ended


async def _fork(
    original: Trace, crew: _Crew, step: int, thought: str, action: str | None, target: Path
) -> Trace:
    with TraceWriter(target) as writer:
        return await fork_episode(
            original,
            crew.world.make(),
            crew.planner,
            step=step,
            thought=thought,
            action=action,
            arm=str(crew.arm),
            model=crew.model,
            writer=writer,
        )


def _target(out: Path) -> Path:
    """The traces file of a folder; what it holds is added to."""
    check_folder(out)
    return out / FILE_NAME


def _crew(trace: Trace, typed: Typed, screen: Screen) -> _Crew:
    """World, planner and model as the record says, or as typed.

    Raises:
        ConfigError: If the world is none of those with an id, or the record names no arm.
        UserError: If the arm, its critic or its model cannot be had.
    """
    episode = trace.episode
    if not is_world_id(episode.env):
        raise ConfigError(
            f"episode {episode.id} was played in {episode.env!r}, which is no world of its own; "
            "resume_episode and fork_episode go on with it from Python"
        )
    if not (typed.arm or episode.arm):
        raise ConfigError(f"the record of episode {episode.id} names no arm; add --arm A")
    world = get_world(episode.env)
    (arm,) = parse_arms([typed.arm or episode.arm], world)
    models = models_for([arm], typed.model or episode.model or None, world)
    model = models.get(arm.model or "")
    if model is None and typed.model is not None:
        from forethought.agent.models.names import load_model

        model = load_model(typed.model)
    planner = build_planner(
        arm, critics=critics_for([arm], typed.critic, world, screen), bots=world.bots
    )
    return _Crew(world, arm, planner, model)


def _all(count: int) -> str:
    return f"all {count} episodes" if count > 1 else "the episode"


def _reason(trace: Trace) -> str:
    return trace.outcome.reason.removeprefix("error: ") if trace.outcome else "no outcome"


def _row(trace: Trace) -> dict[str, Any]:
    """The figures of one episode."""
    episode, outcome = trace.episode, trace.outcome
    return {
        "id": episode.id,
        "env": episode.env,
        "arm": episode.arm,
        "model": episode.model or None,
        "steps": len(trace.steps),
        "calls": trace.usage.calls,
        "reward": outcome.reward if outcome else None,
        "success": outcome.success if outcome else None,
        "reason": outcome.reason if outcome else "unfinished",
    }


def _at(trace: Trace, step: int) -> dict[str, Any]:
    """The decision of one step; nothing where the episode waited for it."""
    if step >= len(trace.steps):
        return {"thought": None, "action": None}
    decision = trace.steps[step].decision
    return {"thought": decision.candidate.thought, "action": decision.action}


def _show_resumed(screen: Screen, before: Sequence[Trace], after: Sequence[Trace]) -> None:
    table = Table(title=Text("resumed"), title_justify="left")
    for index, name in enumerate(("episode", "steps", "reward", "success", "end")):
        table.add_column(name, justify="right" if index in (1, 2) else "left")
    for old, new in zip(before, after, strict=True):
        row = _row(new)
        table.add_row(
            Text(row["id"]),
            f"{len(old.steps)} -> {row['steps']}",
            f"{row['reward']:.3f}",
            "yes" if row["success"] else "no",
            Text(row["reason"]),
        )
    screen.say(table)


def _side_by_side(original: Trace, forked: Trace, step: int) -> Table:
    table = Table(title=Text(f"step {step} changed"), title_justify="left")
    for name in ("", "original", "forked"):
        table.add_column(name, overflow="fold")
    sides = [_row(trace) | _at(trace, step) for trace in (original, forked)]
    for name in ("id", "thought", "action", "steps", "reward", "success", "reason"):
        table.add_row(name, *(_cell(name, side) for side in sides))
    return table


def _cell(name: str, side: dict[str, Any]) -> Text:
    value = side[name]
    if value is None:
        return Text(WAITING if name in {"thought", "action"} else "-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(f"{value:.3f}" if isinstance(value, float) else str(value))
