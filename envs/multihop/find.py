"""`multihop-find-v0`: the searching half of `multihop-qa-v0`; the last search ends the episode."""

from functools import partial

from forethought.envs.multihop.policies import FINDERS, bridge, by_title, repeat, unguided
from forethought.envs.multihop.world import SPLITS, MultiHop
from forethought.envs.registry import World

WORLD = World(
    id="multihop-find-v0",
    summary="Find the two to four passages that a question needs, by four searches",
    make=partial(MultiHop, answering=False),
    success="all passages needed are found",
    unguided="a random one of the listed queries",
    bots={"heuristic": bridge, "unguided": unguided, "repeat": repeat, "by-title": by_title},
    collectors=FINDERS,
    splits=SPLITS,
)
