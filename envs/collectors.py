"""What hand-written collectors of first logs share: to play well and badly. Knows no world."""

import random
from collections.abc import Sequence
from functools import partial
from itertools import cycle, product
from typing import Protocol

from forethought.agent.types import Candidate, Observation
from forethought.envs.registry import Bot


class Conceding(Protocol):
    """A policy whose demands fall with time."""

    def __call__(
        self, observation: Observation, rng: random.Random, *, beta: float, floor: float
    ) -> Candidate:
        """Choose, falling as fast as `beta` says and no lower than `floor`."""
        ...


def any_candidate(observation: Observation, rng: random.Random) -> Candidate:
    """Any listed candidate, each as likely."""
    return rng.choice(observation.candidates)


def straying(policy: Bot, share: float, other: Bot = any_candidate) -> Bot:
    """A policy that lets another one choose in a share of its decisions."""

    def act(observation: Observation, rng: random.Random) -> Candidate:
        return (other if rng.random() < share else policy)(observation, rng)

    return act


def tempers(
    policy: Conceding, betas: Sequence[float], floors: Sequence[float], other: Bot = any_candidate
) -> tuple[Bot, ...]:
    """Soft and stubborn players, careful and careless: one for each pair of settings.

    With five of each there are 25 of them, a number that shares no factor with the opponents' or
    the seats' turns.
    """
    return tuple(
        straying(partial(policy, beta=beta, floor=floor), share, other)
        for (beta, floor), share in zip(
            product(betas, floors), cycle((0.0, 0.1, 0.3, 0.6)), strict=False
        )
    )
