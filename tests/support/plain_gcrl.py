"""Goal-conditioned IVL and IQL written plainly from their equations, to measure ours against.

One goal for each transition, the goal joined to the input, perceptrons of two hidden layers, twin
networks, Adam, Polyak targets: as one writes them from the papers, with PyTorch's own modules and
no trick. Equations: Kostrikov et al. 2022 (arXiv 2110.06169) for IQL; Park et al. 2025, OGBench
(arXiv 2410.20092) for the goal-conditioned forms. Actors are left out: only values are learned.

The reward is 1 in a state that is the goal and the return ends there, so that V(s, g) is the
discount to the power of the steps still to go. With `squash`, networks give logits: values are
their sigmoids, and IQL's critic learns by cross-entropy with the soft target.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Settings:
    hidden: int = 256
    gamma: float = 0.99
    expectile: float = 0.9
    polyak: float = 0.005
    learning_rate: float = 3e-4
    squash: bool = False
    value_weight: float = 1.0
    activation: type[nn.Module] = nn.GELU
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """`B` transitions, each with one goal."""

    state: Tensor
    """`(B, S)`."""
    action: Tensor
    """`(B, A)`; IVL does not look at it."""
    next_state: Tensor
    """`(B, S)`."""
    goal: Tensor
    """`(B, G)`."""
    at_goal: Tensor
    """Bool, `(B,)`: the state is the goal."""
    ended: Tensor
    """Bool, `(B,)`: the episode ends with this transition."""
    outcome: Tensor
    """`(B,)`: what follows the last transition is worth; 1 where the episode's end is the goal."""


class MLP(nn.Module):
    def __init__(self, inputs: int, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        hidden = settings.hidden
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 1)
        self.activation = settings.activation()
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        with torch.no_grad():
            for layer in (self.first, self.second, self.last):
                bound = layer.in_features**-0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.zero_()

    def forward(self, *inputs: Tensor) -> Tensor:
        """Shape `(B,)`."""
        x = torch.cat(inputs, dim=-1)
        x = self.norm(self.activation(self.first(x)))
        x = self.norm(self.activation(self.second(x)))
        out: Tensor = self.last(x).squeeze(-1)
        return out


def expectile_loss(advantage: Tensor, error: Tensor, expectile: float) -> Tensor:
    weight = torch.where(advantage > 0, expectile, 1 - expectile)
    return (weight * error**2).mean()


def move_target(target: nn.Module, online: nn.Module, share: float) -> None:
    with torch.no_grad():
        for old, new in zip(target.parameters(), online.parameters(), strict=True):
            old.copy_((1 - share) * old + share * new)


class PlainIVL:
    """Twin state values; the expectile's weight looks at the twins' mean."""

    def __init__(self, state: int, goal: int, settings: Settings) -> None:
        self.settings = settings
        generator = torch.Generator().manual_seed(settings.seed)
        self.values = nn.ModuleList(MLP(state + goal, settings, generator) for _ in range(2))
        self.targets = copy.deepcopy(self.values)
        self.optimizer = torch.optim.Adam(self.values.parameters(), lr=settings.learning_rate)

    def value(self, state: Tensor, goal: Tensor) -> Tensor:
        """Mean of the twins, shape `(B,)`."""
        with torch.no_grad():
            return torch.stack([self._read(v(state, goal)) for v in self.values]).mean(dim=0)

    def _read(self, out: Tensor) -> Tensor:
        return out.sigmoid() if self.settings.squash else out

    def loss(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            following = [self._read(t(batch.next_state, batch.goal)) for t in self.targets]
            target = backup(batch, torch.min(*following), self.settings.gamma)
            own = [self._read(t(batch.state, batch.goal)) for t in self.targets]
            advantage = target - (own[0] + own[1]) / 2
            aims = [backup(batch, each, self.settings.gamma) for each in following]
        total = torch.zeros(())
        for network, aim in zip(self.values, aims, strict=True):
            error = aim - self._read(network(batch.state, batch.goal))
            total = total + expectile_loss(advantage, error, self.settings.expectile)
        return total

    def update(self, batch: Batch) -> float:
        loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        move_target(self.targets, self.values, self.settings.polyak)
        return loss.item()


class PlainIQL:
    """Twin critics of (state, action), and one state value by the expectile of their minimum."""

    def __init__(self, state: int, action: int, goal: int, settings: Settings) -> None:
        self.settings = settings
        generator = torch.Generator().manual_seed(settings.seed)
        inputs = state + action + goal
        self.critics = nn.ModuleList(MLP(inputs, settings, generator) for _ in range(2))
        self.targets = copy.deepcopy(self.critics)
        self.state_value = MLP(state + goal, settings, generator)
        self.optimizer = torch.optim.Adam(
            [*self.critics.parameters(), *self.state_value.parameters()], lr=settings.learning_rate
        )

    def value(self, state: Tensor, goal: Tensor) -> Tensor:
        """Shape `(B,)`."""
        with torch.no_grad():
            return self._read(self.state_value(state, goal))

    def critic(self, state: Tensor, action: Tensor, goal: Tensor) -> Tensor:
        """Mean of the twins, shape `(B,)`."""
        with torch.no_grad():
            read = [self._read(c(state, action, goal)) for c in self.critics]
            return torch.stack(read).mean(dim=0)

    def _read(self, out: Tensor) -> Tensor:
        return out.sigmoid() if self.settings.squash else out

    def _miss(self, out: Tensor, target: Tensor) -> Tensor:
        if self.settings.squash:
            return functional.binary_cross_entropy_with_logits(out, target)
        return functional.mse_loss(out, target)

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Critic's loss and value's loss."""
        with torch.no_grad():
            following = self._read(self.state_value(batch.next_state, batch.goal))
            target = backup(batch, following, self.settings.gamma)
            judged = (batch.state, batch.action, batch.goal)
            best = torch.min(*(self._read(t(*judged)) for t in self.targets))
        critic = torch.zeros(())
        for network in self.critics:
            critic = critic + self._miss(network(*judged), target)
        error = best - self._read(self.state_value(batch.state, batch.goal))
        value = expectile_loss(error, error, self.settings.expectile)
        return critic, self.settings.value_weight * value

    def update(self, batch: Batch) -> float:
        critic, value = self.losses(batch)
        loss = critic + value
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        move_target(self.targets, self.critics, self.settings.polyak)
        return loss.item()


def backup(batch: Batch, following: Tensor, gamma: float) -> Tensor:
    """1 at the goal; else the discounted value of what follows, shape `(B,)`."""
    following = torch.where(batch.ended, batch.outcome, following)
    return torch.where(batch.at_goal, torch.ones_like(following), gamma * following)
