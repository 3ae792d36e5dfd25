"""`lines` and `notes`: encoders for states that hold a talk.

A line behind `me:` or `you:` is spoken, any other line is a note. `lines` embeds every spoken line
by itself and averages the lines of each side: a sentence encoder reads some two hundred words and
drops the rest, so that a whole talk in one text is mostly lost on it. `notes` reads the notes
alone, so that the words of the talk do not drown the numbers in them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder

Floats = NDArray[np.float32]
SIDES = ("me: ", "you: ")
"""How spoken lines begin."""


class LinesEncoder:
    """Mean embedding of each side's lines, and the embedding of texts in which nobody speaks.

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
        spoken = [(row, *part) for row, text in enumerate(texts) for part in _parts(text)]
        known = {part: n for n, part in enumerate(dict.fromkeys(part for _, _, part in spoken))}
        table = np.zeros((len(texts), len(SIDES) + 1, self.inner.dim), dtype=np.float32)
        counts = np.zeros((len(texts), len(SIDES) + 1, 1), dtype=np.float32)
        if known:
            vectors = self.inner.encode(list(known))
            for row, slot, part in spoken:
                table[row, slot] += vectors[known[part]]
                counts[row, slot] += 1
        table /= np.maximum(counts, 1)
        return table.reshape(len(texts), self.dim)


class NotesEncoder:
    """The lines of a text that nobody says, encoded as one text.

    Args:
        inner: Encodes them.
    """

    name = "notes"

    def __init__(self, inner: Encoder) -> None:
        self.inner = inner
        self.dim = inner.dim

    @property
    def fingerprint(self) -> str:
        """Changes with the inner encoder's."""
        return f"notes-1({self.inner.fingerprint})"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`."""
        return self.inner.encode(
            ["\n".join(x for x in text.splitlines() if not x.startswith(SIDES)) for text in texts]
        )


def _parts(text: str) -> list[tuple[int, str]]:
    """The spoken lines of a text with their sides; the whole text where nobody speaks."""
    found = [
        (slot, line.removeprefix(side))
        for line in text.splitlines()
        for slot, side in enumerate(SIDES)
        if line.startswith(side)
    ]
    return found or ([(len(SIDES), text)] if text.strip() else [])
