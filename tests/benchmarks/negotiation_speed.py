"""Steps a second of two negotiation worlds: `python tests/benchmarks/negotiation_speed.py`.

`raw` is the rules alone, both players taking random legal moves; a step is one move. `text` is the
environment as an arm meets it (observation, state, candidate thoughts) against each opponent in
turn; a step is one decision with the answer to it. `random` takes any candidate, `heuristic` plays
as that arm does, its own thinking included. Time is processor time; the best of a few tries is
taken. Compare runs of one sitting only.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable

from forethought.agent.types import Observation
from forethought.envs.campsite import instances as camps
from forethought.envs.campsite.rules import Game as CampGame
from forethought.envs.campsite.rules import Move, bundles
from forethought.envs.haggling import instances as haggles
from forethought.envs.haggling.rules import Game as HaggleGame
from forethought.envs.haggling.rules import mark_for, room
from forethought.envs.registry import Bot, get_world

Measure = Callable[[int, random.Random], float]


def haggling_raw(count: int, rng: random.Random) -> float:
    instances = haggles.split_instances("train")
    begun = time.process_time()
    game = HaggleGame(rng.choice(instances))
    for _ in range(count):
        seat = game.player
        limit = game.instance.limit(seat)
        game.offer(mark_for(seat, limit, int(rng.random() * (room(seat, limit) + 1))))
        if game.over:
            game.gains()
            game = HaggleGame(rng.choice(instances))
    return count / (time.process_time() - begun)


def camp_raw(count: int, rng: random.Random) -> float:
    instances = camps.split_instances("train")
    takes = bundles()
    begun = time.process_time()
    one = rng.choice(instances)
    game = CampGame(one.priorities, one.first)
    for _ in range(count):
        seat = game.player
        if game.pending is not None:
            game.make(Move(seat, "accept" if rng.random() < 0.3 else "reject"))
        else:
            game.make(Move(seat, "submit", take=takes[int(rng.random() * len(takes))]))
        if game.over:
            game.points()
            one = rng.choice(instances)
            game = CampGame(one.priorities, one.first)
    return count / (time.process_time() - begun)


def text(world_id: str, bot: Bot) -> Measure:
    world = get_world(world_id)

    def measure(count: int, rng: random.Random) -> float:
        env = world.make()
        names = (*world.opponents, *world.unseen)
        begun = time.process_time()
        over, episode, shown, info = True, 0, "", {}
        for _ in range(count):
            if over:
                options = {"seat": episode % 2, "opponent": names[episode % len(names)]}
                shown, info = env.reset(seed=rng.getrandbits(31), options=options)  # type: ignore[misc]
                episode += 1
            seen = Observation(shown, candidates=info["candidates"], info=info)
            shown, _, over, _, info = env.step(bot(seen, rng).action or "")  # type: ignore[misc]
        return count / (time.process_time() - begun)

    return measure


def anything(seen: Observation, rng: random.Random) -> object:
    return seen.candidates[int(rng.random() * len(seen.candidates))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="steps of one try")
    parser.add_argument("--tries", type=int, default=3)
    given = parser.parse_args()
    raw: dict[str, Measure] = {"haggling-v0": haggling_raw, "campsite-v0": camp_raw}
    report: dict[str, dict[str, int]] = {}
    for world_id, rules in raw.items():
        heuristic = get_world(world_id).bots["heuristic"]
        measures = {
            "raw": rules,
            "text, random": text(world_id, anything),  # type: ignore[arg-type]
            "text, heuristic": text(world_id, heuristic),
        }
        rng = random.Random(0)
        report[world_id] = {}
        for name, measure in measures.items():
            measure(given.steps // 2, rng)  # what can be remembered is remembered
            report[world_id][name] = round(
                max(measure(given.steps, rng) for _ in range(given.tries))
            )
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
