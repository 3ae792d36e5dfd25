from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.errors import ConfigError
from forethought.envs.bargaining.instances import (
    SHARES,
    all_instances,
    instance_by_number,
    likeness,
    numbers_by_split,
    pools,
    split_instances,
)
from forethought.envs.bargaining.rules import (
    MAX_TURNS,
    Bundle,
    Game,
    Instance,
    bundles,
    compatible,
    rest,
    value_vectors,
    worth,
)

INSTANCES = st.sampled_from(all_instances())
SEATS = (0, 1)


@st.composite
def games(draw: st.DrawFn) -> Game:
    """A negotiation somewhere on its way, over or not."""
    game = Game(draw(INSTANCES), discount=draw(st.sampled_from((1.0, 0.9, 0.5))))
    takes = draw(st.lists(st.sampled_from(bundles(game.instance.pool)), max_size=MAX_TURNS))
    for take in takes:
        game.offer(take)
    if takes and not game.over and draw(st.booleans()):
        game.agree()
    return game


@given(games())
def test_players_take_turns_until_it_is_over(game: Game) -> None:
    assert game.over == (game.agreed or len(game.offers) == MAX_TURNS)
    assert game.player == len(game.offers) % 2


@given(games())
def test_points_are_shared_only_by_agreement_and_never_exceed_all_there_is(game: Game) -> None:
    points = game.returns()
    if not game.agreed:
        assert points == (0.0, 0.0)
        return
    proposer = (len(game.offers) - 1) % 2
    factor = game.discount ** max(0, len(game.offers) - 1)
    values, take = game.instance.values, game.offers[-1]
    assert points[proposer] == pytest.approx(worth(values[proposer], take) * factor)
    left = rest(game.instance.pool, take)
    assert points[1 - proposer] == pytest.approx(worth(values[1 - proposer], left) * factor)
    assert all(0 <= n <= 10 for n in points)


@given(games(), st.tuples(*[st.integers(-2, 9)] * 3))
def test_a_bundle_is_accepted_exactly_when_it_is_part_of_the_pool(game: Game, take: Bundle) -> None:
    before = list(game.offers)
    if not game.over and take in bundles(game.instance.pool):
        game.offer(take)
        assert game.offers == [*before, take]
        return
    with pytest.raises(ConfigError, match=r"is over|is not part of the pool"):
        game.offer(take)
    assert game.offers == before


@given(games())
def test_only_an_offer_in_a_running_game_can_be_agreed_to(game: Game) -> None:
    if game.offers and not game.over:
        game.agree()
        assert game.over
    with pytest.raises(ConfigError, match="no offer to agree to"):
        game.agree() if game.over or not game.offers else None


@given(INSTANCES)
def test_what_is_taken_and_what_is_left_are_the_pool(instance: Instance) -> None:
    parts = bundles(instance.pool)
    assert len(parts) == len(set(parts))
    assert len(parts) == (instance.pool[0] + 1) * (instance.pool[1] + 1) * (instance.pool[2] + 1)
    assert [rest(instance.pool, take) for take in parts] == list(reversed(parts))
    for take, values in product(parts, instance.values):
        assert worth(values, take) + worth(values, rest(instance.pool, take)) == 10


def test_every_published_constraint_holds_and_nothing_that_satisfies_them_is_left_out() -> None:
    for instance in all_instances():
        assert all(1 <= n <= 7 for n in instance.pool)
        assert 5 <= sum(instance.pool) <= 7
        one, other = instance.values
        assert worth(one, instance.pool) == worth(other, instance.pool) == 10
        assert all(a + b > 0 for a, b in zip(one, other, strict=True))
        assert any(a > 0 and b > 0 for a, b in zip(one, other, strict=True))
    assert len(all_instances()) == len(set(all_instances())) == 5793
    naive = 0
    for pool in product(range(1, 8), range(1, 8), range(1, 8)):
        if not 5 <= sum(pool) <= 7:
            continue
        assert pool in pools()
        each = range(11)
        vectors = [v for v in product(each, each, each) if worth(v, pool) == 10]
        assert tuple(vectors) == value_vectors(pool)
        naive += sum(compatible(a, b) for a in vectors for b in vectors)
    assert naive == 5793


def test_splits_are_disjoint_even_when_items_are_renamed_or_players_swapped() -> None:
    parts = {split: split_instances(split) for split in SHARES}
    assert sum(len(part) for part in parts.values()) == len(all_instances())
    assert set().union(*map(set, parts.values())) == set(all_instances())
    for split, part in parts.items():
        assert len(part) / len(all_instances()) == pytest.approx(SHARES[split], abs=0.01)
        kinds = {likeness(one) for one in part}
        for other in set(SHARES) - {split}:
            assert kinds.isdisjoint(likeness(one) for one in parts[other])


@given(INSTANCES, st.permutations(range(3)), st.booleans())
def test_likeness_ignores_names_and_seats_and_nothing_else(
    instance: Instance, order: list[int], swap: bool
) -> None:
    def renamed(bundle: Bundle) -> Bundle:
        a, b, c = order
        return (bundle[a], bundle[b], bundle[c])

    one, other = (renamed(values) for values in instance.values)
    twin = Instance(renamed(instance.pool), (other, one) if swap else (one, other))
    assert likeness(twin) == likeness(instance)
    assert sorted((n, *sorted((a, b))) for n, a, b in likeness(instance)) == sorted(
        (n, *sorted((a, b))) for n, a, b in zip(instance.pool, *instance.values, strict=True)
    )


def test_instances_are_found_by_their_number() -> None:
    for split, numbers in numbers_by_split().items():
        assert instance_by_number(numbers[0]) == split_instances(split)[0]
        assert instance_by_number(numbers[-1]) == split_instances(split)[-1]
        for outside in (numbers.start - 1, numbers.stop):
            with pytest.raises(ConfigError, match="has no instance"):
                instance_by_number(outside)
