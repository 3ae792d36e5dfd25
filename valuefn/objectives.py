"""What a head can be trained for, as rows of data: each names its loss and what that loss needs.

| objective | a score tends to | needs |
|---|---|---|
| `iql` | discounted chance when good decisions follow (Kostrikov et al. 2022) | value |
| `gcivl` | the same without actions (OGBench, Park et al. 2024) | next |
| `monte-carlo` | discounted chance under the logged behaviour, by cross-entropy | |
| `regression` | the same, by squared error | |
| `contrastive` | the same, by InfoNCE (Eysenbach et al. 2022) | |

A score is `sigmoid(logit)` in all of them, and calibration maps it to a chance afterwards. In
`gcivl` the state of OGBench is the afterstate here, (state, thought, prefix) together, since a
value of states alone could not rank thoughts. Its expectile also counts luck as skill: where the
same thought ends well or badly by chance, the value leans to the good end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.agent.errors import ConfigError, needs
from forethought.valuefn.config import HeadConfig, Objective
from forethought.valuefn.losses import (
    bootstrap_target,
    contrastive_loss,
    critic_loss,
    expectile_loss,
    squared_loss,
)
from forethought.valuefn.source import Drawn

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor

    from forethought.valuefn.network import GoalCritic

_VALUE_WEIGHT = 4.0
"""Of the state value's squared error beside the critic's cross-entropy, which is four times as
steep at one half."""

Loss = tuple[Tensor, dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a head in training, `M` members."""

    critic: GoalCritic
    """What is trained: `2 M` critics, twins side by side."""
    target: GoalCritic
    """Slow copy of the critic: what targets are made of, and what becomes the head."""
    value: GoalCritic
    """`M` values of states."""


@dataclass(frozen=True, slots=True)
class Row:
    """One objective."""

    loss: Callable[[Networks, Drawn, HeadConfig], Loss]
    """Pure: from networks, batch and settings to the loss and its named parts."""
    value: bool = False
    """Whether the value of states is trained."""
    next_judged: bool = False
    """Whether batches hold what was judged at the next decision."""
    realised: bool = True
    """Whether it reads what came true of each goal."""


def iql(networks: Networks, drawn: Drawn, config: HeadConfig) -> Loss:
    """Goal-conditioned implicit Q-learning."""
    weight = _weight(drawn)
    wanted = networks.value.embed(drawn.goals)  # one embedding for states and those that follow
    with torch.no_grad():
        aim = _worse(networks.target(drawn.judged, drawn.goals).sigmoid())
        following = networks.value.score(drawn.next_state, wanted.detach()).sigmoid()
        target = _twice(_target(drawn, following, config))
    logits = networks.critic(drawn.judged, drawn.goals)
    critic, info = critic_loss(logits, target, _twice(weight))
    error = aim - networks.value.score(drawn.state, wanted).sigmoid()
    value, more = expectile_loss(error, config.expectile, weight)
    return critic + _VALUE_WEIGHT * value, _named("critic", info) | _named("value", more)


def gcivl(networks: Networks, drawn: Drawn, config: HeadConfig) -> Loss:
    """Goal-conditioned implicit value learning on afterstates.

    Raises:
        ConfigError: If the batch does not hold what was judged next.
    """
    if drawn.next_judged is None:
        raise ConfigError("gcivl needs what was judged at the next decision: next_judged=True")
    with torch.no_grad():
        wanted = networks.target.embed(drawn.goals)
        following = networks.target.score(drawn.next_judged, wanted).sigmoid()  # (2M, B, G)
        now = networks.target.score(drawn.judged, wanted).sigmoid()
        target = _target(drawn, following, config)
        gain = _target(drawn, _worse(following), config) - _pairs(now).mean(dim=1)
        side = torch.where(gain > 0, config.expectile, 1 - config.expectile)
    logits = networks.critic(drawn.judged, drawn.goals)
    weight = _twice(_weight(drawn) * side)
    loss, info = critic_loss(logits, target, weight)
    return loss, _named("critic", info)


def monte_carlo(networks: Networks, drawn: Drawn, config: HeadConfig) -> Loss:
    """Classification of what came true, discounted."""
    logits = networks.critic(drawn.judged, drawn.goals)
    loss, info = critic_loss(logits, drawn.realised[None], _twin_weight(drawn))
    return loss, _named("critic", info)


def regression(networks: Networks, drawn: Drawn, config: HeadConfig) -> Loss:
    """Squared error to the discounted return."""
    logits = networks.critic(drawn.judged, drawn.goals)
    loss, info = squared_loss(logits, drawn.realised[None], _twin_weight(drawn))
    return loss, _named("critic", info)


def contrastive(networks: Networks, drawn: Drawn, config: HeadConfig) -> Loss:
    """InfoNCE: which of the batch's transitions came to the goal."""
    logits = networks.critic(drawn.judged, drawn.goals)
    counted = drawn.boot[:, :, None] * (drawn.weight > 0)  # (M, B, G)
    mass = _twice(counted)
    loss, info = contrastive_loss(logits, drawn.realised, mass, drawn.weight.sum(dim=0))
    return loss, _named("critic", info)


OBJECTIVES: Mapping[Objective, Row] = MappingProxyType(
    {
        "iql": Row(iql, value=True, realised=False),
        "monte-carlo": Row(monte_carlo),
        "regression": Row(regression),
        "contrastive": Row(contrastive),
        "gcivl": Row(gcivl, next_judged=True, realised=False),
    }
)


def _weight(drawn: Drawn) -> Tensor:
    """Weight of each pair for each member, shape `(M, B, G)`."""
    return drawn.weight[None] * drawn.boot[:, :, None]


def _twin_weight(drawn: Drawn) -> Tensor:
    """Weight of each pair for each critic, shape `(2 M, B, G)`."""
    return _twice(_weight(drawn))


def _twice(members: Tensor) -> Tensor:
    """The same for both twins: shape `(2 M, B, G)` from `(M, B, G)`."""
    return members[:, None].expand(-1, 2, -1, -1).flatten(0, 1)


def _pairs(twins: Tensor) -> Tensor:
    """Twins apart: shape `(M, 2, B, G)` from `(2 M, B, G)`."""
    return twins.view(-1, 2, *twins.shape[1:])


def _worse(twins: Tensor) -> Tensor:
    """The lower of the twins, shape `(M, B, G)`."""
    return _pairs(twins).min(dim=1).values


def _target(drawn: Drawn, following: Tensor, config: HeadConfig) -> Tensor:
    return bootstrap_target(drawn.at_goal, drawn.ended, drawn.outcome, following, config.gamma)


def _named(prefix: str, info: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": number for name, number in info.items()}
