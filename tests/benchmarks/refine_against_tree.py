"""Seconds and calls a decision: `refine` beside `tree`, at the same model.

`python tests/benchmarks/refine_against_tree.py DIR` reads the traces that a bench left in DIR:

    forethought bench bargaining-v0 --arms refine,tree:30+asked --model builtin --out DIR

For each arm: decisions, mean seconds spent waiting for the model, mean calls (repairs counted
apart), and the ratio of the first arm's seconds to each other's, with a 95 % bootstrap interval
over decisions. A bench that was stopped is read as far as it got.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forethought.agent.trace import read_traces
from forethought.agent.types import Step, Usage


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    file = read_traces(folder, empty_ok=True)
    steps: dict[str, list[Step]] = {}
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
