"""Does fused search find more? `python tests/benchmarks/search_recall.py --index DIR`.

Indexes the passages of the multi-hop worlds (`FORETHOUGHT_DATA`), whole, and asks their questions
as they are, by words, by meaning and by both. For each data set: the share of the passages needed
that are among the first ten, and the paired differences between the ways, with 95 % intervals over
questions. DIR keeps the index and the vectors: a run that is stopped goes on there.

`--tune` tells instead what each way to fuse finds on the questions for training and validation.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from forethought.envs.multihop.library import Library, open_library
from forethought.envs.multihop.passages import Question
from forethought.envs.stats import mean_interval, paired_difference
from forethought.tools.find import Document, Index, Sentences
from forethought.tools.find.fusion import POOL, fused
from forethought.tools.find.index import Way
from forethought.tools.find.ranking import Ranked

DEPTH = 10
WHOLE = 10_000
"""Characters: no passage of the collection is longer."""
SETS = ("hotpotqa", "musique", "2wiki")
WAYS: tuple[Way, ...] = ("words", "meaning", "both")
RANKS = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def built(folder: Path, library: Library) -> Index:
    """The passages as an index, every one with its vector."""
    index = Index.create(folder, longest=WHOLE)
    if not len(index):
        index.add(
            Document(str(place), passage.title, passage.text)
            for place, passage in enumerate(library.passages)
        )

    def tell(done: int, total: int) -> None:
        sys.stderr.write(f"\r{done} of {total} vectors")

    index.embed(Sentences(), tell=tell).wait()
    sys.stderr.write("\n")
    return index


def recall(found: Sequence[int], question: Question) -> float:
    return len(question.gold & set(found[:DEPTH])) / len(question.gold)


def places(index: Index, question: Question, way: Way, count: int) -> list[int]:
    hits = index.find(question.text, count, way=way)
    return [int(hit.passage.document) for hit in hits]


def measured(index: Index, questions: Sequence[Question], seed: int) -> dict[str, object]:
    """Recall of every way and their paired differences."""
    got: dict[str, list[float]] = {
        way: [recall(places(index, q, way, DEPTH), q) for q in questions] for way in WAYS
    }
    told: dict[str, object] = {"questions": len(questions)}
    for way in WAYS:
        mean = mean_interval(got[way], seed=seed)
        told[way] = [round(each, 4) for each in (mean.value, mean.low, mean.high)]
    for ours, theirs in (("both", "words"), ("both", "meaning"), ("meaning", "words")):
        gap = paired_difference(got[ours], got[theirs], seed=seed)
        told[f"{ours} minus {theirs}"] = [round(x, 4) for x in (gap.value, gap.low, gap.high)]
    return told


def ranked(found: Sequence[int]) -> Ranked:
    return Ranked(np.array(found, dtype=np.intp), -np.arange(len(found), dtype=np.float64))


def tuned(index: Index, questions: Sequence[Question]) -> dict[str, list[float]]:
    """What each way to fuse finds, best first: mean of the three sets, then each of them."""
    lists = [
        (ranked(places(index, q, "words", POOL)), ranked(places(index, q, "meaning", POOL)))
        for q in questions
    ]
    table = {
        "words": by_set(questions, [words for words, _ in lists]),
        "meaning": by_set(questions, [meaning for _, meaning in lists]),
    }
    for k, share in product(RANKS, SHARES):
        both = [fused(*each, DEPTH, k=k, share=share) for each in lists]
        table[f"k {k:g}, words {share}"] = by_set(questions, both)
    return dict(sorted(table.items(), key=lambda item: -item[1][0]))


def by_set(questions: Sequence[Question], found: Sequence[Ranked]) -> list[float]:
    """Mean recall of the three sets, then that of each."""
    got: dict[str, list[float]] = {name: [] for name in SETS}
    for question, best in zip(questions, found, strict=True):
        got[question.source].append(recall(best.places.tolist(), question))
    means = [sum(each) / len(each) for each in got.values()]
    return [round(each, 4) for each in (sum(means) / len(means), *means)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True, metavar="DIR")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    library = open_library()
    index = built(given.index, library)
    told: dict[str, object] = {"passages": len(index)}
    if given.tune:
        for split in ("train", "validation"):
            told[split] = tuned(index, library.questions[split])
    else:
        for name in SETS:
            asked = [q for q in library.questions["test"] if q.source == name]
            told[name] = measured(index, asked, given.seed)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
