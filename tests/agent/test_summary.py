import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.models.scripted import FunctionModel
from forethought.agent.summary import Summariser
from forethought.agent.types import Request

OFFER = re.compile(r"\b(\w+) offers (\d+)")


def notes_of_offers(request: Request) -> str:
    """Keeps the last number that each side offered, whoever comes up; forgets small talk."""
    text = request.messages[-1].content
    notes, _, happened = text.partition("Since then:")
    latest = dict(OFFER.findall(notes)) | dict(OFFER.findall(happened))
    return ". ".join(f"{who} offers {number}" for who, number in sorted(latest.items()))


async def test_notes_carry_what_decides_from_step_to_step() -> None:
    model, write = FunctionModel(notes_of_offers), Summariser()
    notes = ""
    talk = [
        "Hello! Ann offers 5.",
        "Nice weather. Bob offers 2.",
        "Hm.",
        "Ann offers 4, then rests.",
    ]
    for said in talk:
        notes = await write(model, notes, said)
    assert notes == "Ann offers 4. Bob offers 2"


async def test_a_prompt_does_not_grow_with_the_episode() -> None:
    sizes = []

    def reply(request: Request) -> str:
        sizes.append(len(request.messages[-1].content))
        return notes_of_offers(request)

    notes, write = "", Summariser()
    for number in range(60):
        notes = await write(FunctionModel(reply), notes, f"Ann offers {number % 10}. " + "x" * 100)
    assert max(sizes) - min(sizes) < 120
    assert notes == "Ann offers 9"


async def test_a_short_beginning_is_its_own_state_and_silence_loses_nothing(
    fake_model: Any,
) -> None:
    model = fake_model(["", "Kept."])
    write = Summariser(short=10)
    assert await write(model, "", "Ann: 5.") == "Ann: 5."
    assert model.requests == []
    assert await write(model, "Ann: 5.", "Bob: 2.") == "Ann: 5.\nBob: 2."
    assert await write(model, "", "Ann offers 5 at last.") == "Kept."
    assert {r.stage for r in model.requests} == {"summary"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I get 2 food and they get one. They want the water most. I need food.", 3),
        ("Food: 2 for me, 1 for them.", 1),
        ("I need food most.", 1),
        ("They said: we really need water\nI said: give me two of the food", 2),
        ("They need food, I want water.", 0),
        ("", 0),
    ],
)
def test_facts_are_found_in_texts(root: Path, text: str, found: int) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from summary_keeps import Facts;"
        "print(Facts((('food', 2),), (('food', True), ('water', False))).found_in(sys.argv[2]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(root / "tests" / "benchmarks"), text],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(child.stdout) == found


def test_the_check_of_summaries_runs(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('["I need food most. They get 1 food, 2 water."]')
    child = subprocess.run(
        [
            sys.executable,
            str(root / "tests" / "benchmarks" / "summary_keeps.py"),
            f"scripted:{script}",
            "--dialogues",
            "5",
        ],
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    report = json.loads(child.stdout)
    assert report["facts"] >= 10
    assert 0.5 < report["raw"]["share"] <= 1
    assert report["raw"]["share"] > report["summary"]["share"] == report["other"]["share"]
