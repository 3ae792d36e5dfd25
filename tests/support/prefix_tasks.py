"""The questions of `tests/benchmarks/prefix_behaviour.py`, and how a reply is judged.

Two domains: GSM8K (from the folder of data sets) and a table of facts beside the benchmark. What is
stated here was fixed before a reply was seen: the prompt, the rule that names a reply's behaviour,
and the rule that says whether it is right. Knows nothing of models.
"""

import json
import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROMPT = """\
{question}

Reply in plain words, with the answer alone or with a few sentences of reasoning and then the \
answer."""

WORDINGS = (
    PROMPT,
    "{question}\n\nWhat is the answer? You may explain it or not.",
    "Answer the question. You may think aloud first, but you need not.\n\nQuestion: {question}",
)
"""Ways of asking that leave the behaviour open. Mining uses all, since each brings out other
openings; everything else uses the first."""

FACTS = Path(__file__).parents[1] / "benchmarks" / "prefix_facts.json"
SHORT = 20
"""Longest first sentence of a direct reply, words."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_STATED = re.compile(r"answer(?: is|:)", re.IGNORECASE)
_WORKING = re.compile(
    r"=|^\s*(?:\d+[.)]|[-*\u2022])\s|\b(?:steps?|calculat\w+|let['\u2019]s|let us"
    r"|(?:we|i)(?:['\u2019]ll| will| can| must)? (?:need|can|know|have|find|first|follow|look"
    r"|recall|consider|provide|think|break|use|start|begin|go|subtract|add|multiply|divide))\b"
    r"|(?:^|[.!?:]\s+)(?:first|second|then|next|now|finally|therefore|thus|hence|since|because|so)\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question with what counts as its answer."""

    id: str
    domain: str
    """`gsm8k` or `facts`."""
    text: str
    answers: tuple[str, ...]
    """Any of them is right."""

    def prompt(self, wording: int = 0) -> str:
        """What the model is asked; the same for every behaviour."""
        return WORDINGS[wording].format(question=self.text)


def gsm8k(file: Path) -> list[Question]:
    """The questions of one of the data set's files, in its order."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        Question(
            f"{file.stem}-{number}",
            "gsm8k",
            row["question"],
            (row["answer"].split("####")[1].strip(),),
        )
        for number, row in enumerate(rows)
    ]


def facts(file: Path = FACTS) -> list[Question]:
    """The table of facts, in its order."""
    table = json.loads(file.read_text(encoding="utf-8"))
    pairs = [
        (form.format(subject), answer)
        for form, row in table.items()
        for subject, answer in row.items()
    ]
    return [
        Question(f"fact-{number}", "facts", text, tuple(answer.split("|")))
        for number, (text, answer) in enumerate(pairs)
    ]


def divide(questions: Sequence[Question], sizes: Sequence[int], seed: int) -> list[list[Question]]:
    """Disjoint parts of these sizes. A larger last part holds the smaller one as its beginning."""
    order = sorted(questions, key=lambda question: question.id)
    random.Random(f"questions {seed}").shuffle(order)
    parts, start = [], 0
    for size in sizes:
        parts.append(order[start : start + size])
        start += size
    return parts


def behaviour(question: Question, text: str, *, cut: bool = False) -> str:
    """Name what a reply does: `direct`, `steps` or `other`.

    Signs of working are equals signs, list items, talk of what is done (`let's`, `we need`,
    `calculate`, `step`), and sentences that begin with a word of sequence or consequence.

    Direct: the first sentence has at most `SHORT` words and no sign of working, and in GSM8K it
    states a number that the question does not; if the reply was not cut off, its final one. What
    follows it does not matter: the answer came first. Steps: anything else with two signs of
    working, or with one and more than `SHORT` words.

    Args:
        question: What was asked.
        text: The reply.
        cut: Whether a limit ended it, so that its final number is not known.
    """
    first, signs = _SENTENCE.split(text.strip(), maxsplit=1)[0], len(_WORKING.findall(text))
    if not _WORKING.search(first) and 0 < len(first.split()) <= SHORT:
        if question.domain != "gsm8k":
            return "direct"
        stated = {_value(number) for number in _NUMBER.findall(first)}
        stated -= {_value(number) for number in _NUMBER.findall(question.text)}
        if stated and (cut or final_number(text) in stated):
            return "direct"
    return "steps" if signs >= 2 or (signs and len(text.split()) > SHORT) else "other"


def is_right(question: Question, text: str, *, cut: bool = False) -> bool:
    """Whether a reply gives the answer; one that was cut off counts only where it is boxed."""
    if question.domain == "gsm8k":
        found = final_number(text, cut=cut)
        return found is not None and found == _value(question.answers[0])
    return any(_says(text, answer) for answer in question.answers)


def final_number(text: str, *, cut: bool = False) -> float | None:
    """The number a reply ends on: boxed, else after `answer is`, else its last one."""
    boxed = [number for inside in _BOXED.findall(text) for number in _NUMBER.findall(inside)]
    if boxed or cut:
        return _value(boxed[-1]) if boxed else None
    stated = [match.end() for match in _STATED.finditer(text)]
    after = _NUMBER.findall(text[stated[-1] :]) if stated else []
    numbers = after[:1] or _NUMBER.findall(text)[-1:]
    return _value(numbers[0]) if numbers else None


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _says(text: str, answer: str) -> bool:
    """Whether a text holds an answer as a word; symbols keep their case."""
    said, wanted = _plain(text), _plain(answer)
    if len(wanted) > 2:
        said, wanted = said.casefold(), wanted.casefold()
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", said) is not None


def _plain(text: str) -> str:
    """Letters without their accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
