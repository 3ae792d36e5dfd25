"""Passages by meaning: their vectors made in the background, and the nearest to a query.

All passages are compared, without shortcuts, so that none is missed. Vectors are kept as they are
made: whoever is stopped goes on where it was.
"""

import atexit
import hashlib
import re
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError
from forethought.agent.protocols import Encoder
from forethought.tools.find.ranking import Ranked, nearest
from forethought.tools.find.vectors import Vectors

BATCH = 64
"""Texts encoded and kept at a time."""
_LONGEST_NAME = 40

Tell = Callable[[int, int], None]
"""Told how many passages have a vector, and how many there are."""


class Meaning:
    """The passages of an index as vectors.

    Args:
        encoder: Turns texts into vectors.
        folder: Where the vectors of all encoders lie.
        keys: What the text of each passage is known by, in order of place.
        turn: Held while the encoder works; encoders take one call at a time.

    Raises:
        ConfigError: If the encoder is none.
    """

    def __init__(
        self, encoder: Encoder, folder: Path, keys: Sequence[bytes], turn: threading.Lock
    ) -> None:
        if not all(hasattr(encoder, part) for part in ("name", "encode", "fingerprint", "dim")):
            raise ConfigError(
                f"an encoder has name, dim, fingerprint and encode; {encoder!r} has not"
            )
        self._encoder = encoder
        self._turn = turn
        self._reading = threading.Lock()
        """Held for moments, so that nobody sees half of what is written."""
        self._vectors = Vectors(folder / _slug(encoder), encoder.dim)
        self._vectors.refresh()
        self._keys = tuple(keys)
        self._lacking = list(keys)
        """Ends with a key without a vector, if there is one."""
        self._placed: NDArray[np.int64] | None = None
        """The row of each passage's vector, once every one has one."""

    @property
    def progress(self) -> tuple[int, int]:
        """How many passages have a vector, and how many there are."""
        with self._reading:
            return sum(key in self._vectors for key in self._keys), len(self._keys)

    @property
    def ready(self) -> bool:
        """Whether every passage has a vector."""
        return self._rows() is not None

    def missing(self) -> list[bytes]:
        """Keys without a vector, each once."""
        with self._reading:
            self._vectors.refresh()
            return [key for key in dict.fromkeys(self._keys) if key not in self._vectors]

    def encode(self, texts: Mapping[bytes, str]) -> None:
        """Make and keep the vectors of some texts by their keys.

        Raises:
            OSError: If they cannot be written.
        """
        made = self._encoded(list(texts.values()))
        with self._reading:
            self._vectors.append(list(texts), made)

    def best(self, query: str, most: int) -> Ranked:
        """The passages nearest to a query by cosine, once `ready`; equal ones by place."""
        rows = self._rows()
        if rows is None or not len(rows):
            return Ranked(np.zeros(0, dtype=np.intp), np.zeros(0))
        asked = self._encoded([query])[0]
        with self._reading:
            matrix = self._vectors.matrix
        length = float(np.linalg.norm(asked))
        return nearest((matrix @ (asked / np.float32(length or 1)))[rows], most)

    def _encoded(self, texts: list[str]) -> NDArray[np.float32]:
        with self._turn:
            return np.asarray(self._encoder.encode(texts), dtype=np.float32)

    def _rows(self) -> NDArray[np.int64] | None:
        """The row of each passage's vector; `None` where one has none."""
        with self._reading:
            if self._placed is None:
                self._vectors.refresh()
                while self._lacking and self._lacking[-1] in self._vectors:
                    self._lacking.pop()
                self._placed = None if self._lacking else self._vectors.rows(self._keys)
            return self._placed


def _slug(encoder: Encoder) -> str:
    """A folder's name for an encoder; another one for another fingerprint."""
    name = re.sub(r"[^a-z0-9]+", "-", str(encoder.name).lower()).strip("-")[:_LONGEST_NAME]
    mark = hashlib.blake2b(str(encoder.fingerprint).encode(), digest_size=8).hexdigest()
    return f"{name or 'encoder'}-{mark}"


class Embedding:
    """Vectors being made in the background; it ends by itself, or by `stop`.

    Args:
        meaning: The passages.
        texts: Gives the texts of the passages, as they are known.
        tell: Told how far it is, in the thread that works.
    """

    def __init__(
        self, meaning: Meaning, texts: Callable[[], Mapping[bytes, str]], tell: Tell | None = None
    ) -> None:
        self._meaning = meaning
        self._texts = texts
        self._tell = tell
        self._stopping = threading.Event()
        self._over = threading.Event()
        """Waited for in place of the thread: whoever joins one and is interrupted breaks it."""
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="forethought-embedding", daemon=True)
        _under_way.add(self)
        self._thread.start()

    def __repr__(self) -> str:
        done, total = self.progress
        return f"Embedding({done} of {total} passages)"

    @property
    def progress(self) -> tuple[int, int]:
        """How many passages have a vector, and how many there are."""
        return self._meaning.progress

    @property
    def running(self) -> bool:
        """Whether it is still under way."""
        return not self._over.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end.

        Args:
            timeout: Seconds to wait at most; `None` for as long as it takes.

        Returns:
            Whether every passage has a vector now.

        Raises:
            Exception: What the encoder raised, if it failed.
        """
        self._over.wait(timeout)
        if self._failed is not None:
            raise self._failed
        return self._meaning.ready

    def stop(self) -> None:
        """End after the texts being encoded now; what was made is kept. `tell` may call it."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._over.wait()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # a border: raised again where it is waited for
            self._failed = error
        finally:
            _under_way.discard(self)
            self._over.set()

    def _work(self) -> None:
        missing = self._meaning.missing()
        texts = self._texts() if missing else {}
        # by length, so that a batch pads little
        ordered = sorted((key for key in missing if key in texts), key=lambda key: len(texts[key]))
        self._report()
        for start in range(0, len(ordered), BATCH):
            if self._stopping.is_set():
                return
            self._meaning.encode({key: texts[key] for key in ordered[start : start + BATCH]})
            self._report()

    def _report(self) -> None:
        if self._tell is not None:
            self._tell(*self._meaning.progress)


_under_way: "weakref.WeakSet[Embedding]" = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """A process that ends waits for the batch under way: threads must not be cut off in it."""
    for embedding in list(_under_way):
        embedding.stop()
