"""Steps a second of the bargaining world: `python tests/benchmarks/bargaining_speed.py`.

`raw` is the rules alone, both players taking random legal actions; a step is one action. `text` is
the environment as an arm meets it (observation, state, candidate thoughts) against each opponent
in turn, under a random arm; a step is one decision with the answer to it. Time is processor time,
so that a busy machine does not count; the best of a few tries is taken. Compare runs of one sitting
only.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from forethought.envs.bargaining.instances import split_instances
from forethought.envs.bargaining.opponents import OPPONENTS
from forethought.envs.bargaining.rules import Game, bundles
from forethought.envs.bargaining.world import Bargaining


def raw_steps(count: int, rng: random.Random) -> float:
    instances = split_instances("train")
    begun = time.process_time()
    game = Game(rng.choice(instances))
    for _ in range(count):
        offers = bundles(game.instance.pool)
        pick = int(rng.random() * (len(offers) + bool(game.offers)))
        if pick < len(offers):
            game.offer(offers[pick])
        else:
            game.agree()
        if game.over:
            game.returns()
            game = Game(rng.choice(instances))
    return count / (time.process_time() - begun)


def text_steps(count: int, rng: random.Random) -> float:
    env = Bargaining()
    names = tuple(OPPONENTS)
    begun = time.process_time()
    over, episode = True, 0
    info: dict[str, Any] = {}
    for _ in range(count):
        if over:
            options = {"seat": episode % 2, "opponent": names[episode % len(names)]}
            _, info = env.reset(seed=rng.getrandbits(31), options=options)
            episode += 1
        _, _, over, _, info = env.step(rng.choice(info["legal_actions"]))
    return count / (time.process_time() - begun)


def best(measure: Callable[[int, random.Random], float], count: int, tries: int) -> float:
    rng = random.Random(0)
    measure(count // 2, rng)  # tables of the instances are made on the way
    return max(measure(count, rng) for _ in range(tries))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000, help="steps of one try")
    parser.add_argument("--tries", type=int, default=5)
    given = parser.parse_args()
    report = {
        "raw": round(best(raw_steps, given.steps, given.tries)),
        "text": round(best(text_steps, given.steps, given.tries)),
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
