"""The losses: small pure functions of log-probabilities, put together as a recipe's `Loss` says.

Shapes: B rollouts, T completion tokens, padded on the right. Given tokens never count, in the
policy's loss nor in the KL penalty. The continuation of a prefixed rollout was drawn by the policy
and has the same loss in every row; rows differ in the forced tokens alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.agent.errors import needs
from forethought.valuefn.rl.recipe import Loss
from forethought.valuefn.rl.tokens import Kind

INSTALL = "pip install 'forethought[rl]'"
with needs("fine-tuning", INSTALL):
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """What a loss is computed from; each of shape `(B, T)`."""

    logprobs: Tensor
    """Of the tokens, under the policy as it is; nats. Gradients flow through it alone."""
    old: Tensor
    """The same under the policy that drew them."""
    advantages: Tensor
    kinds: Tensor
    """Values of `Kind`; `GIVEN` where a row is padded."""
    reference: Tensor | None = None
    """Log-probabilities under the starting model; `None` where there is no KL penalty."""
    weights: Tensor | None = None
    """What the policy's loss is multiplied by, shape `(B, T)` or `(B, 1)`: the correction for an
    engine that draws with other chances than the policy's own. `None` for 1."""


@dataclass(frozen=True, slots=True)
class Norm:
    """What a sum over tokens is divided by."""

    longest: int
    """Longest completion, tokens; for `reduce = "constant"`."""
    tokens: float | Tensor
    """Tokens that carry loss in the whole update; for `reduce = "token"`."""
    parts: int = 1
    """Parts that the update is computed in; for the other two."""


@dataclass(frozen=True, slots=True)
class Info:
    """What is told of a loss."""

    mask: Tensor
    """Tokens that carry loss, shape `(B, T)`, 0 or 1."""
    kl: Tensor | None
    """KL estimate of each token, shape `(B, T)`; `None` without a reference."""
    clipped: Tensor
    """Where the ratio was clipped, shape `(B, T)`, bool."""


Own = Callable[[Batch, Tensor, float], Tensor]


@dataclass(frozen=True, slots=True)
class Forced:
    """What becomes of forced tokens."""

    trains: bool
    own: Own | None = None
    """Their own loss, shape `(B, T)`, of the batch, their mask and the shape; `None` where they go
    through the clipped ratio with the rest."""
    advantage: Callable[[Tensor], Tensor] = lambda advantages: advantages


def _shaped(batch: Batch, forced: Tensor, shape: float) -> Tensor:
    chance = batch.logprobs.exp()
    return -chance / (chance + shape) * batch.advantages


def _importance(batch: Batch, forced: Tensor, shape: float) -> Tensor:
    """The prefix's probability, dealt evenly to its tokens so that their sum is the whole."""
    count = forced.sum(1, keepdim=True).clamp(min=1)
    chance = (batch.logprobs * forced).sum(1, keepdim=True).exp()
    return -(chance / count) * batch.advantages


FORCED: Mapping[str, Forced] = MappingProxyType(
    {
        "none": Forced(trains=False),
        "as-sampled": Forced(trains=True),
        "positive": Forced(trains=True, advantage=lambda advantages: advantages.clamp(min=0)),
        "shaped": Forced(trains=True, own=_shaped),
        "importance": Forced(trains=True, own=_importance),
    }
)
"""Losses on forced tokens, by `Loss.forced`."""


def loss_mask(kinds: Tensor, row: Loss) -> Tensor:
    """Tokens that carry loss, shape `(B, T)`, int: 1 or 0."""
    mask = kinds == Kind.SAMPLED
    if FORCED[row.forced].trains:
        mask = mask | (kinds == Kind.FORCED)
    return mask.int()


@dataclass(frozen=True, slots=True)
class Terms:
    """A loss token by token, each of shape `(B, T)`, to be read where `loss_mask` is 1."""

    policy: Tensor
    ratio: Tensor
    """Importance ratio; 1 where a token does not go through it."""
    clipped: Tensor
    """Where the ratio was clipped, bool."""


