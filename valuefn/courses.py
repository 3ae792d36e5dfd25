"""How a head of a world is trained when nobody says: settings, episodes, rounds, and straying.

Worlds without a course of their own get the defaults. Knows ids alone; no world is loaded here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Course:
    """One way from no head to a head."""

    row: str = "iql"
    """Row of head settings."""
    episodes: int = 12_000
    """Collected for the first training; every later round plays half as many."""
    rounds: int = 2
    """Rounds of playing with the head after the first training."""
    near: float = 0.25
    """Share of a playing round's decisions that go to one of the best candidates, 0 to 1."""
    far: float = 0.05
    """Share of them that go to any candidate, 0 to 1."""


COURSES: Mapping[str, Course] = MappingProxyType(
    {
        "avalon-v0": Course("short", episodes=4000, rounds=1, near=0.08, far=0.04),
        "webshop-v0": Course("errand", episodes=5000, rounds=1, near=0.05, far=0.03),
    }
)
"""Courses by world id. Chosen on validation episodes; the worlds' pages say how.

That of `webshop-v0` was chosen on one or two seeds and then trained as it stands on three, which
have 0.835 to 0.851 on validation; the round of play brings little there.
"""

USUAL = Course()
"""The course of every other world."""


def course_of(world_id: str) -> Course:
    """The course of a world, or the usual one."""
    return COURSES.get(world_id, USUAL)
