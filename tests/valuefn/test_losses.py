import math

import pytest
import torch

from forethought.agent.errors import ConfigError
from forethought.valuefn.losses import bootstrap_target, critic_loss, expectile_loss
from forethought.valuefn.network import BilinearCritic


def test_critic_loss_is_the_weighted_cross_entropy_of_each_head() -> None:
    logits = torch.tensor([[[0.0, 2.0]], [[-1.0, 0.5]]], requires_grad=True)  # (2, 1, 2)
    target = torch.tensor([[[1.0, 0.25]]])
    weight = torch.tensor([[[1.0, 3.0]]])
    loss, info = critic_loss(logits, target, weight)
    expected = 0.0
    for head in logits.detach().squeeze(1).tolist():
        parts = []
        for value, aim in zip(head, (1.0, 0.25), strict=True):
            p = 1 / (1 + math.exp(-value))
            parts.append(-(aim * math.log(p) + (1 - aim) * math.log(1 - p)))
        expected += (parts[0] + 3 * parts[1]) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert info["target"].item() == pytest.approx(0.625)


def test_no_gradient_flows_into_the_target() -> None:
    target = torch.full((1, 1, 1), 0.3, requires_grad=True)
    loss, _ = critic_loss(torch.zeros(1, 1, 1, requires_grad=True), target, torch.ones(1, 1, 1))
    (gradient,) = torch.autograd.grad(loss, target, allow_unused=True)
    assert gradient is None


@pytest.mark.parametrize("expectile", [0.5, 0.7, 0.9])
def test_the_minimum_of_the_expectile_loss_is_the_expectile(expectile: float) -> None:
    # two outcomes, 0 and 1, equally likely: the expectile of them is the expectile itself
    value = torch.zeros(1, 1, 1, requires_grad=True)
    optimizer = torch.optim.SGD([value], lr=0.5)
    outcomes = torch.tensor([[[0.0, 1.0]]])
    for _ in range(200):
        loss, _ = expectile_loss(outcomes - value, expectile, torch.ones(1, 1, 2))
        optimizer.zero_grad()
        value.grad = torch.autograd.grad(loss, value)[0]
        optimizer.step()
    assert value.item() == pytest.approx(expectile, abs=1e-3)


@pytest.mark.parametrize("expectile", [0.0, 1.0, -1.0])
def test_expectile_out_of_range(expectile: float) -> None:
    with pytest.raises(ConfigError, match="strictly between 0 and 1"):
        expectile_loss(torch.zeros(1, 1, 1), expectile, torch.ones(1, 1, 1))


def test_target_ends_at_the_goal_and_at_the_end() -> None:
    at_goal = torch.tensor([[True, False], [False, False]])
    ended = torch.tensor([[True], [False]])
    outcome = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    following = torch.full((3, 2, 2), 0.5)
    target = bootstrap_target(at_goal, ended, outcome, following, 0.9)
    # at the goal 1; ended: the outcome, discounted once; else the next value, discounted once
    assert torch.allclose(target[0], torch.tensor([[1.0, 0.9], [0.45, 0.45]]))
    assert target.shape == (3, 2, 2)


def test_heads_share_no_parameter() -> None:
    critic = BilinearCritic(3, 5, 4, 8, torch.Generator().manual_seed(0))
    x, g = torch.randn(6, 5), torch.randn(2, 4)
    logits = critic(x, g)
    assert logits.shape == (3, 6, 2)
    parameters = list(critic.parameters())
    gradients = torch.autograd.grad(logits[1].sum(), parameters)
    assert any(gradient[1].any() for gradient in gradients)
    for gradient in gradients:
        assert not gradient[0].any()
        assert not gradient[2].any()


def test_losses_agree_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 3, 2, generator=generator, dtype=torch.float64)
    weight = torch.rand(2, 3, 2, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: critic_loss(z, target, weight)[0], (logits,))
    assert torch.autograd.gradcheck(lambda z: expectile_loss(z, 0.7, weight)[0], (logits,))
