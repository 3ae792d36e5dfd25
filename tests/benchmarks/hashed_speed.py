"""Texts a second of the hashed encoder on one core: `taskset -c 1 python hashed_speed.py`.

Three bodies of text: states of `bargaining-v0`, the thoughts chosen in them, and states of CaSiNo;
each as it comes, with its natural repeats in order, and with every text once. Each round takes a
new encoder (`cold`: nothing remembered) and then encodes the same again (`warm`: its sentences and
numbers are known). Processor time on one thread; medians of the rounds, in which the bodies take
turns. The digest of all vectors is printed: it changes when any bit of any vector does.
"""

import argparse
import asyncio
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Sequence

from forethought.agent.arms import Arm, build_planner
from forethought.envs.casino import casino_traces
from forethought.envs.registry import get_world
from forethought.envs.rollouts import plan, play
from forethought.valuefn.hashed import HashedEncoder


def bodies(episodes: int) -> dict[str, list[str]]:
    """The texts by name, in the order in which episodes hold them."""
    world = get_world("bargaining-v0")
    planner = build_planner(Arm.parse("unguided"), bots=world.bots)
    planned = plan(world, split="train", episodes=episodes, seed=1)
    played = asyncio.run(play(world, planner, planned))
    steps = [step for trace in played for step in trace.steps]
    return {
        "bargaining states": [step.state for step in steps],
        "bargaining thoughts": [step.decision.candidate.thought for step in steps],
        "casino states": [step.state for trace in casino_traces() for step in trace.steps],
    }


def rate(encoder: HashedEncoder, texts: Sequence[str]) -> float:
    """Texts a second."""
    begun = time.process_time()
    encoder.encode(texts)
    return len(texts) / (time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rates: dict[tuple[str, str, str], list[float]] = {}
    found = bodies(options.episodes)
    for _ in range(options.rounds):
        for name, texts in found.items():
            for kind, chosen in (("repeats", texts), ("distinct", list(dict.fromkeys(texts)))):
                encoder = HashedEncoder()
                for state in ("cold", "warm"):
                    rates.setdefault((name, kind, state), []).append(rate(encoder, chosen))
    vectors = HashedEncoder().encode([text for texts in found.values() for text in texts])
    report = {
        "texts": {name: [len(texts), len(set(texts))] for name, texts in found.items()},
        "texts_per_second": {
            ", ".join(key): round(statistics.median(each)) for key, each in rates.items()
        },
        "digest": hashlib.blake2b(vectors.tobytes(), digest_size=16).hexdigest(),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
