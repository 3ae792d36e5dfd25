"""What will be played: instance, seat, opponent and seed of every episode, before the first one.

A plan follows from its seed alone, so that all arms meet the same situations. Plays nothing.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Episode
from forethought.envs.registry import World


def plan(
    world: World,
    *,
    split: str,
    episodes: int,
    seed: int,
    opponents: Sequence[str] | None = None,
    arm: str = "",
    model: str = "",
) -> list[Episode]:
    """Fix the episodes of a run: the same ones for every arm, and more of them for a longer run.

    Instances are drawn from the split, none again before all were drawn; opponents take turns, and
    within each the seats do.

    Args:
        world: Where they are played.
        split: Which instances: train, validation or test.
        episodes: How many, 1 or more.
        seed: Chooses instances and seeds.
        opponents: Names that take turns; by default those met in training.
        arm: Noted in the episodes and part of their ids; changes nothing else.
        model: Likewise.

    Raises:
        UnknownName: If there is no such split or opponent.
        ConfigError: If `episodes` is below 1.
    """
    if split not in world.splits:
        raise UnknownName("split", split, world.splits)
    if episodes < 1:
        raise ConfigError(f"episodes must be 1 or more, not {episodes}")
    names = tuple(world.opponents if opponents is None else opponents)
    for name in names:
        if name not in (*world.opponents, *world.unseen, *world.sparring):
            raise UnknownName("opponent", name, (*world.opponents, *world.unseen, *world.sparring))
    if not names:
        raise ConfigError("name at least one opponent")
    rng = random.Random(f"{world.id} {split} {seed}")
    planned = []
    for index, instance in enumerate(_draws(rng, world.splits[split], episodes)):
        turn, place = divmod(index, len(names))
        episode = Episode(
            id="",
            env=world.id,
            seed=rng.randrange(2**31),
            instance=instance,
            seat=turn % world.seats,
            opponent=names[place],
            arm=arm,
            model=model,
        )
        planned.append(replace(episode, id=_identify(episode)))
    return planned


def pair_key(episode: Episode) -> tuple[int, int, str, int]:
    """What two arms must have in common for their results to be a pair."""
    return episode.instance, episode.seat, episode.opponent, episode.seed


def _draws(rng: random.Random, instances: range, count: int) -> Iterable[int]:
    """Instances one at a time, so that a longer run begins with a shorter one's.

    None comes again before all have come.
    """
    drawn: set[int] = set()
    for _ in range(count):
        if len(drawn) == len(instances):
            drawn.clear()
        instance = instances[rng.randrange(len(instances))]
        while instance in drawn:
            instance = instances[rng.randrange(len(instances))]
        drawn.add(instance)
        yield instance


def _identify(episode: Episode) -> str:
    facts = (episode.instance, episode.seat, episode.opponent, episode.seed)
    parts = (episode.env, *map(str, facts), episode.arm, episode.model)
    return "/".join(part for part in parts if part)
