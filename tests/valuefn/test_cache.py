import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from invented import invented_traces
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError
from forethought.agent.places import cache_home
from forethought.valuefn.cache import CachedEncoder
from forethought.valuefn.config import head_config
from forethought.valuefn.fit import fit_head
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


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from forethought.valuefn.cache import CachedEncoder;"
        "from forethought.valuefn.hashed import HashedEncoder;"
        "cached = CachedEncoder(HashedEncoder(8, 8), Path(sys.argv[1]));"
        "own = int(sys.argv[2]);"
        "[cached.encode([f'ask {n} of {n % own}', f'both {n}']) for n in range(own, own + 150)]"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(own)]) for own in (7, 11)
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    counting = Counting()
    texts = [f"ask {n} of {n % 7}" for n in range(7, 157)] + [f"both {n}" for n in range(7, 161)]
    assert np.array_equal(CachedEncoder(counting, tmp_path).encode(texts), again_plain(texts))
    assert counting.seen == []


def test_a_place_that_cannot_be_written_and_a_full_disk_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"cannot keep embeddings in .*FORETHOUGHT_CACHE"):
        CachedEncoder(Counting(), tmp_path / "file" / "below").encode(["ask 1"])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from forethought.valuefn.cache import CachedEncoder;"
        "from forethought.valuefn.hashed import HashedEncoder;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {hard}));"
        "CachedEncoder(HashedEncoder(8, 8), Path(sys.argv[1])).encode([str(n) for n in range(99)])"
    )
    full = [sys.executable, "-c", code, str(tmp_path / "cache")]
    done = subprocess.run(full, capture_output=True, text=True, check=False, timeout=60)
    assert "ConfigError: cannot keep embeddings" in done.stderr
    # what was half written does not count
    texts = [str(n) for n in range(99)]
    found = CachedEncoder(Counting(), tmp_path / "cache").encode(texts)
    assert np.array_equal(found, again_plain(texts))


def test_what_is_kept_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    CachedEncoder(Counting(), tmp_path).encode(["ask 1", "ask 2"])
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for path in (*tmp_path.iterdir(), tmp_path):
        path.chmod(0o555)
    again = Counting()
    found = CachedEncoder(again, tmp_path).encode(["ask 2", "ask 1"])
    tmp_path.chmod(0o755)
    assert np.array_equal(found, again_plain(["ask 2", "ask 1"]))
    assert again.seen == []
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_training_encodes_every_text_once(tmp_path: Path) -> None:
    counting = Counting()
    fit_head(
        invented_traces(60),
        head_config("iql", members=1, hidden=8, steps=50, batch=32),
        encoder=CachedEncoder(counting, tmp_path),
    )
    assert counting.seen
    assert len(counting.seen) == len(set(counting.seen))
