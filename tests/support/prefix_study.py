"""The generating stages of `tests/benchmarks/prefix_behaviour.py`: collect, mine, switch, train.

Each stage takes what it needs from the kept replies and asks the model for the rest, so stages can
be repeated, and a larger number of questions adds to what is there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from prefix_replies import Job, Replies, Written
from prefix_tasks import Question, behaviour, divide, facts, gsm8k, is_right

from forethought.agent.openings import Told
from forethought.agent.prefixes import PrefixBank

DOMAINS = ("gsm8k", "facts")
BEHAVIOURS = ("direct", "steps")
NO_PREFIX = "none"
SAMPLES = (3, 2, 1)
"""Replies to each mining question, by wording."""
OPENING_TOKENS = 40
"""Longest reply where only its behaviour is wanted."""
REPLY_TOKENS = 400
"""Longest reply that is graded."""
TRIED = 4
"""Mined prefixes of each behaviour that are tried on validation questions."""
TOKEN_PRICE = 0.001
"""What a written token costs, in units of one right answer: 0.1 for 100 tokens."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Questions of each domain."""

    mining: int = 60
    validation: int = 10
    training: int = 40
    held_out: int = 40


@dataclass(frozen=True, slots=True)
class Splits:
    """Questions by use, the domains taking turns; no question has two uses."""

    mining: list[Question]
    validation: list[Question]
    training: list[Question]
    held_out: list[Question]


@dataclass(frozen=True, slots=True)
class Graded:
    """A reply with what the study asks of it."""

    question: Question
    mode: str
    """`direct`, `steps` or `none`: whose prefix it was given."""
    shown: str
    """The behaviour it shows."""
    right: bool
    tokens: int
    cut: bool
    text: str = field(repr=False)

    @property
    def utility(self) -> float:
        """One for a right answer, less the price of its tokens."""
        return float(self.right) - TOKEN_PRICE * self.tokens


def make_splits(data: Path, sizes: Sizes, seed: int) -> Splits:
    """Questions by use. GSM8K's own test part is what is held out; facts are divided here.

    Args:
        data: Holds `gsm8k/train.jsonl` and `gsm8k/test.jsonl`.
        sizes: Questions of each domain.
        seed: Equal seeds give equal questions.
    """
    used = (sizes.mining, sizes.validation, sizes.training)
    maths = divide(gsm8k(data / "gsm8k" / "train.jsonl"), used, seed)
    maths += divide(gsm8k(data / "gsm8k" / "test.jsonl"), (sizes.held_out,), seed)
    table = divide(facts(), (*used, sizes.held_out), seed)
    return Splits(*(_in_turns(m, f) for m, f in zip(maths, table, strict=True)))


def _in_turns(one: Sequence[Question], other: Sequence[Question]) -> list[Question]:
    """Two lists as one, so that a run that was stopped has done as much of either."""
    pairs = [question for pair in zip(one, other, strict=False) for question in pair]
    return pairs + list(one[len(other) :]) + list(other[len(one) :])


async def collect(replies: Replies, splits: Splits) -> list[Graded]:
    """What the model says of itself to mining questions, at temperature 0.7."""
    jobs = [
        Job(question, "", sample, 0.7, OPENING_TOKENS, wording)
        for wording, count in enumerate(SAMPLES)
        for question in splits.mining
        for sample in range(count)
    ]
    rows = await replies.write(jobs)
    return [grade(job.question, NO_PREFIX, row) for job, row in zip(jobs, rows, strict=True)]


def mine(found: Sequence[Graded]) -> PrefixBank:
    """Prefixes of both behaviours from the model's own replies."""
    shown = {(each.question.text, each.text): each.shown for each in found}
    shows = {
        name: lambda told, name=name: shown[told.question, told.reply] == name
        for name in BEHAVIOURS
    }
    replies = [Told(g.question.text, g.text, g.right, g.question.domain) for g in found]
    return PrefixBank.mine(replies, shows, keep=TRIED)


async def choose(
    replies: Replies, splits: Splits, bank: PrefixBank
) -> dict[str, list[dict[str, object]]]:
    """Try each mined prefix on validation questions; the one that works best comes first.

    What counts is how often the behaviour is shown, by domain and then on average; ties stay in the
    order of the bank. One that always works ends the search.
    """
    tried: dict[str, list[dict[str, object]]] = {}
    for name in BEHAVIOURS:
        rows = []
        for place, prefix in enumerate(bank[name][:TRIED]):
            jobs = [Job(q, prefix.text, max_tokens=OPENING_TOKENS) for q in splits.validation]
            said = await replies.write(jobs)
            rates = {
                domain: fmean(
                    behaviour(job.question, row.text, cut=row.cut) == name
                    for job, row in zip(jobs, said, strict=True)
                    if job.question.domain == domain
                )
                for domain in DOMAINS
            }
            row = {"text": prefix.text, "score": prefix.score, "count": prefix.count, **rates}
            rows.append((-fmean(rates.values()), place, row))
            if all(rate == 1 for rate in rates.values()):
                break
        tried[name] = [row for _, _, row in sorted(rows, key=lambda each: each[:2])]
    return tried


async def answer(
    replies: Replies, questions: Sequence[Question], prefixes: Mapping[str, str]
) -> list[Graded]:
    """Every question under every prefix once, without sampling, graded.

    Args:
        replies: Keeps them.
        questions: What to answer.
        prefixes: Prefix by mode; empty for `none`.
    """
    graded = []
    for question in questions:
        for mode, prefix in prefixes.items():
            [row] = await replies.write([Job(question, prefix, max_tokens=REPLY_TOKENS)])
            graded.append(grade(question, mode, row))
    return graded


def grade(question: Question, mode: str, row: Written) -> Graded:
    """Judge one kept reply."""
    right = is_right(question, row.text, cut=row.cut)
    shown = behaviour(question, row.text, cut=row.cut)
    return Graded(question, mode, shown, right, row.tokens, row.cut, row.text)


def save(file: Path, found: object) -> None:
    """Write results as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
