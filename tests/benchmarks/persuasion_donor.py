"""Bots before the simulated donor, and steps a second: what `docs/persuasion.md` shows.

    python tests/benchmarks/persuasion_donor.py --episodes 2000

`grid` is the heuristic's settings on validation episodes, `bots` the bots that ship by opponent on
the same instances, `speed` steps a second of processor time: the rules alone (`raw`), and the
environment as an arm meets it (`text`).
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from statistics import fmean
from typing import Any

from forethought.agent.types import Candidate, Observation, Outcome
from forethought.envs.persuasion.donors import donor_by_number
from forethought.envs.persuasion.policies import heuristic
from forethought.envs.persuasion.rules import ACTS, Talk
from forethought.envs.persuasion.strategies import ASKS
from forethought.envs.persuasion.view import GOALS
from forethought.envs.persuasion.world import WORLD, Persuasion
from forethought.envs.registry import Bot
from forethought.envs.rollouts import plan
from forethought.envs.stats import mean_interval

WARMTHS = (2, 4, 5, 6, 7, 8, 9, 10)


def known(seen: Observation, rng: random.Random) -> Candidate:
    """What the world's own knowledge says is best."""
    oracle = seen.info["oracle"]
    return max(
        seen.candidates,
        key=lambda c: sum(g.weight * p for g, p in zip(GOALS, oracle(c, GOALS), strict=True)),
    )


def outcomes(bot: Bot, episodes: int, opponents: Sequence[str]) -> list[Outcome]:
    """Play validation episodes."""
    env, found = Persuasion(), []
    for one in plan(WORLD, split="validation", episodes=episodes, seed=0, opponents=opponents):
        options = {"instance": one.instance, "opponent": one.opponent}
        text, info = env.reset(seed=one.seed, options=options)
        rng, over = random.Random(one.seed), False
        while not over:
            seen = Observation(text, candidates=info["candidates"], info=info)
            text, _, over, _, info = env.step(bot(seen, rng).action or "")
        found.append(info["outcome"])
    return found


def told(played: Sequence[Outcome]) -> str:
    """Mean reward with its interval's half width, and success."""
    reward = mean_interval([outcome.reward for outcome in played], seed=0)
    success = fmean(outcome.success for outcome in played)
    return f"{reward.value:.3f} ± {(reward.high - reward.low) / 2:.3f}, {success:.3f}"


def raw(count: int, rng: random.Random) -> float:
    """Steps a second of the rules."""
    donors = [donor_by_number(number, "sober") for number in range(200)]
    begun = time.process_time()
    talk = Talk(donors[0])
    for step in range(count):
        talk.act(ACTS[int(rng.random() * (len(ACTS) - 1))])
        if talk.over:
            _ = talk.gift
            talk = Talk(donors[step % len(donors)])
    return count / (time.process_time() - begun)


def text(count: int, rng: random.Random) -> float:
    """Steps a second of the environment."""
    env, over = Persuasion(), True
    info: dict[str, Any] = {}
    begun = time.process_time()
    for _ in range(count):
        if over:
            _, info = env.reset(seed=rng.getrandbits(31))
        candidates = info["candidates"]
        _, _, over, _, info = env.step(candidates[int(rng.random() * len(candidates))].action)
    return count / (time.process_time() - begun)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    asked = parser.parse_args()
    grid = {}
    for warmth in WARMTHS:
        for first in ASKS:
            bot = partial(heuristic, ask_at=warmth, first_ask=first)
            grid[f"{warmth}, {first}"] = told(outcomes(bot, asked.episodes, WORLD.opponents))
    bots = {
        name: {
            each: told(outcomes(bot, asked.episodes // 4, (each,)))
            for each in (*WORLD.opponents, *WORLD.unseen)
        }
        for name, bot in {**WORLD.bots, "oracle": known}.items()
    }
    together = {
        n: told(outcomes(b, asked.episodes, WORLD.opponents)) for n, b in WORLD.bots.items()
    }
    rng = random.Random(0)
    speed = {
        name: round(max(measure(20_000, rng) for _ in range(3)))
        for name, measure in (("raw", raw), ("text", text))
    }
    report = {"grid": grid, "bots": bots, "met in training": together, "speed": speed}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
