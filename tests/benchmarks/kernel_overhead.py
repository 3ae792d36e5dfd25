"""What the loop itself costs: `python tests/benchmarks/kernel_overhead.py`.

One model call and one tool call a step, a model that answers at once, traces written. The overhead
a step is the slope of the run time over the number of steps, so that starting up cancels; it is
taken over steps 5 to 25, 50 to 100 and 100 to 200. Then 5-step runs, 100 at once, in runs/s.
Time is processor time, so that a busy machine does not count; pin it with `taskset -c 0`.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forethought.agent.loop import run_episode
from forethought.agent.planners.react import React
from forethought.agent.task import ToolTask
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Episode, Reply, Request, Trace, Usage

CALL = json.dumps({"thought": "I look it up.", "action": 'look {"item": "bike"}'})
DONE = json.dumps({"thought": "I know enough.", "action": "answer: 7"})


class Instant:
    """Calls the tool `steps` times, then answers."""

    name = "instant"

    def __init__(self, steps: int) -> None:
        self._left = steps

    async def complete(self, request: Request) -> Reply:
        self._left -= 1
        return Reply(CALL if self._left >= 0 else DONE, Usage(1, 100, 20))


class Look:
    name = "look"
    description = "Looks an item up."
    schema: Mapping[str, Any] = {"properties": {"item": {"type": "string"}}, "required": ["item"]}

    def call(self, arguments: Mapping[str, Any]) -> str:
        return f"{arguments['item']}: 7 in stock"


async def one_run(steps: int, number: int, writer: TraceWriter | None) -> Trace:
    return await run_episode(
        ToolTask("How many?", [Look()]),
        React(),
        episode=Episode(f"e{steps}-{number}", "tool-task", seed=number),
        model=Instant(steps),
        writer=writer,
        max_steps=1000,
    )


def seconds_of_run(steps: int, repeats: int, writer: TraceWriter | None) -> float:
    async def measure() -> list[float]:
        times = []
        for number in range(repeats):
            begun = time.process_time()
            trace = await one_run(steps, number, writer)
            times.append(time.process_time() - begun)
            if len(trace.steps) != steps + 1:
                raise RuntimeError(f"the run took {len(trace.steps)} steps, not {steps + 1}")
        return times

    return statistics.median(asyncio.run(measure()))


def runs_per_second(at_once: int, writer: TraceWriter | None) -> float:
    async def measure() -> float:
        begun = time.process_time()
        await asyncio.gather(*(one_run(5, number, writer) for number in range(at_once)))
        return at_once / (time.process_time() - begun)

    return statistics.median(asyncio.run(measure()) for _ in range(7))


def slopes(points: Sequence[tuple[int, int]], writer: TraceWriter | None) -> dict[str, float]:
    counts = sorted({count for pair in points for count in pair})
    seconds_of_run(5, 20, writer)  # warm up
    times = {count: seconds_of_run(count, max(25, 2000 // count), writer) for count in counts}
    return {f"{a}-{b}": 1000 * (times[b] - times[a]) / (b - a) for a, b in points}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder, TraceWriter(Path(folder) / "t.jsonl") as writer:
        report = {
            "ms_per_step": slopes([(5, 25), (50, 100), (100, 200)], writer),
            "ms_per_step_without_traces": slopes([(5, 25), (50, 100), (100, 200)], None),
            "runs_per_second": runs_per_second(100, writer),
            "runs_per_second_without_traces": runs_per_second(100, None),
        }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
