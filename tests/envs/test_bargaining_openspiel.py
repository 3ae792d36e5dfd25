import random
from typing import Any

import pytest

from forethought.envs.bargaining.instances import all_instances, split_instances
from forethought.envs.bargaining.rules import Bundle, Game, Instance, bundles, compatible, worth

pyspiel = pytest.importorskip(
    "pyspiel", reason="needs OpenSpiel: pip install 'forethought[openspiel]'"
)

GAMES = 600


def _game(discount: float = 1.0) -> Any:
    return pyspiel.load_game("bargaining", {"discount": discount, "prob_end": 0.0})


def _instance(shipped: Any) -> Instance:
    mine, theirs = (tuple(values) for values in shipped.values)
    return Instance(tuple(shipped.pool), (mine, theirs))


def _offers(game: Any, state: Any) -> dict[Bundle, int]:
    """Legal offers with their actions."""
    offers = game.all_offers()
    return {
        tuple(offers[action].quantities): action
        for action in state.legal_actions()
        if action != state.agree_action()
    }


def _play(theirs: Any, shipped: int, rng: random.Random, *, patience: float) -> tuple[int, bool]:
    """One random game in both; everything must agree. The offers made, and whether they agreed."""
    state = theirs.new_initial_state()
    assert state.is_chance_node()
    state.apply_action(shipped)
    ours = Game(_instance(theirs.all_instances()[shipped]), discount=theirs.discount())
    while not ours.over:
        assert not state.is_terminal()
        assert state.current_player() == ours.player
        offers = _offers(theirs, state)
        assert set(offers) == set(bundles(ours.instance.pool))
        assert len(offers) == len(bundles(ours.instance.pool))
        may_agree = state.agree_action() in state.legal_actions()
        assert may_agree == bool(ours.offers)
        if may_agree and rng.random() > patience:
            ours.agree()
            state.apply_action(state.agree_action())
        else:
            take = rng.choice(bundles(ours.instance.pool))
            ours.offer(take)
            state.apply_action(offers[take])
    assert state.is_terminal()
    assert state.returns() == pytest.approx(list(ours.returns()), abs=1e-12)
    return len(ours.offers), ours.agreed


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_random_games_agree_move_for_move_and_return_for_return(discount: float) -> None:
    theirs = _game(discount)
    assert theirs.discount() == discount
    rng = random.Random(7)
    shipped = len(theirs.all_instances())
    ends = {
        _play(theirs, rng.randrange(shipped), rng, patience=rng.choice((0.5, 0.9, 1.0)))
        for _ in range(GAMES)
    }
    assert {(n, True) for n in range(1, 10)} | {(10, False)} <= ends


def test_the_longest_game_is_as_long_as_theirs() -> None:
    assert Game(all_instances()[0]).max_turns == _game().max_turns()


def test_every_shipped_instance_follows_our_rule_and_is_in_our_list() -> None:
    ours = set(all_instances())
    shipped = [_instance(one) for one in _game().all_instances()]
    assert len(shipped) == 1000
    for one in shipped:
        assert all(worth(values, one.pool) == 10 for values in one.values)
        assert compatible(*one.values)
        assert one in ours


def test_shipped_instances_lie_in_every_split() -> None:
    shipped = {_instance(one) for one in _game().all_instances()}
    for split in ("train", "validation", "test"):
        assert shipped & set(split_instances(split))
