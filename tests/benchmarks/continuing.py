"""Going on from a head with new traces: what it saves, and what is forgotten.

Usage: python tests/benchmarks/continuing.py [--episodes 3000]

Old traces of `bargaining-v0` are those against two of the opponents, new ones those against the
other two. Heads are judged on validation episodes against either pair, all outcome sentences.
"""

import argparse
import asyncio

import numpy as np

from forethought.agent.arms import Arm, build_planner
from forethought.agent.types import Trace
from forethought.envs.registry import get_world
from forethought.envs.rollouts import plan, play
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.evaluate import evaluate
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head


def played(split: str, episodes: int) -> tuple[list[Trace], list[Trace]]:
    """Episodes against the first two opponents, and against the others."""
    world = get_world("bargaining-v0")
    planner = build_planner(Arm.parse("unguided"), bots=world.bots)
    traces = asyncio.run(play(world, planner, plan(world, split=split, episodes=episodes, seed=0)))
    names = sorted({trace.episode.opponent for trace in traces})
    print(split, {name: sum(t.episode.opponent == name for t in traces) for name in names})
    old = [t for t in traces if t.episode.opponent in names[:2]]
    return old, [t for t in traces if t.episode.opponent not in names[:2]]


def log_loss(head: Head, traces: list[Trace]) -> float:
    found = [part.log_loss for part in evaluate(LearnedValue(head), traces).pooled]
    return float(np.mean([each.value for each in found if each is not None]))


def updates_to(head: Head, loss: float) -> str:
    reached = [int(update) for update, found in head.metrics["curve"] if found <= loss]
    return str(reached[0]) if reached else "never"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=3000)
    arguments = parser.parse_args()
    old, new = played("train", arguments.episodes)
    old_asked, new_asked = played("validation", arguments.episodes // 4)
    config = head_config(members=2, hidden=32, steps=800)
    first = fit_head(old, config)
    heads = {
        "old alone": first,
        "new alone, from nothing": fit_head(new, config),
        "new alone, from the old head": fit_head(new, config, start=first),
        "new and old, from nothing": fit_head([*new, *old], config),
        "new and old, from the old head": fit_head([*new, *old], config, start=first),
    }
    aims = {
        name: 1.02 * heads[f"{name}, from nothing"].metrics["held_out"]["loss"]
        for name in ("new alone", "new and old")
    }
    print("log loss on                       old      new      updates until within 2 %   best")
    for name, head in heads.items():
        aim = aims.get(name.partition(", ")[0], 0.0)
        print(
            f"{name:32}  {log_loss(head, old_asked):.4f}   {log_loss(head, new_asked):.4f}   "
            f"{updates_to(head, aim):>8} {head.metrics['held_out']['best_update']:>24}"
        )


if __name__ == "__main__":
    main()
