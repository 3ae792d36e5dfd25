from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forethought.agent.places import cache_home
from forethought.valuefn.cache import CachedEncoder
from forethought.valuefn.hashed import HashedEncoder


class Counting(HashedEncoder):
    """Counts the texts it encodes."""

    def __init__(self) -> None:
        super().__init__(8, 8)
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen += texts
        return super().encode(texts)


def test_a_text_is_encoded_once_even_across_instances(tmp_path: Path) -> None:
    first = Counting()
    cached = CachedEncoder(first, tmp_path)
    texts = ["ask 1", "a longer text about 2 things", "ask 1", ""]
    expected = HashedEncoder(8, 8).encode(texts)
    assert np.array_equal(cached.encode(texts), expected)
    assert np.array_equal(cached.encode(texts[::-1]), expected[::-1])
    assert sorted(first.seen) == sorted(set(texts))
    second = Counting()
    assert np.array_equal(CachedEncoder(second, tmp_path).encode(texts), expected)
    assert second.seen == []
    assert cached.encode([]).shape == (0, 16)


@pytest.mark.parametrize(("keys", "vectors"), [(3, 0), (0, 5), (16, 0), (0, 64), (16, 7)])
def test_a_crash_between_the_files_costs_only_the_tail(
    tmp_path: Path, keys: int, vectors: int
) -> None:
    texts = [f"ask {n}" for n in range(10)]
    CachedEncoder(Counting(), tmp_path).encode(texts)
    for name, cut in (("keys", keys), ("vectors", vectors)):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) - cut])
    again = Counting()
    more = [*texts, "new 1", "new 2"]
    assert np.array_equal(CachedEncoder(again, tmp_path).encode(more), again_plain(more))
    assert np.array_equal(CachedEncoder(Counting(), tmp_path).encode(more), again_plain(more))


def again_plain(texts: Sequence[str]) -> NDArray[np.float32]:
    return HashedEncoder(8, 8).encode(texts)


def test_where_caches_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    assert cache_home() == tmp_path
    monkeypatch.delenv("FORETHOUGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_home() == tmp_path / "x" / "forethought"
