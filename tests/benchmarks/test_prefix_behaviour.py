import json
import random
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from prefix_replies import Job, Replies
from prefix_study import Sizes, make_splits
from prefix_tasks import Question, behaviour, facts, final_number, is_right

from forethought.agent.models.scripted import FunctionModel
from forethought.agent.types import Reply, Request, Usage
from forethought.valuefn.config import head_config

SCRIPT = Path(__file__).with_name("prefix_behaviour.py")
HEADS = {"small": head_config("monte-carlo", members=2, hidden=16, batch=64, steps=150)}
SIZES = Sizes(mining=14, validation=4, training=24, held_out=12)


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "gsm8k"
    folder.mkdir(parents=True)
    for part, count in (("train", 60), ("test", 20)):
        rows = [
            {
                "question": f"Kim has {n} pears and buys {n + 3}. How many?",
                "answer": f"#### {2 * n + 3}",
            }
            for n in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{part}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path / "data"


def right_answer(text: str) -> str:
    sums = re.search(r"Kim has (\d+) pears and buys (\d+)", text)
    if sums:
        return str(int(sums[1]) + int(sums[2]))
    return next(q.answers[0] for q in facts() if q.text in text)


def answers(request: Request) -> Reply:
    """Works sums out unless told otherwise, and is right on them only then; knows all facts."""
    text = request.messages[0].content
    maths = "Kim has" in text
    rng = random.Random(f"{text} {request.seed}")
    begin = request.prefix or ("We need" if maths and rng.random() < 0.7 else "It is")
    known = right_answer(text)
    if begin.startswith("We"):
        worked = f"We need to work on it for a while, and then a little more. So = {known}."
        return Reply(begin + worked.removeprefix(begin), Usage(1, 50, 80), "native")
    return Reply(f"{begin} surely {'999' if maths else known}.", Usage(1, 50, 6), "native")


def plan(benchmark: dict[str, Any], out: Path, data: Path, **changes: object) -> Any:
    return benchmark["Plan"](out, data, SIZES, heads=HEADS, seeds=1, **changes)


def test_the_whole_study(benchmark: dict[str, Any], data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = benchmark["run"](FunctionModel(answers), plan(benchmark, out, data))
    assert found["prefixes"] == {"direct": "It is", "steps": "We"}
    rows = {(row["domain"], row["mode"]): row for row in found["switch"]}
    assert rows["gsm8k", "direct"]["direct"]["value"] == 1.0
    assert rows["gsm8k", "steps"]["steps"]["value"] == 1.0
    assert rows["gsm8k", "steps"]["right"]["value"] == 1.0
    assert rows["gsm8k", "direct"]["right"]["value"] == 0.0
    assert rows["facts", "direct"]["against none"]["tokens"]["value"] <= 0
    ranked = found["rank"]
    assert ranked["chosen"]["gsm8k steps"] > 9
    assert sum(ranked["chosen"].values()) == 24
    utility = {row["policy"]: row["utility"]["value"] for row in ranked["rows"][:7]}
    assert utility["hindsight"] == utility["rule by domain"] >= utility["rank"]
    assert utility["rank"] > max(utility["rank+permuted"], utility["direct"])
    assert "| gsm8k | steps | 12 |" in (out / "report.md").read_text(encoding="utf-8")
    assert (out / "modes.png").stat().st_size > 5000
    assert set(json.loads((out / "results.json").read_text())) >= {"switch", "rank", "tried"}

    def refuses(request: Request) -> str:
        raise AssertionError("everything was written already")

    assert (
        benchmark["run"](FunctionModel(refuses, name="function"), plan(benchmark, out, data))
        == found
    )


@pytest.mark.parametrize(
    ("stage", "keys"),
    [
        ("collect", {"model"}),
        ("mine", {"model", "tried", "prefixes"}),
        ("switch", {"model", "tried", "prefixes", "switch"}),
    ],
)
def test_a_run_stops_where_it_is_told(
    benchmark: dict[str, Any], data: Path, tmp_path: Path, stage: str, keys: set[str]
) -> None:
    asked = plan(benchmark, tmp_path / "out", data, stage=stage)
    assert set(benchmark["run"](FunctionModel(answers), asked)) == keys
    assert not (tmp_path / "out" / "report.md").exists()


def test_no_question_has_two_uses(data: Path) -> None:
    splits = make_splits(data, SIZES, 0)
    parts = [splits.mining, splits.validation, splits.training, splits.held_out]
    names = [question.id for part in parts for question in part]
    assert len(names) == len(set(names)) == 2 * (14 + 4 + 24 + 12)
    assert all(q.id.startswith(("test-", "fact-")) for q in splits.held_out)
    more = make_splits(data, Sizes(14, 4, 24, 20), 0)
    assert more.held_out[:24] == splits.held_out
    assert more.mining == splits.mining
    assert make_splits(data, SIZES, 1).mining != splits.mining


async def test_replies_are_kept(tmp_path: Path) -> None:
    count = 0

    def counting(request: Request) -> str:
        nonlocal count
        count += 1
        return f"{request.prefix} reply {count}"

    jobs = [Job(facts()[0], prefix) for prefix in ("", "The")]
    first = await Replies(tmp_path / "r.jsonl", FunctionModel(counting)).write([*jobs, jobs[0]])
    again = await Replies(tmp_path / "r.jsonl", FunctionModel(counting)).write(jobs)
    assert (count, again) == (2, first[:2])
    assert [row.mode for row in again] == ["none", "native"]


def test_the_table_of_facts() -> None:
    table = facts()
    assert len(table) == 200
    assert len({question.text for question in table}) == 200
    for question in table:
        assert is_right(question, f"It is {question.answers[0]}, I think."), question
        assert question.text.endswith("?")


FACT = Question("q", "facts", "What is the capital of Canada?", ("Ottawa",))
SUM = Question("q", "gsm8k", "Kim has 5 rows of 8 seats. How many seats are that?", ("40",))


@pytest.mark.parametrize(
    ("question", "text", "cut", "named"),
    [
        (FACT, "The capital of Canada is Ottawa.", False, "direct"),
        (FACT, "Ottawa", False, "direct"),
        (FACT, "The answer is Ottawa. Ottawa is a city on the", True, "direct"),
        (FACT, "Let's see. It is a city. So it is Ottawa.", False, "steps"),
        (FACT, "To answer this question, we need to know what a capital is, " * 3, True, "steps"),
        (FACT, "", False, "other"),
        (SUM, "40 seats.", False, "direct"),
        (SUM, "\\boxed{40}", False, "direct"),
        (SUM, "Kim has 40 seats.\n\nTo see this, multiply 5 by 8 to find 40.", False, "direct"),
        (SUM, "There are 13 seats. No: 5 times 8 is 40.", False, "other"),
        (SUM, "There are 13 seats. No: 5 times", True, "direct"),
        (SUM, "Kim has 5 rows of 8 seats, and that makes 40.", False, "direct"),
        (SUM, "Kim has 5 rows.", False, "other"),
        (SUM, "5 x 8 = 40.", False, "other"),
        (SUM, "5 x 8 = 40. So 40 it is.", False, "steps"),
        (SUM, "Let's see.\n\n1. Five rows.\n2. Eight seats.", False, "steps"),
    ],
)
def test_the_rule_for_behaviours(question: Question, text: str, cut: bool, named: str) -> None:
    assert behaviour(question, text, cut=cut) == named


@pytest.mark.parametrize(
    ("text", "cut", "number"),
    [
        ("It is \\boxed{1,234} of 3.", False, 1234.0),
        ("The answer is $5.50, since 3 + 2.5.", False, 5.5),
        ("3 + 4 = 7.", False, 7.0),
        ("3 + 4 = 7.", True, None),
        ("\\boxed{7} and then", True, 7.0),
        ("\\boxed{x}", False, None),
        ("None at all.", False, None),
        ("-3 degrees", False, -3.0),
    ],
)
def test_the_number_a_reply_ends_on(text: str, cut: bool, number: float | None) -> None:
    assert final_number(text, cut=cut) == number


def test_facts_are_found_as_words() -> None:
    symbol = Question("q", "facts", "Symbol of sodium?", ("Na",))
    assert is_right(symbol, "It is Na.")
    assert not is_right(symbol, "It is na.")
    assert not is_right(symbol, "It is Nas.")
    city = Question("q", "facts", "Capital of Brazil?", ("Brasilia",))
    assert is_right(city, "BRASÍLIA, of course")
    sum_ = Question("q", "gsm8k", "How many?", ("1,000",))
    assert is_right(sum_, "The answer is 1000.")
    assert not is_right(sum_, "The answer is 100.")


def test_the_script_says_what_it_needs(
    benchmark: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["prefix_behaviour.py", "builtin", "--out", "somewhere"])
    with pytest.raises(SystemExit, match="2"):
        benchmark["main"]()
    assert "FORETHOUGHT_DATA must name the folder" in capsys.readouterr().err
