"""How good the bargaining heuristic is: `python tests/benchmarks/bargaining_heuristic.py`.

Prints its mean own share for a grid of settings on the same validation episodes, then, for the
settings that ship, the mean by opponent beside that of `unguided` and beside a ceiling: the best
reply of a player who knows the opponent's values and rule. The ceilings follow from the rules
without playing. No discount.
"""

import argparse
import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence

from forethought.agent.types import Candidate, Episode, Observation
from forethought.envs.bargaining.instances import instance_by_number
from forethought.envs.bargaining.opponents import OPPONENTS, RESERVATION
from forethought.envs.bargaining.oracle import Foresight
from forethought.envs.bargaining.rules import (
    MAX_TURNS,
    TOTAL,
    Bundle,
    Game,
    Instance,
    bundles,
    rest,
    worth,
)
from forethought.envs.bargaining.text import AGREE, GOALS, say_offer
from forethought.envs.bargaining.world import (
    HEURISTIC_BETA,
    HEURISTIC_FLOOR,
    WORLD,
    Bargaining,
    heuristic,
    unguided,
)
from forethought.envs.rollouts import plan

BETAS = (0.3, 0.5, 0.7, 1.0, 1.5)
FLOORS = (4.0, 5.0, 5.5, 6.0, 6.5, 7.0)
SHAPES = {"boulware": 0.3, "linear": 1.0, "conceder": 3.0}
Policy = Callable[[Observation, random.Random], Candidate]


def share(env: Bargaining, policy: Policy, episode: Episode) -> float:
    """Own points over all points, 0 to 1."""
    rng = random.Random(f"{episode.seed} {episode.instance} {episode.seat} {episode.opponent}")
    text, info = env.reset(
        seed=episode.seed,
        options={
            "instance": episode.instance,
            "seat": episode.seat,
            "opponent": episode.opponent,
        },
    )
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        action = policy(seen, rng).action
        text, reward, over, _, info = env.step(action or "")
        if over:
            return reward


def ceiling(instance: Instance, seat: int, opponent: str) -> float:
    """Expected share of the best reply to an opponent whose values and rule are known."""
    mine, theirs = instance.values[seat], instance.values[1 - seat]
    splits = [
        (worth(mine, b), worth(theirs, rest(instance.pool, b))) for b in bundles(instance.pool)
    ]
    if opponent == "micro":
        return _foreseen(instance, seat)
    if opponent == "random":
        return _stopping([own for own, _ in splits], seat) / TOTAL
    if opponent == "tit-for-tat":
        # After a first offer of nothing, what gives them g points lowers what they want to 10 - g.
        wanted = TOTAL / 2
    else:
        # What they want only falls, so the last offer they can answer is the one that counts.
        last = MAX_TURNS - 1 if seat == 0 else MAX_TURNS - 2
        time = last / (MAX_TURNS - 1)
        wanted = TOTAL - (TOTAL - RESERVATION) * time ** (1 / SHAPES[opponent])
    return max(own for own, their in splits if their >= wanted) / TOTAL


def _foreseen(instance: Instance, seat: int) -> float:
    """Expected share of the best play against `micro`, as the oracle of the world weighs it."""
    offers: tuple[Bundle, ...] = ()
    if seat == 1:  # which of its equally good bundles it begins with makes little difference
        game = Game(instance)
        game.offer(OPPONENTS["micro"](game, random.Random(0)) or instance.pool)
        offers = tuple(game.offers)
    knows = Foresight(instance, seat, "micro", offers, MAX_TURNS, 1.0)
    takes = (
        [AGREE, *(say_offer(b) for b in bundles(instance.pool))]
        if offers
        else [say_offer(b) for b in bundles(instance.pool)]
    )
    chances = (knows(Candidate("", action=take), GOALS[:-1]) for take in takes)
    return max(sum(each or 0.0 for each in row) for row in chances) / TOTAL


def _stopping(worths: Sequence[int], seat: int) -> float:
    """Points expected when any legal action of the other is as likely: when to stop, backwards."""
    actions = len(worths) + 1
    turns = range(seat, MAX_TURNS, 2)
    value = 0.0  # of asking for everything at the turn after this one
    for turn in reversed(turns):
        if turn == MAX_TURNS - 1:
            asking = 0.0
        elif turn == MAX_TURNS - 2:
            asking = TOTAL / actions
        else:
            asking = (TOTAL + sum(max(own, value) for own in worths)) / actions
        value = asking
    if seat == 0:
        return value
    return statistics.fmean(max(own, value) for own in worths)


def show(values: Sequence[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.fmean(values):.3f} ± {error:.3f}"


def print_line(*cells: str) -> None:
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def grid(episodes: Sequence[Episode]) -> None:
    env = Bargaining()
    cell_values: dict[tuple[float, float], list[float]] = {}
    print_line("beta / floor", *(f"{floor:g}" for floor in FLOORS))
    print_line(*(["---"] * (len(FLOORS) + 1)))
    for beta in BETAS:
        cells = []
        for floor in FLOORS:

            def policy(
                seen: Observation,
                rng: random.Random,
                beta: float = beta,
                floor: float = floor,
            ) -> Candidate:
                return heuristic(seen, rng, beta=beta, floor=floor)

            values = [share(env, policy, episode) for episode in episodes]
            cell_values[beta, floor] = values
            cells.append(show(values))
        print_line(f"{beta:g}", *cells)
    shipped = cell_values[HEURISTIC_BETA, HEURISTIC_FLOOR]
    for cell in sorted(cell_values, key=lambda c: -statistics.fmean(cell_values[c]))[:5]:
        gap = [a - b for a, b in zip(cell_values[cell], shipped, strict=True)]
        gained = "the same" if cell == (HEURISTIC_BETA, HEURISTIC_FLOOR) else show(gap)
        sys.stdout.write(
            f"beta {cell[0]:g}, floor {cell[1]:g} against the settings that ship: {gained}\n"
        )


def by_opponent(episodes: Sequence[Episode]) -> None:
    env = Bargaining()
    columns: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for episode in episodes:
        row = columns[episode.opponent]
        row["unguided"].append(share(env, unguided, episode))
        row["heuristic"].append(share(env, heuristic, episode))
        instance = instance_by_number(episode.instance)
        row["ceiling"].append(ceiling(instance, episode.seat, episode.opponent))
    print_line("opponent", "unguided", "heuristic", "ceiling")
    print_line(*(["---"] * 4))
    for name, row in columns.items():
        print_line(name, *(show(row[arm]) for arm in ("unguided", "heuristic", "ceiling")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000, help="episodes of one cell")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    trained = plan(WORLD, split="validation", episodes=given.episodes, seed=given.seed)
    grid(trained)
    sys.stdout.write(f"\nbeta {HEURISTIC_BETA:g}, floor {HEURISTIC_FLOOR:g}:\n\n")
    count = given.episodes * len(OPPONENTS) // len(WORLD.opponents)
    everyone = plan(
        WORLD, split="validation", episodes=count, seed=given.seed, opponents=tuple(OPPONENTS)
    )
    by_opponent(everyone)


if __name__ == "__main__":
    main()
