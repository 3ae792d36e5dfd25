"""`envs`, `play` and `bench`: what there is to play, playing it with one arm, comparing several."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError
from forethought.agent.loop import ignore
from forethought.agent.trace import FILE_NAME
from forethought.agent.types import Episode, Trace
from forethought.cli.choices import (
    check_opponents,
    check_place,
    critics_for,
    judges_for,
    models_for,
    parse_arms,
    split_list,
    telling_where,
)
from forethought.cli.console import Screen, count, with_interval
from forethought.cli.players import check_engine, engine_for, head_for, planner_for
from forethought.cli.watch import Watcher
from forethought.envs.bench import run_bench
from forethought.envs.casino import DATASET, SUCCESS
from forethought.envs.engines.source import Player
from forethought.envs.registry import World, bridge_names, get_world, world_ids
from forethought.envs.report import save, terminal
from forethought.envs.results import Result
from forethought.envs.rollouts import Engine, Recording, plan, roll
from forethought.envs.rows import arm_row, by_opponent

DATASETS = (
    {
        "id": DATASET,
        "summary": "CaSiNo: 1,030 negotiations between people over camping supplies (CC BY 4.0)",
        "success": SUCCESS,
    },
)
"""Traces that come with the package; `train value` and `eval value` take their names."""


def envs(*, as_json: bool) -> None:
    """List the worlds and the data sets."""
    screen = Screen(as_json=as_json)
    worlds = [get_world(name) for name in world_ids()]
    for world in worlds:
        screen.say(Text(world.id, style="bold"))
        lines = {
            "": world.summary,
            "success": world.success,
            "unguided": world.unguided,
            "arms": ", ".join(world.bots),
            "opponents": ", ".join(filter(None, world.opponents)),
            "unseen": ", ".join(world.unseen),
            "seats": str(world.seats) if world.seats > 1 else "",
            "oracle": "knows its chances, for the critic oracle" if world.oracle else "",
        }
        for name, line in lines.items():
            if line:
                screen.say(f"  {name + ': ' if name else ''}{line}")
    screen.say(Text("worlds of other packages", style="bold"))
    screen.say(f"  {', '.join(f'{name}:NAME' for name in bridge_names())}; see docs/bridges.md")
    screen.say("  world:MODULE is your own; see docs/own_world.md")
    for data in DATASETS:
        screen.say(Text(f"{data['id']} (data set)", style="bold"))
        screen.say(f"  {data['summary']}\n  success: {data['success']}")
    screen.result(
        {
            "envs": [
                {
                    "id": world.id,
                    "summary": world.summary,
                    "success": world.success,
                    "unguided": world.unguided,
                    "bots": list(world.bots),
                    "opponents": [name for name in world.opponents if name],
                    "unseen": list(world.unseen),
                    "seats": world.seats,
                    "oracle": world.oracle,
                }
                for world in worlds
            ],
            "bridges": bridge_names(),
            "datasets": list(DATASETS),
        }
    )


def play(
    env: str,
    *,
    arm: str,
    critic: Path | None,
    model: str | None,
    episodes: int,
    seed: int,
    split: str,
    opponent: str | None,
    out: Path | None,
    resume: bool,
    watch: bool,
    concurrency: int,
    engine: str,
    workers: int | None,
    as_json: bool,
) -> None:
    """Play episodes with one arm and say how it went."""
    screen = Screen(as_json=as_json)
    world = get_world(env)
    check_engine(engine, workers)
    if watch and (concurrency > 1 or engine != "local"):
        raise ConfigError("--watch shows one episode at a time, here; leave out the other options")
    (way,) = parse_arms([arm], world)
    opponents = [opponent] if opponent else None
    check_opponents(opponents, world)
    plan(world, split=split, episodes=episodes, seed=seed)
    check_place(out, resume=resume)
    models = models_for([way], model, world)
    speaker = models.get(way.model or "")
    head = head_for([way], critic, world, screen)
    planner = planner_for(way, world, critics_for([way], head, world, screen))
    planned = plan(
        world,
        split=split,
        episodes=episodes,
        seed=seed,
        opponents=opponents,
        arm=str(way),
        model=speaker.name if speaker else "",
    )
    with telling_where(out), engine_for(engine, workers, head, model) as elsewhere:
        played = _play(
            screen,
            planned,
            Player(world, planner, speaker),
            out,
            resume=resume,
            watch=watch,
            concurrency=concurrency,
            engine=elsewhere,
        )
    result = _summary(str(way), played, seed) | {"env": env, "split": split}
    if out is None:
        screen.note("the traces were not kept; --out DIR keeps them")
    else:
        result["traces"] = out / FILE_NAME
    _show(screen, result, world)
    screen.result(result)


def _play(
    screen: Screen,
    planned: Sequence[Episode],
    player: Player,
    out: Path | None,
    *,
    resume: bool,
    watch: bool,
    concurrency: int,
    engine: Engine | None,
) -> list[Result]:
    """What came of all planned episodes, those that were whole before included."""
    place = out / FILE_NAME if out else None
    with Recording(place, resume=resume, keep=Result.of) if place else nullcontext() as record:
        todo = [e for e in planned if record is None or e.id not in record.done]
        watcher = Watcher(screen.talk, todo) if watch else ignore
        with nullcontext() if watch else screen.progress() as tell:
            counter = itertools.count(len(planned) - len(todo) + 1)
            if tell is not None and todo:
                tell(todo[0].arm, len(planned) - len(todo), len(planned))

            def ended(trace: Trace, seconds: float) -> None:
                if tell is not None:
                    tell(trace.episode.arm, next(counter), len(planned))
                elif trace.outcome is not None:
                    won = "success" if trace.outcome.success else "no success"
                    screen.talk.print(f"reward {trace.outcome.reward:.3f}, {won}\n")

            return asyncio.run(
                roll(
                    player.world,
                    player.planner,
                    planned,
                    keep=Result.of,
                    record=record,
                    model=player.model,
                    concurrency=concurrency,
                    on_done=ended,
                    listen=watcher,
                    engine=engine,
                )
            )


def _summary(arm: str, played: Sequence[Result], seed: int) -> dict[str, Any]:
    """The figures of one arm's episodes, by the names that `bench --json` gives them."""
    rows = by_opponent({arm: played}, seed)
    return {
        "arm": arm,
        "model": played[0].episode.model or None,
        "seed": seed,
        "episodes": len(played),
        **asdict(arm_row(played, seed)),
        "failed": sum(each.failed for each in played),
        "by_opponent": {name: asdict(row[arm]) for name, row in rows.items()},
        "reasons": dict(Counter(each.reason for each in played)),
    }


