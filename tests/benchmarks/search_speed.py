"""How fast is local search? `python tests/benchmarks/search_speed.py --passages 20000`.

Indexes passages of the multi-hop worlds (`FORETHOUGHT_DATA`; the first ones again where there are
too few), opens the index and asks the questions of those worlds for ten passages each: in one
segment, and in several. Meaning is timed with random vectors in place of an encoder's: what is
timed is the comparing. Beside it bm25s by itself, with its own way to take texts apart, as a
measure of the machine. `cpu` counts processor time; of rounds the best is told, by
the clock and by the processor.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from forethought.envs.multihop.library import open_library
from forethought.tools.find import Document, Index

WHOLE = 10_000
BUILDS = 3
ROUNDS = 5
PARTS = (0.7, 0.2, 0.07, 0.03)
"""Shares of the passages in each of several segments."""


class Random:
    """Vectors of no meaning."""

    name, dim, fingerprint = "random", 384, "random"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._rng.standard_normal((len(texts), self.dim), dtype=np.float32)


def timed(work: Callable[[], Any], rounds: int = 1) -> dict[str, float]:
    """Seconds by the clock and by the processor, each the best of some rounds."""
    got = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        got.append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        "seconds": round(min(each[0] for each in got), 4),
        "cpu": round(min(each[1] for each in got), 4),
    }


def a_second(queries: Sequence[str], ask: Callable[[str], Any]) -> dict[str, int]:
    best = timed(lambda: [ask(query) for query in queries], ROUNDS)
    return {part: round(len(queries) / seconds) for part, seconds in best.items()}


def bm25s_alone(texts: Sequence[str], queries: Sequence[str], folder: Path) -> dict[str, Any]:
    """The package with its defaults: built and saved, then asked one query after another."""

    def build() -> None:
        model = bm25s.BM25()
        model.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
        model.save(folder, show_progress=False)

    def ask(query: str) -> None:
        words = bm25s.tokenize(query, return_ids=False, show_progress=False)
        model.retrieve(words, k=10, show_progress=False)

    built = timed(build, BUILDS)
    model = bm25s.BM25.load(folder, mmap=True, show_progress=False)
    return {"build": built, "queries a second": a_second(queries, ask)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=20_000)
    count: int = parser.parse_args().passages
    library = open_library()
    texts = [library.passages[n % len(library.passages)] for n in range(count)]
    documents = [Document(str(n), text.title, text.text) for n, text in enumerate(texts)]
    queries = [q.text for questions in library.questions.values() for q in questions]
    told: dict[str, Any] = {"passages": count, "queries": len(queries)}
    with tempfile.TemporaryDirectory() as folder:
        fresh = iter(range(BUILDS))

        def build() -> None:
            Index.create(Path(folder, f"one{next(fresh)}"), longest=WHOLE).add(documents)

        told["build"] = timed(build, BUILDS)
        plain = [f"{text.title}\n{text.text}" for text in texts]
        told["bm25s alone"] = bm25s_alone(plain, queries, Path(folder, "alone"))
        told["open"] = timed(lambda: Index(Path(folder, "one0")), BUILDS)
        index = Index(Path(folder, "one0"))
        told["queries a second"] = {
            "one segment": a_second(queries, lambda query: index.find(query, 10, way="words"))
        }
        parts = Index.create(Path(folder, "parts"), longest=WHOLE)
        at = 0
        for share in PARTS:
            parts.add(documents[at : at + round(share * count)])
            at += round(share * count)
        told["queries a second"][f"{parts.segments} segments"] = a_second(
            queries, lambda query: parts.find(query, 10, way="words")
        )
        told["merge"] = timed(parts.merge)
        index.embed(Random()).wait()
        told["queries a second"]["both"] = a_second(
            queries[:200], lambda query: index.find(query, 10, way="both")
        )
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
