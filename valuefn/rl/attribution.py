"""Gradient norms by span: how much of the update comes from which part of a rollout.

For each term (the policy's loss, imitation of what was sampled, the KL penalty) and each span
(sample, decision, tool) the gradient of the term's sum over the span's tokens is taken apart. Raw
norms are of that sum for the mean rollout; per-token norms are of the mean over the span's tokens.
"""

from collections.abc import Mapping, Sequence

from forethought.agent.errors import needs
from forethought.valuefn.rl.losses import INSTALL, Batch, kl_terms, loss_mask, policy_terms
from forethought.valuefn.rl.recipe import Loss
from forethought.valuefn.rl.tokens import Span

with needs("fine-tuning", INSTALL):
    import torch
    from torch import Tensor

Sums = dict[tuple[str, Span], Tensor]
"""Flat gradient of each term's sum over each span, on this process so far."""


def loss_terms(batch: Batch, row: Loss) -> dict[str, Tensor]:
    """The terms taken apart, each of shape `(B, T)`: `reward`, `sft`, and `kl` with a reference."""
    mask = loss_mask(batch.kinds, row)
    policy = policy_terms(batch, row)
    terms = {"reward": policy.policy, "sft": -batch.logprobs}
    if batch.reference is not None:
        terms["kl"] = policy.ratio * kl_terms(batch.logprobs, batch.reference, mask)
    return terms


def add_span_gradients(
    sums: Sums,
    terms: Mapping[str, Tensor],
    mask: Tensor,
    spans: Tensor,
    weights: Sequence[Tensor],
) -> None:
    """Add the gradients of some rollouts.

    Args:
        sums: What is added to.
        terms: Losses by name, shape `(B, T)`, all from one graph.
        mask: Tokens that carry loss, shape `(B, T)`.
        spans: Values of `Span`, shape `(B, T)`.
        weights: The parameters.
    """
    for span in Span:
        chosen = mask.bool() & (spans == span)
        for name, losses in terms.items():
            total = torch.where(chosen, losses, torch.zeros_like(losses)).sum()
            parts = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
            flat = torch.cat(
                [
                    torch.zeros_like(weight).flatten() if part is None else part.flatten()
                    for part, weight in zip(parts, weights, strict=True)
                ]
            ).float()
            key = (name, span)
            sums[key] = sums[key] + flat if key in sums else flat


def span_norms(
    sums: Mapping[tuple[str, Span], Tensor], tokens: Mapping[Span, float], rollouts: float
) -> dict[str, float]:
    """Norms by name, `gradient/TERM/SPAN` and `gradient_per_token/TERM/SPAN`.

    Args:
        sums: Gradients summed over all rollouts of the update.
        tokens: Tokens that carry loss, by span.
        rollouts: Rollouts of the update.
    """
    norms: dict[str, float] = {}
    for (name, span), flat in sums.items():
        if not tokens[span]:
            continue
        size = float(flat.norm())
        where = f"{name}/{span.name.lower()}"
        norms[f"gradient/{where}"] = size / rollouts
        norms[f"gradient_per_token/{where}"] = size / tokens[span]
    return norms
