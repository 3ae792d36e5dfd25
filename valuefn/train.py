"""Training of a value head: goal-conditioned IQL, or a Monte-Carlo classifier, with early stopping.

Knows arrays and torch; not files, traces or calibration. All randomness comes from the seed of the
configuration, and tiny networks run on one thread, so equal seeds give bit-equal weights on a CPU.

Departures from PNLC (arXiv 2505.18098): outcome sentences and goals of other episodes among the
training goals; an ensemble on bootstrap samples of episodes; held-out episodes stop the training.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import UnknownName, needs
from forethought.valuefn.batches import Batch, draw_batch
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset, Ints
from forethought.valuefn.features import BLOCKS, Block, Floats, fit_block
from forethought.valuefn.losses import bootstrap_target, critic_loss, expectile_loss

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
class Inputs:
    """Standardised features of a data set's texts, one row a text."""

    blocks: Mapping[str, Block]
    state: Floats
    thought: Floats
    prefix: Floats
    goal: Floats
    """Outcome sentences as goals, shape `(outcomes, D_goal)`."""
    state_goal: Floats
    """States as goals, shape `(states, D_goal)`."""


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


def make_inputs(encoded: Mapping[str, Floats], data: Dataset, rows: Ints) -> Inputs:
    """Fit the blocks on training rows and apply them to all texts.

    Args:
        encoded: Encodings of the data's states, thoughts, prefixes and goals by block name.
        data: The data set.
        rows: Training transitions, shape `(N,)`.
    """
    states, outcomes = encoded["state"], encoded["goal"]
    used = np.unique(data.state[rows])
    goal_texts = np.concatenate([outcomes, states[used]])
    halves = [np.full(len(part), 0.5 / max(len(part), 1)) for part in (outcomes, used)]
    blocks = {
        "state": fit_block(states[data.state[rows]]),
        "thought": fit_block(encoded["thought"][data.thought[rows]]),
        "prefix": fit_block(encoded["prefix"][data.prefix[rows]]),
        "goal": fit_block(goal_texts, np.concatenate(halves).astype(np.float32)),
    }
    state, thought, prefix, goal = (blocks[name].apply(encoded[name]) for name in BLOCKS)
    return Inputs(blocks, state, thought, prefix, goal, blocks["goal"].apply(states))


