"""What guidance adds to a decision: `python tests/benchmarks/guidance_cost.py HEAD`.

HEAD is a head directory trained on `bargaining-v0`. The same decisions are taken by `rank`, by
`refine` and by the same planners with a critic that answers at once, in turn, so that what differs
is the head. All texts are in the cache of embeddings; a second table encodes them afresh. Models
answer at once. Time is processor time on one thread, in milliseconds a decision, the median of
repeats; pin it with `taskset -c 0`.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from forethought.agent.loop import ignore
from forethought.agent.models.scripted import FunctionModel
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.refine import Refine
from forethought.agent.protocols import Encoder, Planner, Turn, ValueFunction
from forethought.agent.types import Candidate, Estimate, Evidence, Goal, Observation, Request
from forethought.envs.bargaining.world import Bargaining
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.head import Head

EVEN = Estimate(0.5, 0.4, 0.6)


class Instant:
    """Answers the same to everything, at once."""

    name = "instant"

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        row = [EVEN] * len(goals)
        return [row for _ in candidates]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        return []


def observations(count: int) -> list[Observation]:
    env = Bargaining()
    found = []
    for number in range(count):
        text, info = env.reset(seed=number, options={"instance": 1_000_000 + number})
        found.append(
            Observation(
                text,
                info["state"],
                tuple(info["candidates"]),
                tuple(info["legal_actions"]),
                tuple(info["goals"]),
                info=info,
            )
        )
    return found


def answer(request: Request) -> str:
    """Whatever the stage asks for, taken from the schema."""
    properties = (request.schema or {})["properties"]
    said = {}
    for name, each in properties.items():
        options = each.get("enum") or each.get("items", {}).get("enum") or ["It goes on."]
        said[name] = options[: each["minItems"]] if each["type"] == "array" else options[-1]
    return json.dumps(said)


def measure(
    planners: dict[str, Planner], seen: Sequence[Observation], repeats: int
) -> dict[str, float]:
    """Milliseconds a decision, by planner; the planners take turns."""
    model = FunctionModel(answer)

    def turn(observation: Observation) -> Turn:
        return Turn(observation, observation.state, model, random.Random(0), emit=ignore)

    async def decide(planner: Planner) -> float:
        begun = time.process_time()
        for observation in seen:
            await planner.decide(turn(observation))
        return 1000 * (time.process_time() - begun) / len(seen)

    times: dict[str, list[float]] = {name: [] for name in planners}
    for _ in range(repeats):
        for name, planner in planners.items():
            times[name].append(asyncio.run(decide(planner)))
    return {name: statistics.median(found) for name, found in times.items()}


def planners_of(critic: ValueFunction) -> dict[str, Planner]:
    return {"rank": Rank(critic), "refine": Refine(critic, insist=True)}


def added(head: Head, wrap: Callable[[Encoder], Encoder], decisions: int) -> dict[str, float]:
    """What the head adds, by planner."""
    critic = LearnedValue(head, wrap(make_encoder(head.config.encoder)))
    seen = observations(decisions)
    measure(planners_of(critic), seen, 1)  # every text is met once
    guided = {f"{name} head": each for name, each in planners_of(critic).items()}
    plain = {f"{name} instant": each for name, each in planners_of(Instant()).items()}
    found = measure(guided | plain, seen, 15)
    return {name: found[f"{name} head"] - found[f"{name} instant"] for name in planners_of(critic)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("head")
    parser.add_argument("--decisions", type=int, default=60)
    options = parser.parse_args()
    head = Head.from_pretrained(options.head)
    seen = observations(options.decisions)
    report = {
        "candidates": statistics.fmean(len(each.candidates) for each in seen),
        "goals": statistics.fmean(len(each.goals) for each in seen),
        "added_ms_cached": added(head, RememberingEncoder, options.decisions),
        "added_ms_uncached": added(head, lambda encoder: encoder, options.decisions),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
