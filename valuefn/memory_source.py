"""Training data that fit in memory: features of every text once, and indices into them.

Makes the features, and draws batches of them. What a batch holds is decided in `batches`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import UnknownName, needs
from forethought.valuefn.batches import Visits, draw_batch
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset, Ints
from forethought.valuefn.features import BLOCKS, Block, Floats, fit_block
from forethought.valuefn.source import Drawn, HeldOut, Sizes

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor

_CHUNK = 4096
"""Held-out rows judged at once."""


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


def make_blocks(encoded: Mapping[str, Floats], data: Dataset, rows: Ints) -> dict[str, Block]:
    """Fit the input blocks on training rows.

    Args:
        encoded: Encodings of the data's states, thoughts, prefixes and goals by block name.
        data: The data set.
        rows: Training transitions, shape `(N,)`.
    """
    states, outcomes = encoded["state"], encoded["goal"]
    used = np.unique(data.state[rows])
    goal_texts = np.concatenate([outcomes, states[used]])
    halves = [np.full(len(part), 0.5 / max(len(part), 1)) for part in (outcomes, used)]
    return {
        "state": fit_block(states[data.state[rows]]),
        "thought": fit_block(encoded["thought"][data.thought[rows]]),
        "prefix": fit_block(encoded["prefix"][data.prefix[rows]]),
        "goal": fit_block(goal_texts, np.concatenate(halves).astype(np.float32)),
    }


def make_inputs(encoded: Mapping[str, Floats], blocks: Mapping[str, Block]) -> Inputs:
    """Apply blocks to the encodings of all texts, by block name."""
    state, thought, prefix, goal = (blocks[name].apply(encoded[name]) for name in BLOCKS)
    return Inputs(blocks, state, thought, prefix, goal, blocks["goal"].apply(encoded["state"]))


class MemorySource:
    """A data set with its features.

    Args:
        data: The data set.
        inputs: Features of its texts.
        rows: Training transitions.
        held: Held-out transitions, for early stopping.
        config: The settings.
        next_judged: Whether batches hold what was judged at the next decision.
        device: Where the tensors lie.
        boot: How often each member's bootstrap sample holds each episode, shape
            `(members, episodes)`; drawn by the seed when left out.
    """

    def __init__(
        self,
        data: Dataset,
        inputs: Inputs,
        rows: Ints,
        held: Ints,
        config: HeadConfig,
        *,
        next_judged: bool = False,
        device: str = "cpu",
        boot: Floats | None = None,
    ) -> None:
        self._data, self._rows, self._held, self._config = data, rows, held, config
        self._next_judged, self._device = next_judged, device
        self._visits = Visits(data)
        self.outcome_weights = goal_weights(data.goals, config.focus)
        self._state = self._put(inputs.state)
        self._thought = self._put(inputs.thought)
        self._prefix = self._put(inputs.prefix)
        self._state_goal = self._put(inputs.state_goal)
        self.outcomes = self._put(inputs.goal)
        judged = sum(part.shape[1] for part in (self._state, self._thought, self._prefix))
        self.sizes = Sizes(judged, self._state.shape[1], self.outcomes.shape[1])
        if boot is None:
            boot = bootstrap(config.members, len(data.episodes), config.seed)
        self._boot = self._put(boot)

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Draw the batch of one update."""
        data, config = self._data, self._config
        batch = draw_batch(
            data,
            self._rows,
            config.batch,
            config.shares,
            config.gamma,
            rng,
            self.outcome_weights,
            self._visits,
        )
        following = data.following[batch.rows]
        next_rows = np.where(following < 0, batch.rows, following)
        judged = self._judged(batch.rows)
        state_goals = self._state_goal.index_select(0, self._put(batch.goal_states))
        return Drawn(
            judged=judged,
            state=judged[:, : self.sizes.state],
            next_state=self._state.index_select(0, self._put(data.state[next_rows])),
            next_judged=self._judged(next_rows) if self._next_judged else None,
            goals=torch.cat([self.outcomes, state_goals]),
            at_goal=self._put(batch.at_goal),
            ended=self._put(following < 0)[:, None],
            outcome=self._put(batch.outcome),
            realised=self._put(batch.realised),
            weight=self._put(batch.weight),
            boot=self._boot.index_select(1, self._put(data.episode[batch.rows])),
        )

    def held_out(self) -> Iterator[HeldOut]:
        """All held-out rows, in chunks."""
        for start in range(0, len(self._held), _CHUNK):
            rows = self._held[start : start + _CHUNK]
            left = (self._data.length[rows] - self._data.step[rows])[:, None]
            discount = (self._config.gamma**left).astype(np.float32)
            yield HeldOut(self._judged(rows), self._data.truth(rows) * discount)

    def digest(self) -> str:
        """Short hash of features, links, outcomes and the split."""
        data = self._data
        found = hashlib.blake2b(digest_size=16)
        indices = (data.state, data.thought, data.prefix, data.following, data.episode)
        tensors = (self._state, self._thought, self._prefix, self._state_goal, self.outcomes)
        arrays: list[NDArray[Any]] = [data.reached, self._rows, self._held, *indices]
        arrays += [tensor.cpu().numpy() for tensor in tensors]
        for array in arrays:
            found.update(str(array.shape).encode())
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()

    def position(self) -> Mapping[str, int]:
        """Nothing: the generator alone decides what is drawn."""
        return {}

    def seek(self, position: Mapping[str, int]) -> None:
        """Nothing to do, as `position` is empty."""

    def _judged(self, rows: Ints) -> Tensor:
        """State, thought and prefix of transitions, shape `(len(rows), D)`."""
        data, widths = self._data, (self._state.shape[1], self._thought.shape[1])
        out = self._state.new_empty(len(rows), self.sizes.judged)
        parts = (
            (self._state, data.state),
            (self._thought, data.thought),
            (self._prefix, data.prefix),
        )
        places = out.tensor_split((widths[0], sum(widths)), dim=1)
        for place, (features, numbers) in zip(places, parts, strict=True):
            torch.index_select(features, 0, self._put(numbers[rows]), out=place)
        return out

    def _put(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def bootstrap(members: int, episodes: int, seed: int) -> Floats:
    """How often each member's bootstrap sample holds each episode, shape `(members, episodes)`.

    One member alone sees every episode once.
    """
    if members == 1:
        return np.ones((1, episodes), dtype=np.float32)
    rng = np.random.default_rng([seed, 2])
    return rng.poisson(1.0, size=(members, episodes)).astype(np.float32)


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
