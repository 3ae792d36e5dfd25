"""What watching costs: `python tests/benchmarks/telemetry_overhead.py`.

The same runs of 40 steps, one model call and one tool call a step, unwatched and with the spans of
`Telemetry` going to a processor that drops them. Time is processor time; pin it with
`taskset -c 0`. Printed: milliseconds a step of each, and how many spans a step there are.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from forethought.agent.loop import run_episode
from forethought.agent.planners.react import React
from forethought.agent.task import ToolTask
from forethought.agent.telemetry import Telemetry
from forethought.agent.types import Episode, Reply, Request, Usage

STEPS = 40
CALL = json.dumps({"thought": "I look it up.", "action": 'look {"item": "bike"}'})
EPISODE = Episode("e", "tool-task", arm="react")


class Instant:
    name = "instant"

    async def complete(self, request: Request) -> Reply:
        return Reply(CALL, Usage(1, 100, 20))


class Look:
    name = "look"
    description = "Looks an item up."
    schema: Mapping[str, Any] = {"properties": {"item": {"type": "string"}}, "required": ["item"]}

    def call(self, arguments: Mapping[str, Any]) -> str:
        return f"{arguments['item']}: 7 in stock"


class Counter(SpanProcessor):
    count = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.count += 1


async def plain() -> None:
    await run_episode(
        ToolTask("?", [Look()]), React(), episode=EPISODE, model=Instant(), max_steps=STEPS
    )


async def watched(telemetry: Telemetry) -> None:
    task = ToolTask("?", [telemetry.tool(Look())])
    with telemetry.episode(EPISODE, model=Instant()) as each:
        await run_episode(
            task, React(), episode=EPISODE, model=each.model, listen=each.listen, max_steps=STEPS
        )


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    counter = Counter()
    provider = TracerProvider()
    provider.add_span_processor(counter)
    telemetry = Telemetry(provider)
    times: dict[str, list[float]] = {"plain": [], "watched": []}
    for _ in range(40):
        for name, run in (("plain", plain), ("watched", lambda: watched(telemetry))):
            begun = time.process_time()
            asyncio.run(run())
            times[name].append(time.process_time() - begun)
    report = {f"{name}_ms": 1000 * statistics.median(t) / STEPS for name, t in times.items()}
    report["spans"] = counter.count / 40 / STEPS
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
