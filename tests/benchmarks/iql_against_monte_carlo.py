"""Goal-conditioned IQL against the Monte-Carlo classifier, on equal episodes and validation play.

Usage: python tests/benchmarks/iql_against_monte_carlo.py RUN [--seeds 3] [--episodes 800]

RUN is a directory of `forethought improve bargaining-v0`. For each seed both rows are trained on
the episodes of its round 0, and `rank` plays the same validation episodes with either head.
"""

import argparse
import asyncio
from pathlib import Path

import numpy as np

from forethought.agent.planners.rank import Rank
from forethought.agent.trace import read_traces
from forethought.envs.registry import get_world
from forethought.envs.rollouts import plan, play
from forethought.envs.stats import paired_difference
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.fit import fit_head

ROWS = ("iql", "monte-carlo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=800)
    arguments = parser.parse_args()
    world = get_world("bargaining-v0")
    traces = read_traces(arguments.run / "round-0").traces
    rewards: dict[str, list[float]] = {row: [] for row in ROWS}
    print(f"{len(traces)} training episodes, {arguments.episodes} validation episodes a seed")
    for seed in range(arguments.seeds):
        episodes = plan(world, split="validation", episodes=arguments.episodes, seed=seed)
        for row in ROWS:
            head = fit_head(traces, head_config(row, seed=seed))
            played = asyncio.run(play(world, Rank(LearnedValue(head)), episodes))
            found = [t.outcome.reward for t in played if t.outcome is not None]
            rewards[row] += found
            held = head.metrics["held_out"]
            print(
                f"seed {seed} {row:12} held-out loss {held['loss']:.4f} AUC {held['auc']:.4f}"
                f" Brier {held['brier']:.4f} update {held['best_update']:5d}"
                f" mean reward {np.mean(found):.4f}",
                flush=True,
            )
    difference = paired_difference(rewards["iql"], rewards["monte-carlo"], seed=0)
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    print(f"iql - monte-carlo: {difference.value:+.4f} {interval}")


if __name__ == "__main__":
    main()
