"""The losses of goal-conditioned values, as pure functions of tensors.

Source: Kostrikov et al. 2022 (arXiv 2110.06169) for IQL; OGBench (arXiv 2410.20092) for its
goal-conditioned form; PNLC (arXiv 2505.18098) for thoughts as actions; Eysenbach et al. 2022 (arXiv
2206.07568) for the contrastive loss. `K` is the number of heads, `B` of transitions, `G` of goals:
every transition is scored against every goal of the step. Which losses make up an objective is
said in `objectives`.

Departures:
1. Values are logits and the critic's loss is the cross-entropy with a soft target, which has the
   same minimum as the squared error and learns small chances faster.
2. Reaching the goal ends the return, so that values lie in [0, 1] (PNLC's own text does not say).
3. The contrastive energy is the logarithm of the score, `log sigmoid(logit)`, so that a score means
   the same here as in the other objectives; positives are all pairs that came true, each with its
   discounted value, in place of one drawn with that chance; negatives are the batch's other
   transitions, goal by goal, since thoughts are ranked and not goals. That leaves one factor for
   each goal open; a second term sets it to the rate at which the goal was reached.
"""

from forethought.agent.errors import ConfigError, needs

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor
    from torch.nn import functional


def critic_loss(logits: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of predicted values with soft targets.

    Args:
        logits: Predicted values before the sigmoid, shape `(K, B, G)`.
        target: Wanted values in [0, 1], shape broadcastable to `(K, B, G)`; no gradient flows in.
        weight: Weight of each term, 0 or more, shape broadcastable to `(K, B, G)`.

    Returns:
        Scalar: the sum over heads of the weighted mean, so that each head learns at its own pace
        whatever their number; and the mean value and target.
    """
    target = target.detach().expand_as(logits)
    weight = weight.expand_as(logits)
    share = weight / weight.sum(dim=(1, 2), keepdim=True).clamp_min(1e-8)
    loss = functional.binary_cross_entropy_with_logits(
        logits, target, weight=share, reduction="sum"
    )
    return loss, {"value": logits.detach().sigmoid().mean(), "target": target.mean()}


def expectile_loss(
    error: Tensor, expectile: float, weight: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Squared error with one weight for underestimates and another for overestimates.

    Args:
        error: Target minus prediction, shape `(K, B, G)`, in value units.
        expectile: Weight of positive errors, in (0, 1); 0.5 is half the mean squared error.
        weight: Weight of each term, shape broadcastable to `(K, B, G)`.

    Returns:
        Scalar as in `critic_loss`; and the mean error.

    Raises:
        ConfigError: If `expectile` is not strictly between 0 and 1.
    """
    if not 0 < expectile < 1:
        raise ConfigError(f"expectile must lie strictly between 0 and 1, not {expectile}")
    weight = weight.expand_as(error)
    side = torch.where(error > 0, expectile, 1 - expectile)
    share = side * weight / weight.sum(dim=(1, 2), keepdim=True).clamp_min(1e-8)
    loss = (share * error.square()).sum()
    return loss, {"error": error.detach().mean()}


def bootstrap_target(
    at_goal: Tensor, ended: Tensor, outcome: Tensor, next_value: Tensor, gamma: float
) -> Tensor:
    """Value that a transition leads to.

    Args:
        at_goal: Whether the state already is the goal, bool, shape `(B, G)`: the return ends there
            with 1.
        ended: Whether the episode ends with this transition, bool, shape `(B, 1)`.
        outcome: 1 where the episode's outcome reaches the goal, else 0, shape `(B, G)`.
        next_value: Value of the next state, in [0, 1], shape `(K, B, G)`.
        gamma: Discount per decision, in (0, 1].

    Returns:
        Shape `(K, B, G)`, in [0, 1].
    """
    following = torch.where(ended, outcome, next_value)
    return torch.where(at_goal, torch.ones_like(following), gamma * following)


def squared_loss(
    logits: Tensor, target: Tensor, weight: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Squared error of predicted values; arguments and result as of `critic_loss`."""
    target = target.detach().expand_as(logits)
    weight = weight.expand_as(logits)
    values = logits.sigmoid()
    total = weight.sum(dim=(1, 2)).clamp_min(1e-8)
    loss = (((values - target).square() * weight).sum(dim=(1, 2)) / total).sum()
    return loss, {"value": values.detach().mean(), "target": target.mean()}


def contrastive_loss(
    logits: Tensor, realised: Tensor, mass: Tensor, goal_weight: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """InfoNCE over the transitions of a batch for each goal, and the rate of the goal.

    The first term is least where scores are proportional, goal by goal, to the discounted chance of
    reaching the goal; the second where their sum is the number that reached it.

    Args:
        logits: Predicted values before the sigmoid, shape `(K, B, G)`.
        realised: Discounted value that the episode realised, in [0, 1], shape `(B, G)`.
        mass: How often each pair counts, 0 or more, shape `(K, B, G)`.
        goal_weight: Weight of each goal, 0 or more, shape `(G,)`.

    Returns:
        Scalar: the sum over heads of the mean over goals; and both terms.
    """
    energy = functional.logsigmoid(logits)
    total = (energy.exp() * mass).sum(dim=1).clamp_min(1e-8)  # (K, G)
    positive = realised * mass
    reached = positive.sum(dim=1)  # (K, G)
    share = positive / reached.clamp_min(1e-8)[:, None]
    nce = torch.where(reached > 0, total.log() - (share * energy).sum(dim=1), 0.0)
    rate = (total - reached * total.log()) / reached.clamp_min(1.0)
    weight = goal_weight / goal_weight.sum().clamp_min(1e-8)
    loss = ((nce + rate) * weight).sum()
    return loss, {"nce": nce.detach().mean(), "rate": rate.detach().mean()}
