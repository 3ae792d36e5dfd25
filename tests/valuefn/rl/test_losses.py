import math
from collections.abc import Callable
from dataclasses import replace

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from torch import Tensor

from forethought.valuefn.rl.attribution import Sums, add_span_gradients, loss_terms, span_norms
from forethought.valuefn.rl.losses import FORCED, Batch, Norm, loss_mask, policy_loss, policy_terms
from forethought.valuefn.rl.recipe import Loss
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.tokens import Kind, Span

G, S, F = int(Kind.GIVEN), int(Kind.SAMPLED), int(Kind.FORCED)
KINDS = torch.tensor(
    [[F, F, S, S, G, S], [S, S, G, S, S, G], [F, S, S, G, G, G], [S, S, S, S, S, S]]
)
ADVANTAGES = torch.tensor([1.3, -0.7, -1.1, 0.4], dtype=torch.float64)[:, None].expand(4, 6)
NORM = Norm(longest=8, tokens=15.0, parts=2)
ROWS = {
    f"{name}, {forced}": replace(RECIPES[name].loss, forced=forced, beta=0.3)  # type: ignore[arg-type]
    for name in ("grpo", "dr_grpo", "dapo", "gspo")
    for forced in FORCED
}


def _batch(seed: int = 0, spread: float = 0.3) -> Batch:
    generator = torch.Generator().manual_seed(seed)

    def draw() -> Tensor:
        return torch.randn(4, 6, generator=generator, dtype=torch.float64)

    old = -1.0 - draw().abs()
    return Batch(
        logprobs=(old + spread * draw()).requires_grad_(),
        old=old,
        advantages=ADVANTAGES,
        kinds=KINDS,
        reference=old + 0.5 * draw(),
    )


def _gradient(loss: Tensor, at: Tensor) -> Tensor:
    found: Tensor = torch.autograd.grad(loss, at)[0]
    return found


