import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forethought.valuefn.losses import (
    bootstrap_target,
    contrastive_loss,
    critic_loss,
    expectile_loss,
    squared_loss,
)

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 4))  # K, B, G
LOSSES = [critic_loss, squared_loss]


def drawn(seed: int, size: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits `(K, B, G)`, targets in [0, 1] and weights, a third of them 0, both `(1, B, G)`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(size, generator=generator, dtype=torch.float64)
    target = torch.rand(1, *size[1:], generator=generator, dtype=torch.float64)
    weight = torch.rand(1, *size[1:], generator=generator, dtype=torch.float64)
    weight[torch.rand(weight.shape, generator=generator) < 1 / 3] = 0
    return logits.requires_grad_(), target, weight


def gradient(loss: Tensor, of: Tensor) -> Tensor:
    found: Tensor = torch.autograd.grad(loss, of)[0]
    return found


@given(SEEDS, SIZES)
def test_losses_are_never_negative_and_zero_only_at_the_target(
    seed: int, size: tuple[int, int, int]
) -> None:
    logits, target, weight = drawn(seed, size)
    for loss in LOSSES:
        assert loss(logits, target, weight)[0].item() >= 0
    exact = torch.logit(target.clamp(1e-9, 1 - 1e-9)).expand(size).clone().requires_grad_()
    for loss in LOSSES:
        at_target = loss(exact, target, weight)[0]
        assert at_target.item() <= loss(logits, target, weight)[0].item() + 1e-9
        assert gradient(at_target, exact).abs().max().item() < 1e-6


@given(SEEDS, SIZES, st.sampled_from([0, 1, 2]))
def test_no_gradient_where_the_weight_is_zero(
    seed: int, size: tuple[int, int, int], which: int
) -> None:
    logits, target, weight = drawn(seed, size)
    masked = (weight == 0).expand(size)
    if which < 2:
        loss = LOSSES[which](logits, target, weight)[0]
    else:
        loss = expectile_loss(target - logits.sigmoid(), 0.8, weight)[0]
    found = gradient(loss, logits)
    assert not found[masked].any()
    if (weight > 0).any():
        assert found[~masked].abs().max().item() > 0


@given(SEEDS, SIZES)
def test_a_masked_target_does_not_matter(seed: int, size: tuple[int, int, int]) -> None:
    logits, target, weight = drawn(seed, size)
    other = torch.where(weight == 0, 1 - target, target)
    for loss in LOSSES:
        same = loss(logits, other, weight)[0].item()
        assert loss(logits, target, weight)[0].item() == pytest.approx(same)


@given(SEEDS, SIZES, st.floats(0.01, 0.99))
def test_the_order_of_the_batch_does_not_matter(
    seed: int, size: tuple[int, int, int], level: float
) -> None:
    logits, target, weight = drawn(seed, size)
    order = torch.randperm(size[1], generator=torch.Generator().manual_seed(seed))
    for loss in LOSSES:
        turned = loss(logits[:, order], target[:, order], weight[:, order])[0].item()
        assert loss(logits, target, weight)[0].item() == pytest.approx(turned)
    error = target - logits.sigmoid()
    turned = expectile_loss(error[:, order], level, weight[:, order])[0].item()
    assert expectile_loss(error, level, weight)[0].item() == pytest.approx(turned)
    mass, rate = (weight > 0).expand(size).double(), torch.ones(size[2]).double()
    turned = contrastive_loss(logits[:, order], target[0, order], mass[:, order], rate)[0].item()
    assert contrastive_loss(logits, target[0], mass, rate)[0].item() == pytest.approx(turned)


@given(SEEDS, SIZES)
def test_at_one_half_the_expectile_is_half_the_squared_error(
    seed: int, size: tuple[int, int, int]
) -> None:
    logits, target, weight = drawn(seed, size)
    half = expectile_loss(target - logits.sigmoid(), 0.5, weight)[0].item()
    whole = squared_loss(logits, target, weight)[0].item()
    assert half == pytest.approx(whole / 2)


@given(SEEDS, SIZES, st.floats(0.01, 0.99))
def test_the_expectile_lies_between_its_sides(
    seed: int, size: tuple[int, int, int], level: float
) -> None:
    logits, target, weight = drawn(seed, size)
    error = target - logits.sigmoid()
    whole = squared_loss(logits, target, weight)[0].item()
    found = expectile_loss(error, level, weight)[0].item()
    assert min(level, 1 - level) * whole - 1e-6 <= found
    assert found <= max(level, 1 - level) * whole + 1e-6
    mirrored = expectile_loss(-error, 1 - level, weight)[0].item()
    assert found == pytest.approx(mirrored)


@given(SEEDS, SIZES, st.floats(0.1, 1.0))
def test_targets_stay_between_zero_and_one_and_ignore_what_follows_the_goal(
    seed: int, size: tuple[int, int, int], gamma: float
) -> None:
    rng = np.random.default_rng(seed)
    at_goal = torch.from_numpy(rng.random(size[1:]) < 0.3)
    ended = torch.from_numpy(rng.random((size[1], 1)) < 0.3)
    outcome = torch.from_numpy((rng.random(size[1:]) < 0.5).astype(np.float64))
    following = torch.from_numpy(rng.random(size))
    found = bootstrap_target(at_goal, ended, outcome, following, gamma)
    assert found.shape == size
    assert 0 <= found.min().item() <= found.max().item() <= 1
    assert (found[:, at_goal] == 1).all()
    rest = ~at_goal
    assert (found[:, rest] <= gamma).all()
    changed = torch.where(at_goal | ended, torch.rand(()).double(), following)
    assert torch.equal(bootstrap_target(at_goal, ended, outcome, changed, gamma), found)


@settings(max_examples=20)
@given(SEEDS)
def test_the_contrastive_loss_is_least_at_the_realised_values(seed: int) -> None:
    logits, target, _ = drawn(seed, (1, 5, 3))
    realised = 0.05 + 0.9 * target[0]
    mass, rate = torch.ones(1, 5, 3).double(), torch.ones(3).double()
    exact = torch.logit(realised)[None].clone().requires_grad_()
    least = contrastive_loss(exact, realised, mass, rate)[0]
    assert gradient(least, exact).abs().max().item() < 1e-6
    assert least.item() <= contrastive_loss(logits, realised, mass, rate)[0].item() + 1e-9
