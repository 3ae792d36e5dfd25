"""The losses of goal-conditioned IQL, as pure functions.

Source: Kostrikov et al. 2022 (arXiv 2110.06169) for IQL; OGBench (arXiv 2410.20092) for its
goal-conditioned form; PNLC (arXiv 2505.18098) for thoughts as actions. `K` is the number of heads,
`B` of transitions, `G` of goals: every transition is scored against every goal of the step.

Departures:
1. Values are logits and the critic's loss is the cross-entropy with a soft target, which has the
   same minimum as the squared error and learns small chances faster.
2. Reaching the goal ends the return, so that values lie in [0, 1] (PNLC's own text does not say).
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
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    total = weight.sum(dim=(1, 2)).clamp_min(1e-8)  # (K,)
    loss = ((each * weight).sum(dim=(1, 2)) / total).sum()
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
    total = weight.sum(dim=(1, 2)).clamp_min(1e-8)
    loss = ((side * error.square() * weight).sum(dim=(1, 2)) / total).sum()
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
