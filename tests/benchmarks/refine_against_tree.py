"""Seconds and calls a decision: `refine` beside `tree`, at the same model.

`python tests/benchmarks/refine_against_tree.py DIR` reads the traces that a bench left in DIR:

    forethought bench bargaining-v0 --arms refine,tree:30+asked --model builtin --out DIR

`--head HEAD --decisions 30 --width 2` plays them first, episode by episode in turns, until each arm
has that many decisions, and goes on with what DIR holds. A narrower tree costs less than the
command's (five thoughts an expansion), so its ratio understates what the command would show.

Episodes of another `--seed`, played into another folder, can be played beside them, one process on
each core; `python tests/benchmarks/refine_against_tree.py DIR OTHER` reads both.

For each arm: decisions, mean seconds spent waiting for the model, mean calls (repairs counted
apart), and the ratio of the first arm's seconds to each other's, with a 95 % bootstrap interval
over decisions. A bench that was stopped is read as far as it got.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forethought.agent.asked import Asked
from forethought.agent.models import load_model
from forethought.agent.planners.refine import Refine
from forethought.agent.planners.tree import Tree
from forethought.agent.protocols import Planner
from forethought.agent.trace import FILE_NAME, read_traces
from forethought.agent.types import Step, Usage
from forethought.envs.registry import get_world
from forethought.envs.rollouts import Recording, plan, play
from forethought.valuefn.critic import load_critic


def spent(step: Step) -> Usage:
    total = Usage()
    for usage in step.decision.usage.values():
        total = total + usage
    return total


def ratio(one: Sequence[float], other: Sequence[float], seed: int = 0) -> list[float]:
    """Mean over mean, and its 95 % interval."""
    rng = np.random.default_rng(seed)
    a, b = np.asarray(one), np.asarray(other)
    draws = [rng.choice(a, len(a)).mean() / rng.choice(b, len(b)).mean() for _ in range(2000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return [float(a.mean() / b.mean()), float(low), float(high)]


async def play_both(folder: Path, head: Path, decisions: int, width: int, seed: int) -> None:
    """Play the arms in turns until each has made so many decisions."""
    world = get_world("bargaining-v0")
    planners: dict[str, Planner] = {
        "refine": Refine(load_critic(head)),
        "tree": Tree(Asked(), 30, width=width, name="tree"),
    }
    made = dict.fromkeys(planners, 0)
    planned = {
        arm: plan(
            world, split="test", episodes=decisions, seed=seed, arm=arm, opponents=["boulware"]
        )
        for arm in planners
    }
    model = load_model("builtin")
    with Recording(folder / FILE_NAME, resume=True) as record:
        for number in range(decisions):
            for arm, planner in planners.items():
                if made[arm] < decisions:
                    part = planned[arm][number : number + 1]
                    for trace in await play(world, planner, part, model=model, record=record):
                        made[arm] += len(trace.steps)
            sys.stderr.write(f"{made}\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+", help="read; played into is the first")
    parser.add_argument("--head", type=Path, help="the head of refine; plays before it reads")
    parser.add_argument("--decisions", type=int, default=30)
    parser.add_argument("--width", type=int, default=2, help="thoughts an expansion of tree")
    parser.add_argument("--seed", type=int, default=3, help="of the episodes")
    options = parser.parse_args()
    if options.head is not None:
        played = play_both(
            options.folders[0], options.head, options.decisions, options.width, options.seed
        )
        asyncio.run(played)
    steps: dict[str, list[Step]] = {}
    for folder in options.folders:
        file = read_traces(folder, empty_ok=True)
        for trace in (*file.traces, *file.open):
            steps.setdefault(trace.episode.arm, []).extend(trace.steps)
    seconds = {arm: [spent(step).seconds for step in found] for arm, found in steps.items()}
    first = next(iter(steps))
    report = {
        arm: {
            "decisions": len(found),
            "seconds": round(float(np.mean(seconds[arm])), 2),
            "calls": round(float(np.mean([spent(s).calls - s.decision.repairs for s in found])), 2),
            "most_calls": max(spent(s).calls - s.decision.repairs for s in found),
            "repairs": sum(s.decision.repairs for s in found),
            f"{first} / this": [round(x, 4) for x in ratio(seconds[first], seconds[arm])],
        }
        for arm, found in steps.items()
        if found
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
