"""Questions of two hops in the release's own formats, small enough to write in a test."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from forethought.envs.multihop.passages import FILES, FOLDER, MORE
from forethought.envs.options import PLACE

DATA = Path(os.environ.get(PLACE, "nowhere")) / FOLDER
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"{PLACE} names no folder with {FOLDER}")
TOWNS = ("Arlen", "Boden", "Corvo", "Delft", "Emden", "Fargo", "Gander", "Hobart")
SAINTS = [
    first + last
    for first in ("Am", "Be", "Cy", "Do", "Es")
    for last in ("ara", "elin", "ilo", "onus", "ust", "yra", "emo", "iad")
]
MISLEADING = [f"Paper {n}" for n in range(12)]


def story(number: int) -> dict[str, Any]:
    """A newspaper, its owner in another passage, and papers that only look alike."""
    town, saint = TOWNS[number % len(TOWNS)], SAINTS[number % len(SAINTS)]
    return {
        "question": f"When was the college that owns the {town} Herald {number} founded?",
        "answer": str(1800 + number),
        "gold": [
            (f"{town} Herald {number}", f"The paper is printed by Saint {saint} School."),
            (f"Saint {saint} School", f"It opened in {1800 + number}. It has a lake."),
        ],
        "others": [
            (title, f"The college of {title} owns a Herald, founded when it was {number}.")
            for title in MISLEADING
        ],
    }


def as_hotpot(number: int) -> dict[str, Any]:
    told = story(number)
    return {
        "question": told["question"],
        "answer": told["answer"],
        "supporting_facts": [[title, 0] for title, _ in told["gold"]],
        "context": [[title, [text]] for title, text in told["gold"] + told["others"]],
    }


def as_musique(number: int) -> dict[str, Any]:
    told = story(number)
    rows = [(*each, True) for each in told["gold"]] + [(*each, False) for each in told["others"]]
    return {
        "question": told["question"],
        "answer": told["answer"],
        "answer_aliases": ["long ago", told["answer"]],
        "paragraphs": [
            {"title": title, "paragraph_text": text, "is_supporting": needed}
            for title, text, needed in rows
        ],
    }


def write_hunts(folder: Path) -> None:
    """All files of the release, small."""
    for place, name in enumerate(FILES):
        make = as_musique if name.startswith("musique") else as_hotpot
        rows = [make(place * 8 + number) for number in range(8)]
        if "train" in name:
            (folder / name).write_text(json.dumps(rows))
        else:
            (folder / name).write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / MORE).write_text(json.dumps([{"title": "Delft", "text": "A town."}]))
