"""How often a drift report raises an alarm where nothing moved.

Usage: python tests/benchmarks/drift_false_alarms.py [--heads 40] [--episodes 200] [--new 100]

Each head is trained on its own invented episodes, and is shown new ones from the same source. A
report is an alarm when any part is said to have moved; one in twenty is what it promises.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from scipy.stats import binomtest

from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.drift import measure_drift
from forethought.valuefn.fit import fit_head

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from invented import invented_traces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=40)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--new", type=int, default=100)
    arguments = parser.parse_args()
    moved: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    alarms = 0
    for number in range(arguments.heads):
        config = head_config("monte-carlo", hidden=16, members=2, batch=128, steps=200, seed=number)
        trained = invented_traces(arguments.episodes, seed=number)
        critic = LearnedValue(fit_head(trained, config))
        new = invented_traces(arguments.new, seed=100_000 + number)
        found = measure_drift(critic, new, seed=number)
        parts = [part.name for part in found.parts if part.moved]
        moved.update(parts)
        verdicts[found.verdict] += 1
        alarms += bool(parts)
    interval = binomtest(alarms, arguments.heads).proportion_ci(method="wilson")
    print(
        f"{alarms} of {arguments.heads} reports raised an alarm: {alarms / arguments.heads:.3f} "
        f"[{interval.low:.3f}, {interval.high:.3f}]"
    )
    print(f"parts that moved: {dict(moved)}; verdicts: {dict(verdicts)}")


if __name__ == "__main__":
    main()
