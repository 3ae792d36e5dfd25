"""Many replies written at once by one model: rows that join and leave between two tokens.

Prompts are read one at a time, beginning where a kept one leaves off; tokens are written for all
rows together. Rows are padded on the left, and masks and positions leave the padding out, so that a
row is computed as it would be alone (equal up to rounding). Knows nothing of text, threads or
requests.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forethought.agent.errors import needs
from forethought.agent.models.kvcache import Layers, PrefixStore
from forethought.agent.models.weights import INSTALL

with needs("a local model", INSTALL):
    import torch
    from torch import Tensor
    from torch.nn.functional import pad
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer


@dataclass(slots=True)
class Work:
    """What was computed, in tokens."""

    read: int = 0
    """Prompt tokens computed."""
    reused: int = 0
    """Prompt tokens whose keys and values were kept from another prompt."""
    written: int = 0
    """Tokens of replies."""
    steps: int = 0
    """Times that all rows went on by one token."""
    widest: int = 0
    """Rows that were written at once, at most."""


class Batch:
    """The rows being written, and their keys and values.

    Args:
        model: A causal language model of transformers.
        store: Where keys and values of prompts are kept.
        device: Where the model lies.
    """

    def __init__(self, model: Any, store: PrefixStore, device: torch.device) -> None:
        self.work = Work()
        self._model = model
        self._store = store
        self._device = device
        self._lengths: list[int] = []  # tokens of each row that the model has read
        self._layers: Layers = []  # (rows, heads, width, size), padded on the left
        few = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._last = {"logits_to_keep": 1} if few else {}

    def __len__(self) -> int:
        return len(self._lengths)

    def join(self, ids: Sequence[int]) -> Tensor:
        """Read a prompt and add it as the last row.

        Args:
            ids: The prompt's tokens, one or more.

        Returns:
            Logits of what follows it, shape `(vocabulary,)`, float32, on the CPU.
        """
        known, layers = self._store.find(ids)
        total = len(ids)
        mask = torch.ones(1, total, dtype=torch.long)
        logits, layers = self._forward(
            torch.tensor([ids[known:]]), mask, torch.arange(known, total)[None], layers
        )
        self._store.keep(ids, layers)
        self.work.read += total - known
        self.work.reused += known
        self.work.written += 1
        self._layers = _merged(self._layers, layers)
        self._lengths.append(total)
        self.work.widest = max(self.work.widest, len(self))
        return logits[0]

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Go on by one token in every row.

        Args:
            tokens: The last token of each row, in their order.

        Returns:
            Logits of what follows, shape `(rows, vocabulary)`, float32, on the CPU.
        """
        width = self._layers[0][0].shape[2]
        lengths = torch.tensor(self._lengths)
        mask = torch.arange(width + 1) >= (width - lengths)[:, None]  # (rows, width + 1)
        logits, self._layers = self._forward(
            torch.tensor(tokens)[:, None], mask.long(), lengths[:, None], self._layers
        )
        self._lengths = [length + 1 for length in self._lengths]
        self.work.steps += 1
        self.work.written += len(self)
        return logits

    def leave(self, row: int, ids: Sequence[int]) -> None:
        """Take a row out and keep its keys and values.

        Args:
            row: Its place.
            ids: All its tokens; the last one may not have been read.
        """
        length = self._lengths[row]
        if self._store.limit:
            layers = [
                (
                    keys[row : row + 1, :, -length:].clone(),
                    values[row : row + 1, :, -length:].clone(),
                )
                for keys, values in self._layers
            ]
            self._store.keep(ids[:length], layers)
        stay = [place for place in range(len(self)) if place != row]
        self._lengths = [self._lengths[place] for place in stay]
        if not stay:
            self._layers = []
            return
        width = max(self._lengths)
        index = torch.tensor(stay, device=self._device)
        self._layers = [
            (keys[index][:, :, -width:], values[index][:, :, -width:])
            for keys, values in self._layers
        ]

    def clear(self) -> None:
        """Take all rows out."""
        self._lengths, self._layers = [], []

    def _forward(
        self, ids: Tensor, mask: Tensor, positions: Tensor, layers: Layers
    ) -> tuple[Tensor, Layers]:
        """Read tokens after what is in `layers`; logits of the last place, and all layers."""
        cache = DynamicCache()
        cache.layers.extend(_layer(keys, values) for keys, values in layers)
        out = self._model(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            position_ids=positions.to(self._device),
            past_key_values=cache,
            use_cache=True,
            **self._last,
        )
        logits = out.logits[:, -1].float().cpu()
        return logits, [(layer.keys, layer.values) for layer in out.past_key_values.layers]


def _layer(keys: Tensor, values: Tensor) -> DynamicLayer:
    """A layer of a cache that holds these tensors, without copying them."""
    layer = DynamicLayer()  # type: ignore[no-untyped-call]
    layer.lazy_initialization(keys, values)
    layer.keys, layer.values = keys, values
    return layer


def _merged(rows: Layers, row: Layers) -> Layers:
    """All rows and one more, padded on the left to the widest."""
    if not rows:
        return row
    width = max(rows[0][0].shape[2], row[0][0].shape[2])

    def fit(tensor: Tensor) -> Tensor:
        return pad(tensor, (0, 0, width - tensor.shape[2], 0))

    return [
        (torch.cat([fit(keys), fit(new_keys)]), torch.cat([fit(values), fit(new_values)]))
        for (keys, values), (new_keys, new_values) in zip(rows, row, strict=True)
    ]