def policy_terms(batch: Batch, row: Loss) -> Terms:
    """The policy's loss, without the KL penalty."""
    rule = FORCED[row.forced]
    forced = batch.kinds == Kind.FORCED
    through = batch.kinds == Kind.SAMPLED
    if rule.trains and rule.own is None:
        through = through | forced
    advantages = torch.where(forced, rule.advantage(batch.advantages), batch.advantages)
    ratio = _RATIOS[row.ratio](batch.logprobs - batch.old, through).exp()
    cut = ratio.clamp(1 - row.clip_low, 1 + row.clip_high)
    losses = -torch.min(ratio * advantages, cut * advantages)
    low = (ratio < 1 - row.clip_low) & (advantages < 0)
    high = (ratio > 1 + row.clip_high) & (advantages > 0)
    if rule.own is not None:
        losses = torch.where(forced, rule.own(batch, forced, row.shape), losses)
    if batch.weights is not None:
        losses = losses * batch.weights
    return Terms(losses, ratio, (low | high) & through)


def kl_terms(logprobs: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """KL of the policy from the reference, token by token: the estimator r - log r - 1.

    In a loss it is multiplied by the importance ratio, as TRL does: the value is the same on
    policy, and the gradient that of KL(policy, reference) in place of KL(reference, policy).

    Args:
        logprobs: Shape `(B, T)`, nats.
        reference: The same under the starting model.
        mask: Tokens that count, shape `(B, T)`; elsewhere the result is 0.
    """
    log_ratio = _where(mask, reference - logprobs)
    return log_ratio.exp() - log_ratio - 1


def policy_loss(batch: Batch, row: Loss, norm: Norm) -> tuple[Tensor, Info]:
    """The loss of one part of an update.

    Args:
        batch: Its rollouts.
        row: Which loss.
        norm: What sums are divided by.

    Returns:
        A scalar, and what is told of it.
    """
    terms = policy_terms(batch, row)
    losses = terms.policy
    mask = loss_mask(batch.kinds, row)
    kl = None
    if batch.reference is not None:
        kl = kl_terms(batch.logprobs, batch.reference, mask)
        losses = losses + row.beta * terms.ratio * kl
    loss = _REDUCE[row.reduce](_where(mask, losses), mask, norm)
    return loss, Info(mask, None if kl is None else kl.detach(), terms.clipped)


def _where(mask: Tensor, values: Tensor) -> Tensor:
    """Values where the mask holds, else 0; no gradient, and no overflow, comes from elsewhere."""
    return torch.where(mask.bool(), values, torch.zeros_like(values))


def _by_token(log_ratio: Tensor, through: Tensor) -> Tensor:
    return _where(through, log_ratio)


def _by_sequence(log_ratio: Tensor, through: Tensor) -> Tensor:
    mean = _where(through, log_ratio).sum(1, keepdim=True) / through.sum(1, keepdim=True).clamp(
        min=1
    )
    return mean.expand_as(log_ratio)


_RATIOS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"token": _by_token, "sequence": _by_sequence}
)


def _sequence_mean(losses: Tensor, mask: Tensor, norm: Norm) -> Tensor:
    return (losses.sum(1) / mask.sum(1).clamp(min=1)).mean() / norm.parts


def _constant(losses: Tensor, mask: Tensor, norm: Norm) -> Tensor:
    return losses.sum() / (losses.shape[0] * norm.longest) / norm.parts


def _token_mean(losses: Tensor, mask: Tensor, norm: Norm) -> Tensor:
    return losses.sum() / norm.tokens


_REDUCE: Mapping[str, Callable[[Tensor, Tensor, Norm], Tensor]] = MappingProxyType(
    {"sequence": _sequence_mean, "constant": _constant, "token": _token_mean}
)
