import numpy as np
import pytest
import torch
from torch import Tensor

from forethought.agent.errors import ConfigError
from forethought.valuefn.config import ROWS, Objective, head_config
from forethought.valuefn.losses import contrastive_loss, squared_loss
from forethought.valuefn.network import BilinearCritic
from forethought.valuefn.objectives import OBJECTIVES, Networks
from forethought.valuefn.source import Drawn

EVERY = sorted(OBJECTIVES)


def drawn(*, transitions: int = 6, goals: int = 3, members: int = 2, after: bool = True) -> Drawn:
    generator = torch.Generator().manual_seed(0)
    judged = torch.randn(transitions, 5, generator=generator)
    realised = torch.rand(transitions, goals, generator=generator)
    return Drawn(
        judged=judged,
        state=judged[:, :3],
        next_state=torch.randn(transitions, 3, generator=generator),
        next_judged=torch.randn(transitions, 5, generator=generator) if after else None,
        goals=torch.randn(goals, 4, generator=generator),
        at_goal=torch.zeros(transitions, goals, dtype=torch.bool),
        ended=torch.tensor([[False], [True]]).repeat(transitions // 2, 1),
        outcome=(realised > 0.5).float(),
        realised=realised,
        weight=torch.full((transitions, goals), 1.0),
        boot=torch.ones(members, transitions),
    )


def networks(members: int = 2) -> Networks:
    generator = torch.Generator().manual_seed(1)
    critic = BilinearCritic(2 * members, 5, 4, 8, generator)
    target = BilinearCritic(2 * members, 5, 4, 8, generator)
    return Networks(critic, target, BilinearCritic(members, 3, 4, 8, generator))


def gradients(loss: Tensor, module: torch.nn.Module) -> list[Tensor | None]:
    return list(
        torch.autograd.grad(loss, list(module.parameters()), retain_graph=True, allow_unused=True)
    )


def test_every_objective_has_settings_of_its_own_name() -> None:
    for name in OBJECTIVES:
        assert head_config(name).objective == name
    assert set(OBJECTIVES) <= set(ROWS)


@pytest.mark.parametrize("name", EVERY)
def test_only_what_an_objective_names_is_trained(name: Objective) -> None:
    row, nets = OBJECTIVES[name], networks()
    loss, info = row.loss(nets, drawn(), head_config(name, members=2))
    assert torch.isfinite(loss)
    assert {key.partition("/")[0] for key in info} <= {"critic", "value"}
    assert any(found is not None and found.any() for found in gradients(loss, nets.critic))
    assert all(found is None for found in gradients(loss, nets.target))
    trains_value = any(found is not None for found in gradients(loss, nets.value))
    assert trains_value == row.value


@pytest.mark.parametrize("name", EVERY)
def test_transitions_without_weight_teach_nothing(name: Objective) -> None:
    batch, nets = drawn(), networks()
    batch.judged.requires_grad_()
    batch.weight[2] = 0
    batch.boot[:, 4] = 0
    loss, _ = OBJECTIVES[name].loss(nets, batch, head_config(name, members=2))
    (found,) = torch.autograd.grad(loss, batch.judged)
    assert found[[0, 1, 3, 5]].abs().sum(dim=1).min() > 0
    assert not found[[2, 4]].any()


@pytest.mark.parametrize("name", EVERY)
def test_members_learn_from_their_own_sample_only(name: Objective) -> None:
    nets = networks()
    batch = drawn()
    changed = drawn()
    changed.boot[1] = torch.tensor([0.0, 3.0, 0.0, 1.0, 2.0, 0.0])
    config = head_config(name, members=2)
    found = [
        gradients(OBJECTIVES[name].loss(nets, each, config)[0], nets.critic)
        for each in (batch, changed)
    ]
    for before, after in zip(*found, strict=True):
        assert before is not None
        assert after is not None
        assert torch.allclose(before[:2], after[:2], atol=1e-6)
    assert any(
        not torch.allclose(before[2:], after[2:])
        for before, after in zip(*found, strict=True)
        if before is not None and after is not None
    )


def test_gcivl_says_what_it_needs() -> None:
    with pytest.raises(ConfigError, match="next_judged=True"):
        OBJECTIVES["gcivl"].loss(networks(), drawn(after=False), head_config("gcivl"))


def test_gcivl_raises_what_follows_well_and_stops_at_the_end() -> None:
    nets, batch = networks(members=1), drawn(members=1)
    assert batch.next_judged is not None
    config = head_config("gcivl", members=1, gamma=0.5)
    _, info = OBJECTIVES["gcivl"].loss(nets, batch, config)
    with torch.no_grad():
        following = nets.target(batch.next_judged, batch.goals).sigmoid()
    wanted = 0.5 * torch.where(batch.ended, batch.outcome, following)
    assert info["critic/target"].item() == pytest.approx(wanted.mean().item(), rel=1e-5)


def minimise(loss: object, logits: Tensor, steps: int = 4000) -> None:
    assert callable(loss)
    optimizer = torch.optim.Adam([logits], lr=0.02)
    for _ in range(steps):
        value = loss()[0]
        logits.grad = torch.autograd.grad(value, logits)[0]
        optimizer.step()


def test_the_minimum_of_the_squared_loss_is_the_mean_return() -> None:
    logits = torch.zeros(1, 1, 1, requires_grad=True)
    returns = torch.tensor([[[0.9], [0.0], [0.0], [0.3]]])
    minimise(
        lambda: squared_loss(logits.expand(1, 4, 1), returns, torch.ones(1, 4, 1)), logits, 600
    )
    assert logits.sigmoid().item() == pytest.approx(0.3, abs=1e-3)


def test_the_minimum_of_the_contrastive_loss_is_the_mean_return_of_each_thought() -> None:
    # two thoughts, four tries of each, two goals; the second goal is reached ten times less often
    logits = torch.zeros(1, 2, 2, requires_grad=True)
    realised = torch.tensor(
        [[1.0, 0.1], [0.8, 0], [0, 0], [0.6, 0], [0, 0], [0.4, 0], [0, 0.1], [0, 0.1]]
    )
    spread = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    mass = torch.ones(1, 8, 2)
    minimise(
        lambda: contrastive_loss(logits[:, spread], realised, mass, torch.tensor([1.0, 1.0])),
        logits,
        2500,
    )
    scores = logits.sigmoid()[0].detach().numpy()
    assert np.allclose(scores, [[0.6, 0.025], [0.1, 0.05]], atol=0.01)


def test_a_goal_that_nobody_reached_only_goes_down() -> None:
    logits = torch.zeros(1, 4, 1, requires_grad=True)
    loss, _ = contrastive_loss(logits, torch.zeros(4, 1), torch.ones(1, 4, 1), torch.tensor([1.0]))
    (found,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss)
    assert (found > 0).all()
