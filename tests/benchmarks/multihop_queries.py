"""Who finds all passages? `python tests/benchmarks/multihop_queries.py --critic HEAD`.

Every arm asks the same questions of `multihop-find-v0`, four searches of three passages each. For
each arm the share of questions with all passages needed among those found, the recall, and the
paired difference of the former to each other arm named in `--against`, with 95 % intervals; beside
them one bare query, ten and twelve passages deep. HEAD is a head directory with its control in
`permuted/`, as `forethought improve multihop-find-v0` writes it; without it only the arms that need
none are measured. `--split test-musique` are MuSiQue's development questions.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forethought.agent.arms import Arm, build_planner
from forethought.agent.protocols import ValueFunction
from forethought.agent.types import Trace
from forethought.envs.multihop.find import WORLD
from forethought.envs.multihop.library import open_library
from forethought.envs.rollouts import plan, play
from forethought.envs.stats import mean_interval, paired_difference
from forethought.valuefn.critic import load_critic

ARMS = ("repeat", "by-title", "heuristic", "unguided")


def found(traces: list[Trace], fact: str) -> list[float]:
    """A fact of every episode's ending, as numbers."""
    facts = [trace.outcome.facts for trace in traces if trace.outcome is not None]
    return [float(each[fact] or 0) for each in facts]


def bare(split: str) -> dict[str, float]:
    """Share of the questions whose passages all are among the first hits of the question itself."""
    library = open_library()
    asked = [library.question(number) for number in WORLD.splits[split]]
    hits = [library.index.find(question.text) for question in asked]
    return {
        f"bare query at {depth}": round(
            sum(q.gold <= set(h[:depth]) for q, h in zip(asked, hits, strict=True)) / len(asked), 4
        )
        for depth in (10, 12, 20)
    }


def measure(
    split: str, episodes: int, seed: int, critics: Mapping[str, ValueFunction]
) -> dict[str, list[Trace]]:
    """The same questions, played by every arm."""
    ways = [*ARMS, *(("rank", "rank+permuted") if critics else ())]
    planned = plan(WORLD, split=split, episodes=episodes, seed=seed)
    return {
        way: asyncio.run(
            play(WORLD, build_planner(Arm.parse(way), critics=critics, bots=WORLD.bots), planned)
        )
        for way in ways
    }


def report(
    played: Mapping[str, list[Trace]], against: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Shares, recalls and paired differences, with intervals."""
    told: dict[str, Any] = {}
    for way, traces in played.items():
        row: dict[str, Any] = {}
        for name, fact in (("all found", "all_found"), ("recall", "recall")):
            mean = mean_interval(found(traces, fact), seed=seed)
            row[name] = [round(each, 4) for each in (mean.value, mean.low, mean.high)]
        for other in against:
            if other != way and other in played:
                ours, theirs = found(traces, "all_found"), found(played[other], "all_found")
                gap = paired_difference(ours, theirs, seed=seed)
                row[f"minus {other}"] = [round(each, 4) for each in (gap.value, gap.low, gap.high)]
        row["searches"] = sum(found(traces, "searches")) / len(traces)
        row["passages"] = sum(found(traces, "passages")) / len(traces)
        told[way] = row
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--critic", type=Path)
    parser.add_argument("--split", default="test-musique", choices=list(WORLD.splits))
    parser.add_argument("--episodes", type=int, help="questions; all of the split by default")
    parser.add_argument("--against", default="repeat,heuristic")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    critics: dict[str, ValueFunction] = {}
    if given.critic:
        critics = {
            "head": load_critic(given.critic),
            "permuted": load_critic(given.critic / "permuted"),
        }
    count = given.episodes or len(WORLD.splits[given.split])
    played = measure(given.split, count, given.seed, critics)
    told: dict[str, Any] = {"split": given.split, "questions": count} | bare(given.split)
    told["arms"] = report(played, tuple(given.against.split(",")), given.seed)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
