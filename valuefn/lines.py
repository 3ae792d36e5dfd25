"""`lines`: sentence embeddings of a talk, averaged over what each side said.

A sentence encoder reads some two hundred words and drops the rest, so that a whole talk in one
text is mostly lost on it. Here every line behind `me:` or `you:` is embedded by itself and the
lines of each side are averaged. The lines that nobody says are left to other encoders; a text
without spoken lines, such as a goal or a thought, is embedded whole.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder

Floats = NDArray[np.float32]
SIDES = ("me: ", "you: ")
"""How spoken lines begin."""


class LinesEncoder:
    """Mean embedding of each side's lines, and the embedding of texts that nobody says.

    Args:
        inner: Embeds one line; its width is `W`, that of this encoder `3 W`.
    """

    name = "lines"

    def __init__(self, inner: Encoder) -> None:
        self.inner = inner
        self.dim = inner.dim * (len(SIDES) + 1)

    @property
    def fingerprint(self) -> str:
        """Changes with the inner encoder's."""
        return f"lines-1({self.inner.fingerprint})"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`: `me`, `you`, and the whole text of neither."""
        rows: list[int] = []
        slots: list[int] = []
        said: list[str] = []
        for row, text in enumerate(texts):
            for slot, part in _parts(text):
                rows.append(row)
                slots.append(slot)
                said.append(part)
        known = {part: number for number, part in enumerate(dict.fromkeys(said))}
        table = np.zeros((len(texts), len(SIDES) + 1, self.inner.dim), dtype=np.float32)
        if not known:
            return table.reshape(len(texts), self.dim)
        vectors = self.inner.encode(list(known))
        counts = np.zeros((len(texts), len(SIDES) + 1, 1), dtype=np.float32)
        for row, slot, part in zip(rows, slots, said, strict=True):
            table[row, slot] += vectors[known[part]]
            counts[row, slot] += 1
        return (table / np.maximum(counts, 1)).reshape(len(texts), self.dim)


def _parts(text: str) -> list[tuple[int, str]]:
    """The spoken lines of a text with their sides; the whole text where nobody speaks."""
    found = [
        (slot, line.removeprefix(side))
        for line in text.splitlines()
        for slot, side in enumerate(SIDES)
        if line.startswith(side)
    ]
    return found or ([(len(SIDES), text)] if text.strip() else [])
