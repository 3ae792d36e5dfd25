import pytest
import torch
from plain_gcrl import Batch, PlainIQL, PlainIVL, Settings


def corridor(length: int) -> Batch:
    """Every step to the right of a corridor, with every place as its goal."""
    places = torch.eye(length)
    at, goal = (
        grid.flatten() for grid in torch.meshgrid(*[torch.arange(length)] * 2, indexing="ij")
    )
    following = (at + 1).clamp_max(length - 1)
    ended = at == length - 1
    return Batch(
        places[at],
        torch.ones(len(at), 1),
        places[following],
        places[goal],
        at == goal,
        ended,
        torch.zeros(len(at)),
    )


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("kind", ["ivl", "iql"])
def test_values_of_a_corridor_are_discounts_to_the_power_of_the_way(
    kind: str, squash: bool
) -> None:
    batch, length = corridor(4), 4
    settings = Settings(
        hidden=16, gamma=0.8, expectile=0.5, polyak=0.2, learning_rate=1e-2, squash=squash
    )
    learner = (
        PlainIVL(length, length, settings)
        if kind == "ivl"
        else PlainIQL(length, 1, length, settings)
    )
    for _ in range(300):
        learner.update(batch)
    way = batch.goal.argmax(1) - batch.state.argmax(1)
    true = torch.where(way >= 0, 0.8 ** way.float(), torch.zeros(()))
    found = learner.value(batch.state, batch.goal)
    assert (found - true).abs().max() < 0.08
