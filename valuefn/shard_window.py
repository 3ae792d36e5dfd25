"""A rolling window over shards: the training episodes in memory, their texts encoded once each.

The window holds some shards' training episodes as a data set with the standardised features of its
texts. Rolling takes out the oldest shard, forgets the texts that only it held, and takes in the
next one; a text that is still known is not encoded again. Knows nothing of torch or training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError
from forethought.agent.protocols import Encoder
from forethought.valuefn.data import Dataset, Ints
from forethought.valuefn.features import Block, Floats
from forethought.valuefn.keyed import Keys
from forethought.valuefn.shard_folder import Shard

_CHUNK = 4096
"""Texts encoded at a time, so that their raw encodings stay small."""
_COLUMNS = ("state", "thought", "prefix")


@dataclass(frozen=True, slots=True)
class _Part:
    """The training episodes of one shard; texts by their slots in the window."""

    slots: Mapping[str, Ints]
    """By column, shape `(N,)`."""
    ids: list[str]
    keys: Keys
    groups: Keys
    episode: Ints
    step: Ints
    length: Ints
    reached: Floats


class _Texts:
    """One column's texts in the window, with their features by each of its blocks."""

    def __init__(self, name: str, encoder: Encoder, blocks: Sequence[Block]) -> None:
        self.slots: dict[str, int] = {}
        self.features = [np.empty((0, len(block.columns)), np.float32) for block in blocks]
        self._name, self._encoder, self._blocks = name, encoder, blocks

    def roll(self, used: Ints, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """Keep the slots in use, add texts.

        Args:
            used: Slots in use, rising.
            texts: Texts to add, each once; some may be known.

        Returns:
            New slot of each old one (-1 where it is gone), and the slot of each text.
        """
        moved = np.full(len(self.slots), -1, dtype=np.int64)
        moved[used] = np.arange(len(used))
        known = list(self.slots)
        self.slots = {known[place]: slot for slot, place in enumerate(used.tolist())}
        fresh = [text for text in texts if text not in self.slots]
        for text in fresh:
            self.slots[text] = len(self.slots)
        for place, old in enumerate(self.features):
            grown = np.empty((len(self.slots), old.shape[1]), np.float32)
            np.take(old, used, axis=0, out=grown[: len(used)])
            self.features[place] = grown
            del old
        for start in range(0, len(fresh), _CHUNK):
            chunk = fresh[start : start + _CHUNK]
            vectors = encode_whole(self._encoder, chunk, self._name)
            rows = slice(len(used) + start, len(used) + start + len(chunk))
            for block, features in zip(self._blocks, self.features, strict=True):
                features[rows] = block.apply(vectors)
        return moved, np.asarray([self.slots[text] for text in texts], dtype=np.int64)


class ShardWindow:
    """The window.

    Args:
        encoder: Of the texts.
        blocks: Fitted input blocks by name.
        goals: Outcome sentences.
    """

    def __init__(self, encoder: Encoder, blocks: Mapping[str, Block], goals: Sequence[str]) -> None:
        self._goals = list(goals)
        self._parts: list[_Part] = []
        kinds = {"state": ("state", "goal"), "thought": ("thought",), "prefix": ("prefix",)}
        self._texts = {
            name: _Texts(name, encoder, [blocks[kind] for kind in wanted])
            for name, wanted in kinds.items()
        }
        self.keys: Keys = np.empty(0, np.uint64)
        """Of the window's episodes, shape `(E,)`."""

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def bytes(self) -> int:
        """Size of the features."""
        return sum(part.nbytes for texts in self._texts.values() for part in texts.features)

    @property
    def features(self) -> dict[str, Floats]:
        """Features of the window's texts: state, thought, prefix, and state_goal."""
        found = {name: texts.features[0] for name, texts in self._texts.items()}
        return found | {"state_goal": self._texts["state"].features[1]}

    def roll(self, shard: Shard, held: NDArray[np.bool_], *, drop: int = 0) -> int:
        """Take the oldest shards out and another one in.

        Args:
            shard: The shard to take in.
            held: Its episodes that are not for training, shape `(E,)`.
            drop: Shards to take out.

        Returns:
            Training transitions taken in.
        """
        parts = self._parts[drop:]
        rows = shard.of_episodes(~held)
        slots: dict[str, Ints] = {}
        kept: list[dict[str, Ints]] = [{} for _ in parts]
        for name in _COLUMNS:
            old = [part.slots[name] for part in parts]
            used = np.unique(np.concatenate(old)) if old else np.empty(0, np.int64)
            places, inverse = np.unique(shard.columns[name][rows], return_inverse=True)
            texts = [shard.texts[name][place] for place in places]
            moved, new = self._texts[name].roll(used, texts)
            slots[name] = new[inverse]
            for each, before in zip(kept, old, strict=True):
                each[name] = moved[before]
        number = np.cumsum(~held) - 1
        self._parts = [
            replace(part, slots=each) for part, each in zip(parts, kept, strict=True)
        ] + [
            _Part(
                slots,
                [name for name, out in zip(shard.ids, held, strict=True) if not out],
                shard.keys[~held],
                shard.groups[~held],
                number[shard.episode[rows]],
                shard.step[rows],
                shard.length[rows],
                shard.reached[~held],
            )
        ]
        self.keys = np.concatenate([part.keys for part in self._parts])
        return len(rows)

    def data(self) -> Dataset:
        """The window's training episodes."""
        parts = self._parts
        before = np.cumsum([0, *(len(part.ids) for part in parts)])
        step = np.concatenate([part.step for part in parts])
        length = np.concatenate([part.length for part in parts])
        column = {name: np.concatenate([part.slots[name] for part in parts]) for name in _COLUMNS}
        return Dataset(
            states=list(self._texts["state"].slots),
            thoughts=list(self._texts["thought"].slots),
            prefixes=list(self._texts["prefix"].slots),
            goals=self._goals,
            episodes=[name for part in parts for name in part.ids],
            groups=np.concatenate([part.groups for part in parts]).view(np.int64),
            following=np.where(step + 1 < length, np.arange(len(step)) + 1, -1),
            episode=np.concatenate([p.episode + n for p, n in zip(parts, before, strict=False)]),
            step=step,
            length=length,
            reached=np.concatenate([part.reached for part in parts]),
            **column,
        )


def encode_whole(encoder: Encoder, texts: Sequence[str], name: str) -> Floats:
    """Vectors of texts, all finite.

    Raises:
        DataError: If some are not.
    """
    vectors = encoder.encode(texts)
    if not np.isfinite(vectors).all():
        raise DataError(f"the encoder gave numbers that are not finite for some {name} texts")
    return vectors
