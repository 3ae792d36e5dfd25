"""The training loop: updates, looks at held-out rows, early stopping.

Knows a source of tensors and a row of `objectives`; not texts, files, traces or calibration. All
randomness comes from the seed of the configuration, and networks run on one thread unless told
otherwise, so equal seeds give bit-equal weights on a CPU.

Departures from PNLC (arXiv 2505.18098): outcome sentences and goals of other episodes among the
training goals; an ensemble on bootstrap samples of episodes; held-out episodes stop the training;
what is judged and kept is the slow copy of the critic, in which the noise of the last gradient
steps weighs little.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from forethought.agent.errors import RunError, needs
from forethought.valuefn.checkpoint import Checkpoint, Snapshot
from forethought.valuefn.compiling import compiled
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.features import Floats
from forethought.valuefn.machine import HERE, Machine
from forethought.valuefn.objectives import OBJECTIVES, Networks
from forethought.valuefn.source import Sizes, Source

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor

    from forethought.valuefn.network import NETWORKS
    from forethought.valuefn.optimizer import AdamW

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


@dataclass(slots=True)
class _SoFar:
    """Where a run stands beside its networks."""

    update: int = 0
    waited: int = 0
    """Looks since the best one."""
    history: list[tuple[int, float]] = field(default_factory=list)
    best: dict[str, Floats] = field(default_factory=dict)

    def note(self, loss: float, network: torch.nn.Module) -> None:
        """Take in the held-out loss of one look."""
        if not self.history or loss < min(value for _, value in self.history):
            self.best, self.waited = weights_of(network), 0
        else:
            self.waited += 1
        self.history.append((self.update, loss))


class Trainer:
    """One training run.

    Args:
        source: The data.
        config: The settings.
        machine: On what.
        every: Updates between looks at the held-out rows.
        patience: Looks without improvement after which training stops.
    """

    def __init__(
        self,
        source: Source,
        config: HeadConfig,
        *,
        machine: Machine = HERE,
        every: int = EVALUATE_EVERY,
        patience: int = PATIENCE,
    ) -> None:
        self.source, self.config = source, config
        self.threads, self.every, self.patience = machine.threads, every, patience
        self.row = OBJECTIVES[config.objective]
        self._loss = compiled(self.row.loss) if machine.compiled else self.row.loss
        self.networks = make_networks(source.sizes, config, machine.device)
        self._rng = np.random.default_rng([config.seed, 1])
        critic = list(self.networks.critic.parameters())
        parameters: list[Tensor] = [*critic]
        if self.row.value:
            parameters += list(self.networks.value.parameters())
        self._optimizer = AdamW(parameters, config.learning_rate, config.weight_decay)
        self._moved: list[Tensor] = list(self.networks.target.parameters())
        self._toward: list[Tensor] = [*critic]

    def run(
        self,
        progress: Progress | None = None,
        *,
        checkpoint: Checkpoint | None = None,
        updates: int | None = None,
        look_first: bool = False,
    ) -> Trained:
        """Train until the held-out loss stops falling; keep the weights of its lowest point.

        Args:
            progress: Told the update, the most updates and the held-out loss.
            checkpoint: Written at every look, and gone on from where it exists.
            updates: Train for exactly so many instead, and keep the last weights; nothing is held
                out then, and the history stays empty.
            look_first: Count the weights at the start as a candidate, at update 0.

        Raises:
            RunError: If the loss is no longer a number.
            HeadError: If the checkpoint is of another run, or damaged.
        """
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            return self._run(progress, checkpoint, updates, look_first=look_first)
        finally:
            torch.set_num_threads(before)

    def _run(
        self,
        progress: Progress | None,
        checkpoint: Checkpoint | None,
        updates: int | None,
        *,
        look_first: bool,
    ) -> Trained:
        saved = checkpoint.load() if checkpoint is not None else None
        so_far = _SoFar() if saved is None else self._restore(saved)
        most = self.config.steps if updates is None else updates
        if look_first and so_far.update == 0:
            so_far.note(self.held_out_loss(), self.networks.target)
        while so_far.update < most and so_far.waited < self.patience:
            self._cool(so_far.update, most)
            info = self.update()
            so_far.update += 1
            if so_far.update % self.every and so_far.update != most:
                continue
            loss = float(info["loss"]) if updates is not None else self.held_out_loss()
            if not math.isfinite(loss):
                raise RunError(
                    f"training diverged: the loss at update {so_far.update} is not a number; "
                    f"lower learning_rate (now {self.config.learning_rate:g})"
                )
            if updates is None:
                so_far.note(loss, self.networks.target)
            if checkpoint is not None:
                checkpoint.save(self._snapshot(so_far))
            if progress is not None:
                progress(so_far.update, most, loss)
        if updates is not None:
            return Trained(weights_of(self.networks.target), [])
        return Trained(so_far.best, so_far.history)

    def _cool(self, update: int, most: int) -> None:
        """Set the learning rate of the next update."""
        if not self.config.cooldown:
            return
        left = (most - update) / (most * self.config.cooldown)
        self._optimizer.rate = self.config.learning_rate * min(1.0, left)

    def _kept(self) -> dict[str, torch.nn.Module]:
        """The networks that this objective changes, by name."""
        found: dict[str, torch.nn.Module] = {
            "critic": self.networks.critic,
            "target": self.networks.target,
        }
        if self.row.value:
            found["value"] = self.networks.value
        return found

    def _snapshot(self, so_far: "_SoFar") -> Snapshot:
        tensors = {
            f"{name}.{key}": tensor
            for name, module in self._kept().items()
            for key, tensor in module.state_dict().items()
        }
        tensors |= {f"best.{name}": torch.from_numpy(v) for name, v in so_far.best.items()}
        tensors |= {f"optimizer.{name}": each for name, each in self._optimizer.state().items()}
        facts = {
            "update": so_far.update,
            "waited": so_far.waited,
            "history": so_far.history,
            "generator": self._rng.bit_generator.state,
            "position": dict(self.source.position()),
        }
        return Snapshot(tensors, facts)

    def _restore(self, saved: Snapshot) -> "_SoFar":
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in saved.tensors.items():
            part, _, key = name.partition(".")
            parts.setdefault(part, {})[key] = tensor
        for name, module in self._kept().items():
            module.load_state_dict(parts[name])
        self._optimizer.restore(parts["optimizer"])
        facts = saved.facts
        self._rng.bit_generator.state = facts["generator"]
        self.source.seek(facts["position"])
        best = {name: tensor.numpy() for name, tensor in parts.get("best", {}).items()}
        history = [(int(update), float(loss)) for update, loss in facts["history"]]
        return _SoFar(facts["update"], facts["waited"], history, best)

    def update(self) -> dict[str, Tensor]:
        """One gradient step; returns named losses and means, scalars on the device."""
        drawn = self.source.draw(self._rng)
        loss, info = self._loss(self.networks, drawn, self.config)
        self._optimizer.step(torch.autograd.grad(loss, self._optimizer.parameters))
        with torch.no_grad():
            torch._foreach_lerp_(self._moved, self._toward, self.config.polyak)
        return info | {"loss": loss.detach()}

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
            logits = self.networks.target(judged, self.source.outcomes)
        found: Floats = logits.sigmoid().mean(dim=0).cpu().numpy()
        return found


def make_networks(sizes: Sizes, config: HeadConfig, device: str) -> Networks:
    """Networks with initial weights by the seed; the target starts as a copy of the critic."""
    generator = torch.Generator().manual_seed(config.seed)
    twins = 2 * config.members
    make = NETWORKS[config.network]
    critic = make(twins, sizes.judged, sizes.goal, config.hidden, generator)
    target = make(twins, sizes.judged, sizes.goal, config.hidden, generator)
    target.load_state_dict(critic.state_dict())
    target.requires_grad_(requires_grad=False)
    value = make(config.members, sizes.state, sizes.goal, config.hidden, generator)
    return Networks(critic.to(device), target.to(device), value.to(device))


def weights_of(module: torch.nn.Module) -> dict[str, Floats]:
    """Parameters by name, copied to memory."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()
    }
