"""Small questions and a small model for the tests of the studies that want a GPU."""

import json
from pathlib import Path

from small_hunts import write_hunts
from tuning import write_small

from forethought.envs.multihop.passages import FOLDER


def write_data(folder: Path) -> Path:
    """`multihop_qa/` and `gsm8k/`, small."""
    hunts, sums = folder / FOLDER, folder / "gsm8k"
    hunts.mkdir(parents=True)
    sums.mkdir()
    write_hunts(hunts)
    for part, count in (("train", 40), ("test", 12)):
        rows = [
            {
                "question": f"Kim has {n} pears and buys {n + 3}. How many?",
                "answer": f"#### {2 * n}",
            }
            for n in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (sums / f"{part}.jsonl").write_text(text, encoding="utf-8")
    return folder


def write_model(folder: Path) -> Path:
    """A random model of 50,000 weights with room for three demonstrations, letter by letter."""
    return write_small(folder, context=8192)
