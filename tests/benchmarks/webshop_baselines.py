"""Figures of `webshop-v0`: `python tests/benchmarks/webshop_baselines.py`.

First purchases straight from one search for the whole instruction, without the environment: a
random product, the first hit, the first hit with the options asked for, and the target wherever it
is on the first page (the ceiling of one search). Then the scripted policies in the environment, on
one split, and with `--critic` those of a head and of its control.
Intervals draw products again, not errands: errands for one product are alike.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from forethought.agent.planners.bot import BotPlanner
from forethought.agent.planners.rank import Rank
from forethought.agent.protocols import Planner
from forethought.envs.rollouts import plan, play
from forethought.envs.webshop.pages import WINDOW
from forethought.envs.webshop.products import Product
from forethought.envs.webshop.reward import judge
from forethought.envs.webshop.shop import Errand, Shop, open_shop
from forethought.envs.webshop.world import WORLD
from forethought.valuefn.critic import load_critic

DRAWS = 1000


def fitting(product: Product, errand: Errand) -> dict[str, str]:
    """The options asked for, as far as a product offers them."""
    asked = errand.options.items()
    return {name: value for name, value in asked if value in product.options.get(name, ())}


def bought(product: Product, chosen: Mapping[str, str], errand: Errand) -> float:
    return judge(product, chosen, errand.target, errand.options, errand.limit).reward


def one_search(shop: Shop, errand: Errand, rng: random.Random) -> dict[str, float]:
    """Rewards of the four ways to buy after one search."""
    page = [shop.products[place] for place in shop.index.find(errand.instruction)[:WINDOW]]
    best = errand.target if errand.target in page else page[0]
    return {
        "random": bought(rng.choice(shop.products), {}, errand),
        "first hit": bought(page[0], {}, errand),
        "first hit + options": bought(page[0], fitting(page[0], errand), errand),
        "target on the first page": bought(best, fitting(best, errand), errand),
    }


def interval(values: Sequence[float], products: Sequence[str], seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of the mean, whole products drawn again."""
    groups: dict[str, list[float]] = defaultdict(list)
    for value, product in zip(values, products, strict=True):
        groups[product].append(value)
    sums = [(sum(group), len(group)) for group in groups.values()]
    rng = random.Random(seed)
    means = []
    for _ in range(DRAWS):
        drawn = rng.choices(sums, k=len(sums))
        means.append(sum(total for total, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    return means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS) - 1]


def row(values: Sequence[float], products: Sequence[str], seed: int) -> dict[str, object]:
    wins = [float(value >= 1) for value in values]
    return {
        "reward": round(fmean(values), 3),
        "ci95": [round(end, 3) for end in interval(values, products, seed)],
        "success": round(fmean(wins), 3),
        "success_ci95": [round(end, 3) for end in interval(wins, products, seed)],
        "errands": len(values),
        "products": len(set(products)),
    }


def straight(shop: Shop, seed: int) -> dict[str, object]:
    """The four ways over every errand of the shop."""
    rng = random.Random(seed)
    errands = [errand for split in shop.errands.values() for errand in split]
    found = [one_search(shop, errand, rng) for errand in errands]
    products = [errand.target.asin for errand in errands]
    return {name: row([each[name] for each in found], products, seed) for name in found[0]}


def arms(heads: Sequence[Path]) -> dict[str, Planner]:
    """The scripted policies, and `rank` with each head and its control."""
    found: dict[str, Planner] = {name: BotPlanner(name, bot) for name, bot in WORLD.bots.items()}
    for place, head in enumerate(heads):
        found[f"rank, head {place}"] = Rank(load_critic(head))
        found[f"rank+permuted, head {place}"] = Rank(load_critic(head / "permuted"))
    return found


def played(
    shop: Shop, split: str, episodes: int, seed: int, heads: Sequence[Path]
) -> dict[str, object]:
    """What the arms bring in the environment."""
    report: dict[str, object] = {}
    planned = plan(WORLD, split=split, episodes=episodes, seed=seed)
    products = [shop.errand(episode.instance).target.asin for episode in planned]
    for name, planner in arms(heads).items():
        traces = asyncio.run(play(WORLD, planner, planned))
        rewards = [trace.outcome.reward if trace.outcome else 0.0 for trace in traces]
        steps = fmean(len(trace.steps) for trace in traces)
        report[name] = {**row(rewards, products, seed), "steps": round(steps, 2)}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=tuple(WORLD.splits))
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--critic", type=Path, action="append", default=[], metavar="HEAD")
    given = parser.parse_args()
    shop = open_shop()
    report = {
        "one search, all errands": straight(shop, given.seed),
        f"played, {given.split}": played(
            shop, given.split, given.episodes, given.seed, given.critic
        ),
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
