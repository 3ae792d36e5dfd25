"""How good an agreement is for both together, from the rules alone."""

from functools import lru_cache

from forethought.envs.bargaining.rules import Game, Instance, bundles, rest, worth

Points = tuple[int, int]
"""What a division is worth to player 0 and to player 1."""


@lru_cache(maxsize=1024)
def frontier(instance: Instance) -> frozenset[Points]:
    """The points of the divisions that leave nobody better off without leaving the other worse."""
    one, other = instance.values
    found = [(worth(one, b), worth(other, rest(instance.pool, b))) for b in bundles(instance.pool)]
    kept: list[Points] = []
    for points in sorted(found, reverse=True):
        if not kept or points[1] > kept[-1][1]:
            kept.append(points)
    return frozenset(kept)


@lru_cache(maxsize=1024)
def best_joint(instance: Instance) -> int:
    """The most points that both together can have; 10 to 20."""
    return max(map(sum, frontier(instance)))


def deal_facts(game: Game) -> dict[str, float | bool]:
    """Facts of a negotiation that is over.

    Returns:
        `joint`: points of both together over the most there could be, 0 to 1, what a discount took
        counting as lost; `pareto`: whether there was an agreement, and no other division was better
        for one player and as good for the other.
    """
    mine, theirs = game.returns()
    joint = (mine + theirs) / best_joint(game.instance)
    if not game.agreed:
        return {"joint": joint, "pareto": False}
    take, left = game.offers[-1], rest(game.instance.pool, game.offers[-1])
    parts = (take, left) if len(game.offers) % 2 else (left, take)
    one, other = (worth(v, part) for v, part in zip(game.instance.values, parts, strict=True))
    return {"joint": joint, "pareto": (one, other) in frontier(game.instance)}
