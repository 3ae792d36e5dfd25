"""Keys and values of prompts gone by, kept for prompts that begin alike.

The calls of one decision share a long beginning: what is kept of one saves the next from reading it
again. Bounded in bytes; what was least lately of use goes first. Holds tensors, computes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agent.errors import needs
from forethought.agent.models.weights import INSTALL

with needs("a local model", INSTALL):
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Layers = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, each of shape `(1, heads, tokens, size)`."""


@dataclass(frozen=True, slots=True)
class _Entry:
    ids: NDArray[np.int64]
    layers: Layers
    bytes: int


class PrefixStore:
    """Keys and values by the tokens they stand for.

    Args:
        limit: Bytes to keep at most; 0 keeps nothing.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: list[_Entry] = []  # what was of use last comes last

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """Bytes kept."""
        return sum(entry.bytes for entry in self._entries)

    def find(self, ids: Sequence[int]) -> tuple[int, Layers]:
        """The longest known beginning of a prompt, its last token left out.

        Args:
            ids: The prompt's tokens. The last one must be read anyway: what follows it is wanted.

        Returns:
            How many tokens are known, and their keys and values; `(0, [])` for none.
        """
        wanted = np.asarray(ids[:-1], dtype=np.int64)
        best, length = None, 0
        for entry in self._entries:
            shared = _shared(entry.ids, wanted)
            if shared > length:
                best, length = entry, shared
        if best is None:
            return 0, []
        self._entries = [entry for entry in self._entries if entry is not best] + [best]
        return length, [
            (keys[:, :, :length], values[:, :, :length]) for keys, values in best.layers
        ]

    def keep(self, ids: Sequence[int], layers: Layers) -> None:
        """Keep what was read; what it continues is dropped, being part of it.

        Args:
            ids: The tokens.
            layers: Their keys and values; must not be changed afterwards.
        """
        size = sum(t.numel() * t.element_size() for pair in layers for t in pair)
        if not size or size > self.limit:
            return
        added = _Entry(np.asarray(ids, dtype=np.int64), layers, size)
        if any(_shared(entry.ids, added.ids) == len(added.ids) for entry in self._entries):
            return
        kept = [e for e in self._entries if _shared(e.ids, added.ids) < len(e.ids)]
        room = self.limit - size - sum(entry.bytes for entry in kept)
        while room < 0:
            room += kept.pop(0).bytes
        self._entries = [*kept, added]


def _shared(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """Length of the common beginning."""
    length = min(len(one), len(other))
    differs = one[:length] != other[:length]
    return int(differs.argmax()) if differs.any() else length
