"""An encoder that knows three subjects."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MEANINGS = (
    ("bike", "bicycle", "cycle", "tyre"),
    ("cat", "kitten", "animal", "dog"),
    ("cook", "soup", "kitchen", "oven"),
)


class Topics:
    """Counts the words of three subjects: synonyms are near one another."""

    name, dim = "topics", 3

    def __init__(self, fingerprint: str = "topics-1", hold: threading.Event | None = None) -> None:
        self.fingerprint = fingerprint
        self.seen: list[str] = []
        self._hold = hold

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._hold is not None:
            self._hold.wait(10)
        self.seen += texts
        return np.array(
            [[sum(word in text.lower() for word in each) for each in MEANINGS] for text in texts],
            dtype=np.float32,
        ).reshape(-1, 3)
