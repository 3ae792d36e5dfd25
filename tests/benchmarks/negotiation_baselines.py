"""How good scripted policies are: `python tests/benchmarks/negotiation_baselines.py WORLD`.

For `haggling-v0` or `campsite-v0`. Prints the heuristic's mean reward for a grid of settings on the
same validation episodes, then, for the settings that ship, the mean by opponent beside that of
`unguided` and, where the world has an oracle, of a player who always takes what the oracle says is
best. Opponents kept for tests are listed last. Plus and minus one standard error.
"""

import argparse
import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from forethought.agent.protocols import Environment
from forethought.agent.types import Candidate, Episode, Observation
from forethought.envs.registry import World, get_world
from forethought.envs.rollouts import plan

BETAS = {"haggling-v0": (0.2, 0.3, 0.5, 0.7, 1.0), "campsite-v0": (0.5, 0.7, 1.0, 1.5, 2.5)}
FLOORS = {
    "haggling-v0": (0.0, 0.05, 0.1, 0.15, 0.2, 0.3),
    "campsite-v0": (8.0, 10.0, 12.0, 14.0, 16.0, 18.0),
}
POLICIES = {
    "haggling-v0": "forethought.envs.haggling.policies",
    "campsite-v0": "forethought.envs.campsite.policies",
}
Policy = Callable[[Observation, random.Random], Candidate]


def reward_of(env: Environment, policy: Policy, episode: Episode) -> float:
    """The reward of one episode."""
    rng = random.Random(f"{episode.seed} {episode.instance} {episode.seat} {episode.opponent}")
    options = {
        "instance": episode.instance,
        "seat": episode.seat,
        "opponent": episode.opponent,
    }
    shown = env.reset(seed=episode.seed, options=options)
    assert isinstance(shown, tuple)
    text, info = shown
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        result = env.step(policy(seen, rng).action or "")
        assert isinstance(result, tuple)
        text, reward, over, _, info = result
        if over:
            return float(reward)


def best_known(seen: Observation, rng: random.Random) -> Candidate:
    """The candidate of which the world expects most."""
    goals = seen.info["goals"]

    def worth(candidate: Candidate) -> float:
        chances = seen.info["oracle"](candidate, goals)
        return float(
            sum(
                goal.signed_weight * (chance or 0.0)
                for goal, chance in zip(goals, chances, strict=True)
            )
        )

    return max(seen.candidates, key=worth)


def show(values: Sequence[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.fmean(values):.3f} ± {error:.3f}"


def print_line(*cells: str) -> None:
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def grid(world: World, heuristic: Callable[..., Candidate], episodes: Sequence[Episode]) -> None:
    env = world.make()
    floors = FLOORS[world.id]
    print_line("beta / floor", *(f"{floor:g}" for floor in floors))
    print_line(*(["---"] * (len(floors) + 1)))
    for beta in BETAS[world.id]:
        cells = []
        for floor in floors:
            policy = partial(heuristic, beta=beta, floor=floor)
            cells.append(show([reward_of(env, policy, episode) for episode in episodes]))
        print_line(f"{beta:g}", *cells)


def by_opponent(world: World, episodes: Sequence[Episode]) -> None:
    env = world.make()
    arms: dict[str, Policy] = {name: world.bots[name] for name in ("unguided", "heuristic")}
    if world.oracle:
        arms["oracle"] = best_known
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for episode in episodes:
        for name, policy in arms.items():
            rows[episode.opponent][name].append(reward_of(env, policy, episode))
    print_line("opponent", *arms)
    print_line(*(["---"] * (len(arms) + 1)))
    met = [rows[name] for name in world.opponents]
    everyone = {arm: [value for row in met for value in row[arm]] for arm in arms}
    for name, row in [*rows.items(), ("all met in training", everyone)]:
        print_line(name, *(show(row[arm]) for arm in arms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=sorted(POLICIES))
    parser.add_argument("--episodes", type=int, default=1000, help="episodes of one cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-grid", action="store_true", help="only the table by opponent")
    given = parser.parse_args()
    world = get_world(given.world)
    heuristic = import_module(POLICIES[given.world]).heuristic
    if not given.no_grid:
        grid(
            world,
            heuristic,
            plan(world, split="validation", episodes=given.episodes, seed=given.seed),
        )
        sys.stdout.write("\n")
    names = (*world.opponents, *world.unseen)
    count = given.episodes * len(names) // len(world.opponents)
    by_opponent(
        world,
        plan(world, split="validation", episodes=count, seed=given.seed, opponents=names),
    )


if __name__ == "__main__":
    main()
