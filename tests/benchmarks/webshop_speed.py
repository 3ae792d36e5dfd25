"""Decisions a second of `webshop-v0`: `python tests/benchmarks/webshop_speed.py`.

`raw` is the pages alone, under random clicks; `text` is the environment as an arm meets it
(observation, state, candidate thoughts), under random candidates. Searches met before are
remembered, as in any long run. Time is processor time; the best of a few tries is taken. Compare
runs of one sitting only.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from forethought.envs.webshop.pages import Visit
from forethought.envs.webshop.reading import read_instruction
from forethought.envs.webshop.shop import open_shop
from forethought.envs.webshop.world import STEPS, WebShop

ERRANDS = 300
"""Different errands that are met."""


def raw_steps(count: int, rng: random.Random) -> float:
    shop = open_shop()
    readings = [read_instruction(one.instruction) for one in shop.errands["train"][:ERRANDS]]
    begun = time.process_time()
    visit, left = Visit(shop, rng.choice(readings)), STEPS
    for _ in range(count):
        if visit.page == "search":
            visit.act(f"search[{visit.reading.request}]")
        else:
            visit.act(f"click[{rng.choice(list(visit.buttons()))}]")
        left -= 1
        if visit.page == "bought" or not left:
            visit, left = Visit(shop, rng.choice(readings)), STEPS
    return count / (time.process_time() - begun)


def text_steps(count: int, rng: random.Random) -> float:
    env = WebShop()
    begun = time.process_time()
    over = True
    info: dict[str, Any] = {}
    for _ in range(count):
        if over:
            _, info = env.reset(options={"instance": rng.randrange(ERRANDS)})
        _, _, ended, cut, info = env.step(rng.choice(info["candidates"]).action)
        over = ended or cut
    return count / (time.process_time() - begun)


def best(measure: Callable[[int, random.Random], float], count: int, tries: int) -> float:
    rng = random.Random(0)
    measure(count, rng)  # searches are remembered on the way
    return max(measure(count, rng) for _ in range(tries))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="decisions of one try")
    parser.add_argument("--tries", type=int, default=3)
    given = parser.parse_args()
    report = {
        "raw": round(best(raw_steps, given.steps, given.tries)),
        "text": round(best(text_steps, given.steps, given.tries)),
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