class Trainer:
    """One training run.

    Args:
        data: The data set.
        inputs: Features of its texts.
        rows: Training transitions.
        held: Held-out transitions, for early stopping.
        config: The settings.
    """

    def __init__(
        self, data: Dataset, inputs: Inputs, rows: Ints, held: Ints, config: HeadConfig
    ) -> None:
        self.data, self.rows, self.held, self.config = data, rows, held, config
        self._rng = np.random.default_rng([config.seed, 1])
        self._goal_weights = goal_weights(data.goals, config.focus)
        self._tensors = {
            name: torch.from_numpy(getattr(inputs, name))
            for name in ("state", "thought", "prefix", "goal", "state_goal")
        }
        generator = torch.Generator().manual_seed(config.seed)
        judged = sum(self._tensors[name].shape[1] for name in ("state", "thought", "prefix"))
        goals = self._tensors["goal"].shape[1]
        twins = 2 * config.members
        self.critic = BilinearCritic(twins, judged, goals, config.hidden, generator)
        self.target = BilinearCritic(twins, judged, goals, config.hidden, generator)
        self.target.load_state_dict(self.critic.state_dict())
        self.target.requires_grad_(requires_grad=False)
        self.value = BilinearCritic(
            config.members, self._tensors["state"].shape[1], goals, config.hidden, generator
        )
        parameters = list(self.critic.parameters())
        if config.objective == "iql":
            parameters += list(self.value.parameters())
        self._optimizer = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._parameters = parameters
        self._bootstrap = torch.from_numpy(
            self._rng.poisson(1.0, size=(config.members, len(data.episodes))).astype(np.float32)
            if config.members > 1
            else np.ones((1, len(data.episodes)), dtype=np.float32)
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
        best = _copy(self.critic)
        waited = 0
        for update in range(1, self.config.steps + 1):
            self.update()
            if update % EVALUATE_EVERY and update != self.config.steps:
                continue
            loss = self.held_out_loss()
            if not history or loss < min(value for _, value in history):
                best, waited = _copy(self.critic), 0
            else:
                waited += 1
            history.append((update, loss))
            if progress is not None:
                progress(update, self.config.steps, loss)
            if waited >= PATIENCE:
                break
        return Trained(best, history)

    def update(self) -> dict[str, float]:
        """One gradient step; returns named losses and means."""
        batch = draw_batch(
            self.data,
            self.rows,
            self.config.batch,
            self.config.shares,
            self.config.gamma,
            self._rng,
            self._goal_weights,
        )
        goals = torch.cat(
            [
                self._tensors["goal"],
                self._tensors["state_goal"][torch.from_numpy(batch.goal_states)],
            ]
        )
        judged = self._judged(batch.rows)
        boot = self._bootstrap[:, torch.from_numpy(self.data.episode[batch.rows])]  # (M, B)
        weight = torch.from_numpy(batch.weight)[None] * boot[:, :, None]  # (M, B, G)
        twin_weight = weight.repeat_interleave(2, dim=0)
        loss, info = self._losses(batch, judged, goals, weight, twin_weight)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self.config.objective == "iql":
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.target.parameters()),
                    list(self.critic.parameters()),
                    self.config.polyak,
                )
        return {name: float(number) for name, number in info.items()}

    def _losses(
        self, batch: Batch, judged: Tensor, goals: Tensor, weight: Tensor, twin_weight: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Critic loss, and for IQL the state value's, with their named parts."""
        logits = self.critic(judged, goals)
        if self.config.objective == "monte-carlo":
            target = torch.from_numpy(batch.realised)[None]
            loss, info = critic_loss(logits, target, twin_weight)
            return loss, {f"critic/{k}": v for k, v in info.items()}
        states = self._tensors["state"][torch.from_numpy(self.data.state[batch.rows])]
        following = torch.from_numpy(self.data.following[batch.rows])
        next_rows = torch.where(following < 0, torch.from_numpy(batch.rows), following)
        next_states = self._tensors["state"][torch.from_numpy(self.data.state[next_rows.numpy()])]
        with torch.no_grad():
            twins = self.target(judged, goals).sigmoid()
            pairs = twins.view(self.config.members, 2, *twins.shape[1:])
            aim = pairs.min(dim=1).values
            target = bootstrap_target(
                torch.from_numpy(batch.at_goal),
                (following < 0)[:, None],
                torch.from_numpy(batch.outcome),
                self.value(next_states, goals).sigmoid(),
                self.config.gamma,
            ).repeat_interleave(2, dim=0)
        critic, info = critic_loss(logits, target, twin_weight)
        error = aim - self.value(states, goals).sigmoid()
        value, more = expectile_loss(error, self.config.expectile, weight)
        named = {f"critic/{k}": v for k, v in info.items()}
        return critic + 4 * value, named | {f"value/{k}": v for k, v in more.items()}

    def _judged(self, rows: Ints) -> Tensor:
        """State, thought and prefix of transitions, shape `(len(rows), D)`."""
        return torch.cat(
            [
                self._tensors["state"][torch.from_numpy(self.data.state[rows])],
                self._tensors["thought"][torch.from_numpy(self.data.thought[rows])],
                self._tensors["prefix"][torch.from_numpy(self.data.prefix[rows])],
            ],
            dim=1,
        )

    def held_out_loss(self) -> float:
        """Cross-entropy of the ensemble's chances with what came true, in nats, held-out rows.

        The weighted mean over outcome sentences, by their weights in training.
        """
        chances = self.predict(self.held)
        truth = self.data.truth(self.held)
        known = ~np.isnan(truth)
        p = np.clip(chances[known], 1e-6, 1 - 1e-6)
        t = truth[known]
        weight = np.broadcast_to(self._goal_weights, truth.shape)[known]
        return float(-np.average(t * np.log(p) + (1 - t) * np.log(1 - p), weights=weight))

    def predict(self, rows: Ints) -> NDArray[np.float32]:
        """Mean chance of every outcome sentence, shape `(len(rows), outcomes)`."""
        with torch.no_grad():
            logits = self.critic(self._judged(rows), self._tensors["goal"])
        found: NDArray[np.float32] = logits.sigmoid().mean(dim=0).numpy()
        return found


def goal_weights(goals: Sequence[str], focus: str) -> Floats:
    """Weight of each outcome sentence, shape `(len(goals),)`.

    Args:
        goals: Outcome sentences.
        focus: The one that counts as much as all others together; empty for none.

    Raises:
        UnknownName: If there is no such sentence.
    """
    weights = np.ones(len(goals), dtype=np.float32)
    if focus:
        if focus not in goals:
            raise UnknownName("goal", focus, goals)
        weights[list(goals).index(focus)] = max(len(goals) - 1, 1)
    return weights


def _copy(module: torch.nn.Module) -> dict[str, Floats]:
    return {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
