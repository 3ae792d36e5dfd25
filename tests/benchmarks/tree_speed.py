"""What a tree search costs of its own: `taskset -c 1 python tests/benchmarks/tree_speed.py`.

One decision of `tree` in a world of free text, with a model and a critic that answer at once, over
10 to 10,000 iterations; the decision with its record of the tree is written to a trace file, as the
loop would. From its time is taken that of as many bare calls: the model's `complete` through an
episode's meter, and the critic's `estimate` with the candidates and goals of an expansion. What
stays is the planner's own: prompts, reading replies, selection, growth, back-up, the final choice
and the record. Microseconds an iteration, the median of a few decisions; processor time, so that a
busy machine does not count. The last line is the time of all iterations over those of a tenth: 10
is linear.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from forethought.agent.budget import Meter
from forethought.agent.planners.tree import Tree
from forethought.agent.protocols import Turn
from forethought.agent.trace import TraceWriter
from forethought.agent.types import (
    Candidate,
    Estimate,
    Evidence,
    Goal,
    Message,
    Observation,
    Reply,
    Request,
    Step,
    Usage,
)

WIDTH = 5
TOGETHER = 1000
"""Iterations between two looks at the clock, which may take milliseconds on a virtual machine."""
GOALS = (
    Goal("We reach a deal.", weight=4.0),
    Goal("I get at least 6 points.", weight=6.0),
    Goal("The talks fail.", "feared", 2.0),
    Goal("I get at most 2 points.", "feared", 3.0),
)


class Instant:
    """A model that names five thoughts, other ones each time."""

    name = "instant"

    def __init__(self) -> None:
        self._replies = [
            Reply(
                json.dumps(
                    {
                        "thoughts": [
                            f"I offer {number + place} books, as they seem to want them."
                            for place in range(WIDTH)
                        ]
                    }
                ),
                Usage(1, 100, 60),
            )
            for number in range(997)
        ]
        self._next = 0

    async def complete(self, request: Request) -> Reply:
        self._next = (self._next + 1) % len(self._replies)
        return self._replies[self._next]


class Free:
    """A critic that deals out ready rows."""

    name = "free"

    def __init__(self) -> None:
        rng = random.Random(0)
        self._rows = [[Estimate(rng.random(), 0.0, 1.0) for _ in GOALS] for _ in range(997 + WIDTH)]
        self._next = 0

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        self._next = (self._next + 1) % 997
        return self._rows[self._next : self._next + len(candidates)]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        return []


INSTANT, FREE, DICE = Instant(), Free(), random.Random(0)
METER = Meter(INSTANT)


async def decide(iterations: int, writer: TraceWriter) -> None:
    """One decision and its record."""
    planner = Tree(FREE, iterations)
    turn = Turn(
        Observation("They wait for an offer.", goals=GOALS),
        "Three books and two hats; they asked for all the books twice.",
        METER,
        DICE,
    )
    decided = await planner.decide(turn)
    writer.step("e", Step(0, turn.observation.text, turn.state, decided))
    if decided.search[0].visits != iterations:
        raise RuntimeError(f"{decided.search[0].visits} iterations, not {iterations}")


async def decisions(iterations: int, count: int, writer: TraceWriter) -> float:
    """Processor seconds of one of so many decisions; one look at the clock serves them all."""
    begun = time.process_time()
    for _ in range(count):
        await decide(iterations, writer)
    return (time.process_time() - begun) / count


async def bare(iterations: int, count: int) -> tuple[float, float]:
    """Processor seconds of as many calls as such decisions make, of the model and of the critic."""
    request = Request((Message("user", "prompt"),), stage="propose")
    candidates = [Candidate(str(place)) for place in range(WIDTH)]
    begun = time.process_time()
    for _ in range(count * (iterations + 1)):  # one more, which words the action
        await METER.complete(request)
    asked = time.process_time()
    for _ in range(count * iterations):
        FREE.estimate("state", candidates, GOALS)
    return asked - begun, time.process_time() - asked


async def measure(iterations: int, repeats: int, writer: TraceWriter) -> dict[str, float]:
    count = max(1, TOGETHER // iterations)
    rows = [
        (count * await decisions(iterations, count, writer), *await bare(iterations, count))
        for _ in range(repeats)
    ]
    whole, model, critic = (
        1e6 * statistics.median(column) / (count * iterations) for column in zip(*rows, strict=True)
    )
    return {"own": whole - model - critic, "model": model, "critic": critic, "whole": whole}


async def report(counts: Sequence[int]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, TraceWriter(Path(folder) / "t.jsonl") as writer:
        await measure(100, 5, writer)  # warm up
        us = {
            n: await measure(n, max(5, 2000 // n // max(1, TOGETHER // n)), writer) for n in counts
        }
    return {
        "us_per_iteration": us,
        "times_as_long_as_a_tenth": {
            n: 10 * us[n]["own"] / us[n // 10]["own"] for n in counts if n // 10 in us
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    counts = parser.parse_args().iterations
    sys.stdout.write(json.dumps(asyncio.run(report(counts)), indent=2) + "\n")


if __name__ == "__main__":
    main()
