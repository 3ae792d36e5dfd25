"""GCIVL and GCIQL, ours and plain ones from the same equations, at equal updates on a point maze.

Usage: python tests/benchmarks/ogbench_agreement.py [--seeds 3] [--updates 1000]
    [--network concat|bilinear] [--out FILE]

What is equal and what is not stands in `tests/support/agreement.py`. Each seed walks anew, and both
sides train on its walks; differences are paired by seed, intervals are Student's t, 95 %.
"""

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.stats import t as student

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from agreement import METHODS, Trial, make_maze, ours, plain


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean with its 95 % interval."""
    mean = float(np.mean(values))
    reach = float(student.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1))
    return mean, mean - reach / math.sqrt(len(values)), mean + reach / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--network", choices=("concat", "bilinear"), default="concat")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    trial = Trial(updates=arguments.updates, network=arguments.network)
    errors: dict[str, list[float]] = {
        f"{m} {side}": [] for m in METHODS for side in ("ours", "plain")
    }
    constant = []
    for seed in range(arguments.seeds):
        maze = make_maze(trial, seed)
        constant.append(float(np.abs(maze.exact - np.median(maze.exact)).mean()))
        for method in METHODS:
            for side, train in (("ours", ours), ("plain", plain)):
                errors[f"{method} {side}"].append(train(method, maze, trial, seed))
                print(
                    f"seed {seed} {method} {side} {errors[f'{method} {side}'][-1]:.4f}", flush=True
                )
    rows = dict(errors)
    for method in METHODS:
        pairs = zip(errors[f"{method} ours"], errors[f"{method} plain"], strict=True)
        rows[f"{method} ours - plain"] = [one - other for one, other in pairs]
    print(f"\nmean absolute error of values, {trial}")
    print(f"{'one value for all, the median':30} {np.mean(constant):.4f}")
    for name, values in rows.items():
        mean, low, high = interval(values)
        print(f"{name:30} {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
    if arguments.out is not None:
        found = {"trial": asdict(trial), "constant": constant, "errors": errors}
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