def _numeric(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    gradient = torch.zeros_like(at)
    for place in range(at.numel()):
        moved = torch.zeros_like(at).flatten()
        moved[place] = step
        moved = moved.view_as(at)
        gradient.view(-1)[place] = (function(at + moved) - function(at - moved)) / (2 * step)
    return gradient


@pytest.mark.parametrize("name", ROWS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    batch = _batch()

    def loss(logprobs: Tensor) -> Tensor:
        return policy_loss(replace(batch, logprobs=logprobs), ROWS[name], NORM)[0]

    found = _gradient(loss(batch.logprobs), batch.logprobs)
    numeric = _numeric(lambda at: loss(at).detach(), batch.logprobs.detach())
    assert torch.allclose(found, numeric, atol=1e-8, rtol=1e-5)
    assert found.abs().sum() > 0


@pytest.mark.parametrize("name", ROWS)
def test_given_tokens_and_those_without_loss_have_no_gradient(name: str) -> None:
    batch = _batch(1)
    row = ROWS[name]
    found = _gradient(policy_loss(batch, row, NORM)[0], batch.logprobs)
    silent = loss_mask(KINDS, row) == 0
    assert bool((KINDS == G)[silent].any())
    assert float(found[silent].abs().max()) == 0.0


def test_a_wild_probability_of_a_given_token_changes_nothing() -> None:
    calm, row = _batch(2), replace(RECIPES["grpo"].loss, beta=0.1)
    wild = calm.old.clone()
    wild[KINDS == G] = -2000.0
    value = policy_loss(replace(calm, old=wild, reference=wild + 0.1), row, NORM)[0]
    assert bool(_gradient(value, calm.logprobs).isfinite().all())
    assert math.isfinite(float(value.detach()))


def test_on_policy_the_gradient_is_the_policy_gradient() -> None:
    batch = _batch(3, spread=0.0)
    row = Loss(forced="as-sampled", reduce="constant")
    found = _gradient(policy_loss(batch, row, replace(NORM, parts=1))[0], batch.logprobs)
    trained = KINDS != G
    wanted = torch.where(trained, -ADVANTAGES / (4 * 8), torch.zeros(()).double())
    assert torch.allclose(found, wanted)


def test_what_each_rule_does_to_the_prefix() -> None:
    batch = _batch(4, spread=0.0)
    chance = batch.logprobs.detach().exp()
    forced = KINDS == F
    both = chance[0, :2].prod()
    found = {
        rule: torch.autograd.grad(
            torch.where(
                loss_mask(KINDS, Loss(forced=rule)).bool(),  # type: ignore[arg-type]
                policy_terms(batch, Loss(forced=rule)).policy,  # type: ignore[arg-type]
                torch.zeros(()).double(),
            ).sum(),
            batch.logprobs,
        )[0]
        for rule in FORCED
    }
    for gradient in found.values():  # what the policy drew is treated alike
        assert torch.allclose(gradient[KINDS == S], -ADVANTAGES[KINDS == S])
    assert float(found["none"][forced].abs().max()) == 0.0
    assert torch.allclose(found["as-sampled"][forced], -ADVANTAGES[forced])
    assert torch.allclose(found["positive"][forced], -ADVANTAGES[forced].clamp(min=0))
    assert torch.allclose(
        found["shaped"][forced], (-ADVANTAGES * 0.1 * chance / (chance + 0.1) ** 2)[forced]
    )
    assert torch.allclose(found["importance"][0, :2], -ADVANTAGES[0, :2] * both)


def test_clipping_stops_what_went_too_far() -> None:
    old = torch.full((2, 1), -1.0, dtype=torch.float64)
    moved = torch.tensor([[-0.5], [-1.6]], dtype=torch.float64, requires_grad=True)
    good = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    kinds = torch.full((2, 1), S)
    batch = Batch(moved, old, good, kinds)
    loss, info = policy_loss(batch, Loss(), Norm(1, 2.0))
    assert float(_gradient(loss, moved).abs().max()) == 0.0
    assert info.clipped.all()
    back = replace(batch, advantages=-good, logprobs=moved.detach().requires_grad_())
    loss, _ = policy_loss(back, Loss(), Norm(1, 2.0))
    assert float(_gradient(loss, back.logprobs).abs().min()) > 0.0


@pytest.mark.parametrize("name", ROWS)
def test_parts_of_an_update_add_up(name: str) -> None:
    batch, row = _batch(5), ROWS[name]
    tokens = float(loss_mask(KINDS, row).sum())
    whole = policy_loss(batch, row, Norm(8, tokens, 1))[0]
    halves = sum(
        policy_loss(
            Batch(
                batch.logprobs[part],
                batch.old[part],
                batch.advantages[part],
                batch.kinds[part],
                batch.reference[part] if batch.reference is not None else None,
            ),
            row,
            Norm(8, tokens, 2),
        )[0]
        for part in (slice(0, 2), slice(2, 4))
    )
    assert torch.allclose(whole, torch.as_tensor(halves))


def test_gradient_norms_by_span() -> None:
    weight = torch.tensor([0.5, -0.2], dtype=torch.float64, requires_grad=True)
    inputs = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]], dtype=torch.float64)
    logprobs = -((inputs @ weight) ** 2) - 1.0
    batch = Batch(
        logprobs,
        logprobs.detach(),
        torch.full((1, 3), 2.0, dtype=torch.float64),
        torch.tensor([[S, S, G]]),
        logprobs.detach() + 0.5,
    )
    spans = torch.tensor([[int(Span.SAMPLE), int(Span.DECISION), int(Span.DECISION)]])
    row = Loss(beta=0.1)
    sums: Sums = {}
    terms = loss_terms(batch, row)
    assert set(terms) == {"reward", "sft", "kl"}
    add_span_gradients(sums, terms, loss_mask(batch.kinds, row), spans, [weight])
    counts = {Span.SAMPLE: 1.0, Span.DECISION: 1.0, Span.TOOL: 0.0}
    norms = span_norms(sums, counts, 4.0)
    # d logprob / d weight is -2 (x w) x: 1 x (1, 0) and 0.8 x (0, 2) in size
    assert norms["gradient/reward/sample"] == pytest.approx(2.0 * 1.0 / 4)
    assert norms["gradient/reward/decision"] == pytest.approx(2.0 * 1.6 / 4)
    assert norms["gradient/sft/decision"] == pytest.approx(1.6 / 4)
    assert norms["gradient_per_token/sft/decision"] == pytest.approx(1.6)
    slope = math.exp(0.5) - 1.0 - (math.exp(0.5) - 0.5 - 1.0)  # of the ratio times the estimator
    assert norms["gradient/kl/sample"] == pytest.approx(slope / 4, rel=1e-6)
    assert not [name for name in norms if name.endswith("tool")]
