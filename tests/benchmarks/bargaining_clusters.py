"""The bench's headline with whole kinds of instances drawn again, not single episodes.

Usage: python tests/benchmarks/bargaining_clusters.py OUT [OUT ...] [--arms rank,heuristic]

OUT is a directory of `forethought bench bargaining-v0 --out`. The test split holds 100 kinds of
instances up to renaming items and swapping players; episodes of one kind are alike, so an interval
that draws kinds again is the stricter one.
"""

import argparse
from pathlib import Path

import numpy as np

from forethought.agent.trace import read_traces
from forethought.envs.bargaining.instances import instance_by_number, likeness
from forethought.envs.registry import get_world
from forethought.envs.rollouts import pair_key

RESAMPLES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="+")
    parser.add_argument("--arms", default="rank,heuristic")
    arguments = parser.parse_args()
    first, second = arguments.arms.split(",")
    met = get_world("bargaining-v0").opponents
    for out in arguments.out:
        rewards: dict[str, dict[tuple[int, int, str, int], float]] = {first: {}, second: {}}
        for trace in read_traces(out).traces:
            arm = trace.episode.arm
            if arm in rewards and trace.episode.opponent in met and trace.outcome is not None:
                rewards[arm][pair_key(trace.episode)] = trace.outcome.reward
        keys = sorted(rewards[first].keys() & rewards[second].keys())
        differences = np.asarray([rewards[first][key] - rewards[second][key] for key in keys])
        names = [str(likeness(instance_by_number(key[0]))) for key in keys]
        _, kinds = np.unique(names, return_inverse=True)
        sums, counts = np.bincount(kinds, differences), np.bincount(kinds)
        drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
        means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        print(
            f"{out}: {first} - {second} {differences.mean():+.4f} [{low:+.4f}, {high:+.4f}],"
            f" {len(keys)} pairs of {len(sums)} kinds"
        )


if __name__ == "__main__":
    main()
