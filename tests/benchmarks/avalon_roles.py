"""A bench of Avalon, role by role: `python tests/benchmarks/avalon_roles.py OUT`.

OUT is a directory of `forethought bench avalon-v0 --out`. For each role and opponent: every arm's
share of games won, and its paired difference to the first arm, with 95 % intervals.
"""

import argparse
import sys
from pathlib import Path

from forethought.agent.trace import read_traces
from forethought.envs.avalon.deals import SEATS
from forethought.envs.rollouts import pair_key
from forethought.envs.stats import mean_interval, paired_difference

Rewards = dict[tuple[int, int, str, int], float]


def by_group(out: Path) -> dict[tuple[str, str], dict[str, Rewards]]:
    """Role and opponent, then arm, then game: the reward."""
    groups: dict[tuple[str, str], dict[str, Rewards]] = {}
    for trace in read_traces(out).traces:
        episode = trace.episode
        if trace.outcome is not None:
            group = groups.setdefault((SEATS[episode.seat], episode.opponent), {})
            group.setdefault(episode.arm, {})[pair_key(episode)] = trace.outcome.reward
    return groups


def lines(arms: dict[str, Rewards]) -> list[str]:
    """One line for each arm."""
    first = next(iter(arms))
    told = []
    for arm, rewards in arms.items():
        won = mean_interval(list(rewards.values()), seed=0)
        line = f"  {arm}: {won.value:.3f} [{won.low:.3f}, {won.high:.3f}] of {len(rewards)}"
        games = sorted(rewards.keys() & arms[first].keys())
        if arm != first and len(games) > 1:
            ours, theirs = ([each[game] for game in games] for each in (rewards, arms[first]))
            gap = paired_difference(ours, theirs, seed=0)
            line += f", minus {first} {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
        told.append(line)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    for (role, opponent), arms in sorted(by_group(given.out).items()):
        sys.stdout.write("\n".join([f"{role} against {opponent}", *lines(arms), ""]))


if __name__ == "__main__":
    main()
