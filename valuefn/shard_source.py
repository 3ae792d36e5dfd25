"""Training data that need not fit in memory: batches drawn from a rolling window over shards.

The shards come round in one shuffled order. After as many draws as the newest shard has training
transitions, the oldest shard leaves the window and the next one enters, so that each transition is
drawn about once in a pass. Goals of other episodes come from the window. Where all shards fit, the
window holds them all and never rolls. The second implementation of `source.Source`.
"""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from forethought.agent.protocols import Encoder
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.features import Floats
from forethought.valuefn.keyed import Keys, poisson
from forethought.valuefn.memory_source import Inputs, MemorySource
from forethought.valuefn.shard_folder import ShardFolder
from forethought.valuefn.shard_window import ShardWindow
from forethought.valuefn.source import Drawn, HeldOut

WINDOW = 512 * 2**20
"""Bytes of features in the window, where nothing else is asked for."""


class ShardSource:
    """Shards as training data.

    Args:
        folder: The shards.
        sample: Held-out rows, and the outcome sentences as goals.
        inputs: Fitted input blocks, and features of the outcome sentences.
        encoder: Of the texts.
        config: The settings.
        held_out: Share of the groups held out.
        window: Bytes of features at most, unless one shard alone has more.
        next_judged: Whether batches hold what was judged at the next decision.
        device: Where the batches lie.
    """

    def __init__(
        self,
        folder: ShardFolder,
        sample: MemorySource,
        inputs: Inputs,
        encoder: Encoder,
        config: HeadConfig,
        *,
        held_out: float,
        window: int = WINDOW,
        next_judged: bool = False,
        device: str = "cpu",
    ) -> None:
        self._folder, self._sample, self._inputs = folder, sample, inputs
        self._encoder, self._config, self._held_out = encoder, config, held_out
        self._limit, self._next_judged, self._device = window, next_judged, device
        self.sizes, self.outcomes = sample.sizes, sample.outcomes
        self.outcome_weights = sample.outcome_weights
        self._order = np.random.default_rng([config.seed, 3]).permutation(len(folder))
        self._window = ShardWindow(encoder, inputs.blocks, folder.manifest.goals)
        self._drawn_from: MemorySource | None = None
        self._next = 0
        """Shards that entered since the beginning."""
        self._left = 0
        """Transitions to draw before the window rolls."""
        self.read = 0
        """Training transitions read into the window so far."""

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Draw the batch of one update."""
        if self._drawn_from is None:
            self._fill()
        elif self._left <= 0 and len(self._window) < len(self._folder):
            self._advance()
        source = self._drawn_from or self._rebuilt()
        self._left -= self._config.batch
        return source.draw(rng)

    def held_out(self) -> Iterator[HeldOut]:
        """The held-out rows of the sample, in chunks."""
        return self._sample.held_out()

    def digest(self) -> str:
        """Short hash of the shards, the window's size and the encoder."""
        named = (self._folder.manifest.digest, str(self._limit), self._encoder.fingerprint)
        return hashlib.blake2b("\n".join(named).encode(), digest_size=16).hexdigest()

    def position(self) -> Mapping[str, int]:
        """Which shards the window holds, and how soon it rolls."""
        return {"next": self._next, "held": len(self._window), "left": self._left}

    def seek(self, position: Mapping[str, int]) -> None:
        """Fill the window as it was at a position."""
        self._drawn_from = None
        self._window = ShardWindow(self._encoder, self._inputs.blocks, self._folder.manifest.goals)
        self._next = position["next"] - position["held"]
        for _ in range(position["held"]):
            self._enter(drop=0)
        self._left = position["left"]
        if position["held"]:
            self._rebuilt()

    def _fill(self) -> None:
        """Take shards in until the window is full or holds them all."""
        while len(self._window) < len(self._folder):
            before = self._window.bytes
            self._left = self._enter(drop=0)
            each = self._window.bytes - before
            if len(self._window.keys) and self._window.bytes + each > self._limit:
                break

    def _advance(self) -> None:
        """Take the oldest shard out, two where the window grew too large, and the next one in."""
        self._drawn_from = None  # its tensors share the window's memory
        while self._left <= 0 or not len(self._window.keys):
            large = self._window.bytes > self._limit and len(self._window) > 1
            self._left += self._enter(drop=2 if large else 1)

    def _enter(self, *, drop: int) -> int:
        shard = self._folder.load(int(self._order[self._next % len(self._order)]))
        self._next += 1
        taken = self._window.roll(shard, shard.held(self._held_out, self._config.seed), drop=drop)
        self.read += taken
        return taken

    def _rebuilt(self) -> MemorySource:
        """A source of the window's transitions."""
        data, features = self._window.data(), self._window.features
        inputs = Inputs(
            self._inputs.blocks,
            features["state"],
            features["thought"],
            features["prefix"],
            self._inputs.goal,
            features["state_goal"],
        )
        self._drawn_from = MemorySource(
            data,
            inputs,
            np.arange(len(data)),
            np.empty(0, np.int64),
            self._config,
            next_judged=self._next_judged,
            device=self._device,
            boot=bootstrap_of(self._window.keys, self._config),
        )
        return self._drawn_from


def bootstrap_of(keys: Keys, config: HeadConfig) -> Floats:
    """How often each member's sample holds each episode, by its key, shape `(M, E)`."""
    if config.members == 1:
        return np.ones((1, len(keys)), np.float32)
    return np.stack([poisson(keys, f"bootstrap {m}", config.seed) for m in range(config.members)])
