"""Static token embeddings: the mean of a sentence model's input vectors, without the model.

Each token counts by itself, whatever stands beside it, so a text costs a look-up for each token:
meanings of words without running the sentence model, and without its sense of order.
The table is that of `all-MiniLM-L6-v2`, as `sentence` finds it; nothing more is downloaded.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs
from forethought.valuefn.sentence import HUB_NAME, packaged_weights

with needs("static token embeddings", "pip install 'forethought[sentence]'"):
    from sentence_transformers import SentenceTransformer

Floats = NDArray[np.float32]
_DIM = 384
_TOGETHER = 1024
"""Texts whose token vectors are in memory at once."""


class StaticEncoder:
    """Means of token embeddings, 384 wide."""

    name = "static"
    dim = _DIM
    fingerprint = "static-minilm-l6-v2-384-1"

    @cached_property
    def _parts(self) -> tuple[Any, Floats]:
        """The tokenizer, which neither pads nor cuts, and the table of shape `(tokens, 384)`."""
        model: Any = SentenceTransformer(str(packaged_weights() or HUB_NAME), device="cpu")
        tokenizer = model.tokenizer.backend_tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        table = model[0].auto_model.get_input_embeddings().weight.detach().numpy().copy()
        return tokenizer, table

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of shape `(len(texts), 384)`; a text without tokens is all zeros."""
        unique = list(dict.fromkeys(texts))
        out = np.zeros((len(unique), _DIM), dtype=np.float32)
        for start in range(0, len(unique), _TOGETHER):
            self._fill(out[start : start + _TOGETHER], unique[start : start + _TOGETHER])
        if len(unique) == len(texts):
            return out
        row = {text: number for number, text in enumerate(unique)}
        return out[[row[text] for text in texts]]

    def _fill(self, out: Floats, texts: list[str]) -> None:
        tokenizer, table = self._parts
        found = [each.ids for each in tokenizer.encode_batch(texts, add_special_tokens=False)]
        filled = [number for number, ids in enumerate(found) if ids]
        if not filled:
            return
        lengths = np.asarray([len(found[number]) for number in filled])
        tokens = np.concatenate([found[number] for number in filled])
        starts = np.cumsum(lengths) - lengths
        means = np.add.reduceat(table[tokens], starts, axis=0) / lengths[:, None]
        lengths_of = np.linalg.norm(means, axis=1, keepdims=True)
        out[filled] = means / np.maximum(lengths_of, np.float32(1e-12))
