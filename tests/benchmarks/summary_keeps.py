"""What a model's summaries keep: `python tests/benchmarks/summary_keeps.py MODEL [--dialogues N]`.

Real camp-site negotiations (CaSiNo) are told to the model two utterances at a time, and it keeps
the notes with `Summariser`, as in an episode whose world writes no state. Afterwards the notes are
searched for the facts that decide such a talk: the amounts last on the table, for each item, and
which item each side wants most. Shares of facts found, with 95 % bootstrap intervals over
dialogues:

- `raw`: in the transcript itself; what the search below can find at best.
- `summary`: in the model's notes.
- `other`: in the model's notes of another dialogue; what is found by chance.
- `empty`: in what the same model writes when nothing of the talk is told to it.

Only what these few words can find counts: notes that say it otherwise are judged too low, which the
share of `raw` shows as well.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agent.models.names import load_model
from forethought.agent.protocols import Model
from forethought.agent.summary import SUMMARY_PROMPT, Summariser
from forethought.envs.casino_data import ITEMS, PACKAGES, Dialogue, load
from forethought.envs.casino_offers import tokens
from forethought.envs.casino_text import follow

NUMBERS = {
    "0": 0, "1": 1, "2": 2, "3": 3, "zero": 0, "no": 0, "none": 0, "one": 1, "two": 2, "three": 3,
    "all": 3, "both": 2,
}  # fmt: skip
BEFORE, AFTER = 4, 2
"""Words around an item in which its amount is looked for."""
WANTS = re.compile(
    r"\b(wants?|needs?|needed|wanted|prefers?|priority|priorities|values?|important|most|first|"
    r"interested|keen|likes?|asks? for|asked for)\b",
    re.IGNORECASE,
)
MINE = re.compile(r"\b(i|my|me|mine|you|your)\b", re.IGNORECASE)
THEIRS = re.compile(
    r"\b(they|their|them|theirs|he|she|his|her|the other|other side|partner|opponent|neighbou?r)\b",
    re.IGNORECASE,
)
EMPTY_PROMPT = SUMMARY_PROMPT.replace("{state}", "(none)").replace("{happened}", "(nothing)")


@dataclass(frozen=True)
class Facts:
    """What decides a talk, as one side knows it at the end."""

    amounts: tuple[tuple[str, int], ...]
    """Item and what I would get of it, where an amount is on the table."""
    wants: tuple[tuple[str, bool], ...]
    """Item wanted most, and whether by me."""

    @property
    def count(self) -> int:
        return len(self.amounts) + len(self.wants)

    def found_in(self, text: str) -> int:
        """How many of them a text holds."""
        amounts = sum(_holds_amount(text, item, mine) for item, mine in self.amounts)
        return amounts + sum(_holds_want(text, item, mine) for item, mine in self.wants)


def facts_of(dialogue: Dialogue, seat: int) -> Facts:
    """The facts that the utterances give, read by `envs.casino_text`."""
    talk = follow(dialogue)[-1]
    amounts = [
        (item, amount if seat == 0 else PACKAGES - amount)
        for item, amount in zip(ITEMS, talk.table, strict=True)
        if amount is not None
    ]
    wants = [(dialogue.priorities[seat][0], True)]
    wished = talk.wishes[1 - seat]
    if max(wished) > 0:
        wants.append((ITEMS[wished.index(max(wished))], False))
    return Facts(tuple(amounts), tuple(wants))


def _holds_amount(text: str, item: str, mine: int) -> bool:
    """Whether an item stands near what I would get of it, or near what they would."""
    words = tokens(text)
    for at in (index for index, word in enumerate(words) if word == item):
        near = words[max(0, at - BEFORE) : at + 1 + AFTER]
        if {NUMBERS[word] for word in near if word in NUMBERS} & {mine, PACKAGES - mine}:
            return True
    return False


def _holds_want(text: str, item: str, mine: bool) -> bool:
    """Whether a sentence says that this side wants the item; a line is its speaker's."""
    for line in text.splitlines():
        spoken = re.match(r"(I|They) said:", line)
        for sentence in [line] if spoken else re.split(r"[.,;!?]", line):
            own = spoken.group(1) == "I" if spoken else bool(MINE.search(sentence))
            other = not own if spoken else bool(THEIRS.search(sentence))
            named = item in tokens(sentence) and WANTS.search(sentence)
            if named and (own if mine else other):
                return True
    return False


def told(dialogue: Dialogue, seat: int, step: int = 2) -> list[str]:
    """What happens, a few utterances at a time; the first part says what I want."""
    high, medium, low = dialogue.priorities[seat]
    begin = (
        f"I and a neighbour divide {PACKAGES} packages each of food, water and firewood. "
        f"I need {high} most, then {medium}, then {low}."
    )
    lines = [
        f"{'I' if dialogue.speaker(turn) == seat else 'They'} said: {' '.join(text.split())}"
        for turn, text in enumerate(dialogue.turns)
    ]
    parts = ["\n".join(lines[at : at + step]) for at in range(0, len(lines), step)]
    return [begin, *parts]


async def summarised(model: Model, parts: Sequence[str]) -> str:
    """The notes after all parts."""
    write, notes = Summariser(), ""
    for part in parts:
        notes = await write(model, notes, part)
    return notes


def share(found: Sequence[int], counts: Sequence[int]) -> dict[str, float | list[float]]:
    """Found of all, with a 95 % bootstrap interval over dialogues."""
    rng, places = random.Random(0), range(len(found))
    draws = [[rng.choice(places) for _ in places] for _ in range(1000)]
    shares = sorted(sum(found[i] for i in d) / sum(counts[i] for i in d) for d in draws)
    return {
        "share": round(sum(found) / sum(counts), 3),
        "ci95": [round(shares[25], 3), round(shares[974], 3)],
    }


async def measure(model: Model, dialogues: Sequence[Dialogue], seat: int = 0) -> dict[str, object]:
    """Every share, and how long the notes are against the transcripts."""
    parts = [told(each, seat) for each in dialogues]
    facts = [facts_of(each, seat) for each in dialogues]
    notes = [await summarised(model, each) for each in parts]
    empty = await Summariser(EMPTY_PROMPT, short=0)(model, "", "")
    raw = ["\n".join(each) for each in parts]
    counts = [each.count for each in facts]
    texts = {"raw": raw, "summary": notes, "other": [*notes[1:], notes[0]]}
    texts["empty"] = [empty] * len(notes)
    return {
        "model": model.name,
        "dialogues": len(dialogues),
        "facts": sum(counts),
        **{
            name: share([f.found_in(t) for f, t in zip(facts, each, strict=True)], counts)
            for name, each in texts.items()
        },
        "words": {
            "raw": round(statistics.mean(len(text.split()) for text in raw)),
            "summary": round(statistics.mean(len(text.split()) for text in notes)),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="such as builtin or gguf:FILE")
    parser.add_argument("--dialogues", type=int, default=10)
    asked = parser.parse_args()
    dialogues = [each for each in load() if each.split == "test"][: max(2, asked.dialogues)]
    report = asyncio.run(measure(load_model(asked.model), dialogues))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