def _show(screen: Screen, result: Mapping[str, Any], world: World) -> None:
    title = f"{world.id}, {result['arm']}: {count(result['episodes'], 'episode')}"
    table = Table(title=Text(title), title_justify="left")
    for index, name in enumerate(("opponent", "episodes", "reward [95 %]", "success")):
        table.add_column(name, justify="right" if index else "left")
    rows = dict(result["by_opponent"]) if len(result["by_opponent"]) > 1 else {}
    for name, row in (rows | {"all": result}).items():
        table.add_row(
            Text(name),
            str(row["n"]),
            with_interval(row["mean"], row["ci95"]),
            f"{row['success']:.0%}",
        )
    screen.say(table)
    screen.say(f"success: {world.success}; refused actions: {result['invalid']:.1%}")
    if result["supported"] is not None:
        screen.say(f"supported estimates: {result['supported']:.0%}")
    if result["calls"]:
        screen.say(f"per episode: {result['calls']:.1f} model calls, {result['tokens']:.0f} tokens")
    for reason, number in result["reasons"].items():
        if reason != "terminated":
            screen.warn(f"{count(number, 'episode')} ended early: {reason}")
    if "traces" in result:
        screen.say(f"traces: {result['traces']}")


def bench(
    env: str,
    *,
    arms: str,
    critic: Path | None,
    model: str | None,
    episodes: int,
    seeds: str,
    opponents: str | None,
    out: Path | None,
    resume: bool,
    concurrency: int,
    engine: str,
    workers: int | None,
    as_json: bool,
) -> None:
    """Compare arms on the same test episodes."""
    screen = Screen(as_json=as_json)
    world = get_world(env)
    check_engine(engine, workers)
    chosen = _seeds(seeds)
    ways = parse_arms(split_list(arms), world)
    against = split_list(opponents) if opponents is not None else None
    check_opponents(against, world)
    check_place(out, resume=resume)
    models = models_for(ways, model, world)
    head = head_for(ways, critic, world, screen)
    critics = critics_for(ways, head, world, screen)
    judges = judges_for(ways)
    with (
        telling_where(out),
        engine_for(engine, workers, head, model) as elsewhere,
        screen.progress() as tell,
    ):
        report = asyncio.run(
            run_bench(
                world,
                [str(way) for way in ways],
                episodes=episodes,
                seeds=chosen,
                critics=critics,
                models=models,
                match=judges.match if judges else None,
                same=judges.same if judges else None,
                out=out,
                resume=resume,
                opponents=against,
                concurrency=concurrency,
                engine=elsewhere,
                progress=tell,
            )
        )
    screen.say(terminal(report))
    for path in save(report, out) if out else ():
        screen.say(f"wrote {path}")
    screen.result(report.to_json())


def _seeds(text: str) -> list[int]:
    """Whole numbers written with commas.

    Raises:
        ConfigError: If one is no whole number of 0 or more, one is given twice, or there is none.
    """
    parts = split_list(text)
    if not parts or not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--seeds takes whole numbers with commas, as in 1,2,3, not {text!r}")
    seeds = [int(part) for part in parts]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"--seeds names one twice: {text}")
    return seeds
