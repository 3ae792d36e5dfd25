"""Decisions a second of the worlds with questions: `python tests/benchmarks/multihop_speed.py`.

Each environment as an arm meets it, under random candidates. Searches and passages met before are
remembered, as in any long run. Time is processor time; the best of a few tries is taken. Compare
runs of one sitting only.
"""

import argparse
import json
import random
import sys
import time
from typing import Any

from forethought.agent.protocols import Environment
from forethought.envs.arithmetic.world import Arithmetic
from forethought.envs.multihop.world import MultiHop
from forethought.envs.multiplication.world import Multiplication

INSTANCES = 100
"""Different instances that are met."""


def text_steps(env: Environment, count: int, rng: random.Random) -> float:
    begun = time.process_time()
    over = True
    info: dict[str, Any] = {}
    for _ in range(count):
        if over:
            started = env.reset(options={"instance": rng.randrange(INSTANCES)})
            assert isinstance(started, tuple)
            info = started[1]
        listed = info.get("candidates", ())
        after = env.step((rng.choice(listed).action if listed else "12") or "")
        assert isinstance(after, tuple)
        _, _, ended, cut, info = after
        over = ended or cut
    return count / (time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000, help="decisions of one try")
    parser.add_argument("--tries", type=int, default=3)
    given = parser.parse_args()
    rng = random.Random(0)
    told = {}
    for env in (Arithmetic(), Multiplication(), MultiHop(), MultiHop(answering=False)):
        text_steps(env, given.steps, rng)  # searches are remembered on the way
        best = max(text_steps(env, given.steps, rng) for _ in range(given.tries))
        told[env.id] = round(best)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
