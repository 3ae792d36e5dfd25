"""Games and steps a second of Avalon: `python tests/benchmarks/avalon_speed.py`.

`engine` is the rules alone with random legal moves at five players, in games; `naive` are whole
games between five rule-based players. `text` is the environment as an arm meets it (observation,
state, candidate thoughts), each seat in turn under a random arm; a step is one decision with the
others' moves up to the next. Time is processor time, so that a busy machine does not count; the
best of a few tries is taken. Compare runs of one sitting only.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from forethought.envs.avalon.players import PLAYERS, play_out
from forethought.envs.avalon.rules import NAME, OVER, PROPOSE, QUEST, VOTE, Game, cast, teams
from forethought.envs.avalon.world import Avalon


def random_game(game: Game, rng: random.Random) -> None:
    table = game.table
    while table.phase != OVER:
        if table.phase == PROPOSE:
            game.propose(rng.choice(teams(5, table.size)))
        elif table.phase == VOTE:
            game.vote(rng.getrandbits(5))
        elif table.phase == QUEST:
            game.play(table.team & game.evil & rng.getrandbits(5))
        elif table.phase == NAME:
            game.name(game.roles.index("Merlin"))


def dealt(rng: random.Random) -> Game:
    roles = list(cast(5))
    rng.shuffle(roles)
    return Game(roles, rng.randrange(5))


def engine(count: int, rng: random.Random) -> float:
    begun = time.process_time()
    for _ in range(count):
        random_game(dealt(rng), rng)
    return count / (time.process_time() - begun)


def naive(count: int, rng: random.Random) -> float:
    begun = time.process_time()
    for _ in range(count):
        play_out(dealt(rng), (PLAYERS["naive"],) * 5, rng)
    return count / (time.process_time() - begun)


def text_steps(count: int, rng: random.Random) -> float:
    env = Avalon()
    begun = time.process_time()
    over, episode = True, 0
    info: dict[str, Any] = {}
    for _ in range(count):
        if over:
            _, info = env.reset(seed=rng.getrandbits(31), options={"seat": episode % 2})
            episode += 1
        _, _, over, _, info = env.step(rng.choice(info.get("legal_actions", ("",))))
    return count / (time.process_time() - begun)


def best(measure: Callable[[int, random.Random], float], count: int, tries: int) -> int:
    rng = random.Random(0)
    measure(count // 2, rng)  # tables of teams and sets are made on the way
    return round(max(measure(count, rng) for _ in range(tries)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4000, help="games, or steps, of one try")
    parser.add_argument("--tries", type=int, default=3)
    given = parser.parse_args()
    report = {
        measure.__name__: best(measure, given.count, given.tries)
        for measure in (engine, naive, text_steps)
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
