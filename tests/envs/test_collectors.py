import random
from collections import Counter

import pytest

from forethought.agent.types import Candidate, Observation
from forethought.envs.collectors import any_candidate, straying, tempers
from forethought.envs.options import number_splits
from forethought.envs.registry import get_world

LISTED = tuple(Candidate(f"way {n}", action=str(n)) for n in range(4))
SEEN = Observation("", "", candidates=LISTED)


def first(observation: Observation, rng: random.Random) -> Candidate:
    return observation.candidates[0]


def test_a_share_of_the_decisions_strays() -> None:
    rng = random.Random(0)
    found = Counter(straying(first, 0.4)(SEEN, rng).action for _ in range(2000))
    assert found["0"] / 2000 == pytest.approx(0.6 + 0.4 / 4, abs=0.03)
    assert min(found.values()) / 2000 == pytest.approx(0.1, abs=0.03)
    assert all(straying(first, 0.0)(SEEN, rng) == LISTED[0] for _ in range(20))
    last = straying(first, 1.0, lambda seen, _: seen.candidates[-1])
    assert last(SEEN, rng) == LISTED[-1]


def test_any_candidate_comes_as_often_as_another() -> None:
    rng = random.Random(1)
    found = Counter(any_candidate(SEEN, rng).action for _ in range(4000))
    assert all(count / 4000 == pytest.approx(0.25, abs=0.03) for count in found.values())


def test_tempers_are_all_pairs_of_settings() -> None:
    heard = []

    def conceding(
        observation: Observation, rng: random.Random, *, beta: float, floor: float
    ) -> Candidate:
        heard.append((beta, floor))
        return observation.candidates[0]

    players = tempers(conceding, (0.5, 1.0), (2.0, 3.0, 4.0))
    assert len(players) == 6
    rng = random.Random(2)
    for player in players:
        for _ in range(30):
            player(SEEN, rng)
    assert set(heard) == {(beta, floor) for beta in (0.5, 1.0) for floor in (2.0, 3.0, 4.0)}
    assert heard.count((0.5, 2.0)) == 30  # the first never strays


@pytest.mark.parametrize("world", ["bargaining-v0", "haggling-v0", "campsite-v0"])
def test_the_number_of_collectors_shares_no_factor_with_turns(world: str) -> None:
    assert len(get_world(world).collectors) == 25


def test_splits_are_numbered_from_the_beginning_of_their_ranges() -> None:
    ranges = {"train": range(100), "test": range(100, 200)}
    found = number_splits(ranges, {"train": 7, "test": 0}.__getitem__)
    assert found == {"train": range(7), "test": range(100, 100)}
