"""Traces of `signpost-v0` for tests of learning: the prefix is chosen at random."""

import random

from forethought.agent.types import Decision, Episode, Outcome, Step, Trace
from forethought.envs.signpost import Signpost


def signpost_traces(count: int = 300, seed: int = 0) -> list[Trace]:
    """Finished episodes under random prefixes."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        world = Signpost()
        text, info = world.reset(seed=seed, options={"instance": number})
        candidate = rng.choice(info["candidates"])
        outcome = world.step(candidate.action)[-1]["outcome"]
        assert isinstance(outcome, Outcome)
        found.append(
            Trace(
                Episode(f"{seed}/{number}", world.id, instance=number),
                (Step(0, text, info["state"], Decision(candidate, candidate.action, "test")),),
                outcome,
            )
        )
    return found
