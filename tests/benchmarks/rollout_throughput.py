"""How near many episodes at once come to the throughput that a model of fixed latency allows.

Ideal is the number at once over the latency, in calls a second: the model does nothing but wait,
so whatever is lost is the loop's and the world's. The last episodes to end are counted too, though
fewer wait beside them. Two figures: by the clock on the wall, where other processes on the machine
count too, and by processor time plus waiting, as on an idle core.

    python tests/benchmarks/rollout_throughput.py [--episodes 4000] [--latency 0.05] [--at-once 64]
        [--repeats 3] [--env bargaining-v0]
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from forethought.agent.arms import Arm, build_planner
from forethought.agent.types import Reply, Request, Usage
from forethought.envs.registry import get_world
from forethought.envs.results import Result
from forethought.envs.rollouts import Recording, plan, roll

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from idle_loop import timed


class Slow:
    """Answers after a fixed time; any number of calls at once."""

    name = "slow"

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.calls = 0

    async def complete(self, request: Request) -> Reply:
        await asyncio.sleep(self.latency)
        self.calls += 1
        return Reply('{"thought": "I take what I want.", "action": ""}', Usage(1, 300, 20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="bargaining-v0")
    parser.add_argument("--episodes", type=int, default=4000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    for _ in range(given.repeats):
        for idle in (True, False):
            figures = measure(given.env, given.episodes, given.latency, given.at_once, idle=idle)
            print(json.dumps(figures))


def measure(env: str, count: int, latency: float, at_once: int, *, idle: bool) -> dict[str, object]:
    world, model = get_world(env), Slow(latency)
    planner = build_planner(Arm.parse("react"), bots=world.bots)
    episodes = plan(world, split="train", episodes=count, seed=1, arm="react")
    with (
        tempfile.TemporaryDirectory() as folder,
        Recording(Path(folder) / "traces.jsonl", keep=Result.of) as record,
    ):

        async def run() -> list[Result]:
            return await roll(
                world,
                planner,
                episodes,
                keep=Result.of,
                record=record,
                model=model,
                concurrency=at_once,
            )

        busy = time.process_time()
        if idle:
            results, seconds = timed(run)
        else:
            start = time.perf_counter()
            results = asyncio.run(run())
            seconds = time.perf_counter() - start
        busy = time.process_time() - busy
    ideal = model.calls * latency / at_once
    return {
        "clock": "idle core" if idle else "wall",
        "env": env,
        "episodes": len(results),
        "failed": sum(each.failed for each in results),
        "calls": model.calls,
        "seconds": round(seconds, 2),
        "share of ideal": round(ideal / seconds, 3),
        "processor ms per call": round(1000 * busy / model.calls, 3),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
