"""The training loop: updates, looks at held-out rows, early stopping.

Knows a source of tensors and a row of `objectives`; not texts, files, traces or calibration. All
randomness comes from the seed of the configuration, and tiny networks run on one thread, so equal
seeds give bit-equal weights on a CPU.

Departures from PNLC (arXiv 2505.18098): outcome sentences and goals of other episodes among the
training goals; an ensemble on bootstrap samples of episodes; held-out episodes stop the training.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from forethought.agent.errors import needs
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.features import Floats
from forethought.valuefn.objectives import OBJECTIVES, Networks
from forethought.valuefn.source import Sizes, Source

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor

    from forethought.valuefn.network import BilinearCritic

EVALUATE_EVERY = 25
"""Updates between looks at the held-out episodes."""
PATIENCE = 8
"""Looks without improvement after which training stops."""

Progress = Callable[[int, int, float], None]
"""Told the update, the most updates and the held-out loss."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of training."""

    weights: dict[str, Floats]
    """Parameters of the critic by name, heads stacked along the first axis."""
    history: list[tuple[int, float]] = field(default_factory=list)
    """Update and held-out loss at each look."""

    @property
    def best(self) -> tuple[int, float]:
        """Update with the lowest held-out loss, and that loss in nats."""
        return min(self.history, key=lambda point: point[1])


class Trainer:
    """One training run.

    Args:
        source: The data.
        config: The settings.
        device: Where the networks lie; the source's tensors must lie there too.
    """

    def __init__(self, source: Source, config: HeadConfig, *, device: str = "cpu") -> None:
        self.source, self.config = source, config
        self.row = OBJECTIVES[config.objective]
        self.networks = make_networks(source.sizes, config, device)
        self._rng = np.random.default_rng([config.seed, 1])
        parameters = list(self.networks.critic.parameters())
        if self.row.value:
            parameters += list(self.networks.value.parameters())
        self._optimizer = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )

    def run(self, progress: Progress | None = None) -> Trained:
        """Train until the held-out loss stops falling; keep the weights of its lowest point."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._run(progress)
        finally:
            torch.set_num_threads(before)

    def _run(self, progress: Progress | None) -> Trained:
        history: list[tuple[int, float]] = []
        best = weights_of(self.networks.critic)
        waited = 0
        for update in range(1, self.config.steps + 1):
            self.update()
            if update % EVALUATE_EVERY and update != self.config.steps:
                continue
            loss = self.held_out_loss()
            if not history or loss < min(value for _, value in history):
                best, waited = weights_of(self.networks.critic), 0
            else:
                waited += 1
            history.append((update, loss))
            if progress is not None:
                progress(update, self.config.steps, loss)
            if waited >= PATIENCE:
                break
        return Trained(best, history)

    def update(self) -> dict[str, Tensor]:
        """One gradient step; returns named losses and means, scalars on the device."""
        drawn = self.source.draw(self._rng)
        loss, info = self.row.loss(self.networks, drawn, self.config)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self.row.target:
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.networks.target.parameters()),
                    list(self.networks.critic.parameters()),
                    self.config.polyak,
                )
        return info

    def held_out_loss(self) -> float:
        """Cross-entropy of the ensemble's scores with what came true, in nats, held-out rows.

        The weighted mean over outcome sentences, by their weights in training.
        """
        loss, total = 0.0, 0.0
        for part in self.source.held_out():
            known = ~np.isnan(part.truth)
            p = np.clip(self.scores(part.judged)[known], 1e-6, 1 - 1e-6)
            t = part.truth[known]
            weight = np.broadcast_to(self.source.outcome_weights, part.truth.shape)[known]
            each = -(t * np.log(p) + (1 - t) * np.log(1 - p))
            loss += float(np.sum(each * weight, dtype=np.float64))
            total += float(np.sum(weight, dtype=np.float64))
        return loss / total

    def scores(self, judged: Tensor) -> Floats:
        """Mean score of every outcome sentence, shape `(B, outcomes)`.

        Args:
            judged: State, thought and prefix, shape `(B, D)`.
        """
        with torch.no_grad():
            logits = self.networks.critic(judged, self.source.outcomes)
        found: Floats = logits.sigmoid().mean(dim=0).cpu().numpy()
        return found


def make_networks(sizes: Sizes, config: HeadConfig, device: str) -> Networks:
    """Networks with initial weights by the seed; the target starts as a copy of the critic."""
    generator = torch.Generator().manual_seed(config.seed)
    twins = 2 * config.members
    critic = BilinearCritic(twins, sizes.judged, sizes.goal, config.hidden, generator)
    target = BilinearCritic(twins, sizes.judged, sizes.goal, config.hidden, generator)
    target.load_state_dict(critic.state_dict())
    target.requires_grad_(requires_grad=False)
    value = BilinearCritic(config.members, sizes.state, sizes.goal, config.hidden, generator)
    return Networks(critic.to(device), target.to(device), value.to(device))


def weights_of(module: torch.nn.Module) -> dict[str, Floats]:
    """Parameters by name, copied to memory."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()
    }
