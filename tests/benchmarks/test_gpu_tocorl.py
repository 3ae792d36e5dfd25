import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import gpu_runs
import gpu_tocorl
import torch
from gpu_data import write_data, write_model
from gpu_options import NO_GPU, options_of, parser
from gpu_runs import Kept, Study
from gpu_tocorl import brief, figures, graded, mined, right, splits_of, task_of, tried
from prefix_study import SAMPLES, Splits
from prefix_tasks import Question

from forethought.agent.errors import DataError
from forethought.agent.prefixes import PrefixBank
from forethought.valuefn.rl.rewards import Said
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.tokens import Kind

FACT = Question("f", "facts", "What is the capital of Canada?", ("Ottawa",))
SUM = Question("s", "gsm8k", "Kim has 5 rows of 8 seats. How many seats are that?", ("40",))


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETHOUGHT_DATA", str(write_data(tmp_path / "data")))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def arguments(tmp_path: Path) -> list[str]:
    usual = ["--device", "cpu", "--questions", "3", "--tokens", "8", "--steps", "2"]
    model = str(write_model(tmp_path / "base"))
    return ["gpu_tocorl.py", "--model", model, "--out", str(tmp_path / "out"), *usual]


def study(tmp_path: Path) -> Study:
    given = parser("", tokens=8).parse_args(arguments(tmp_path)[1:])
    return Study(options_of(given))


def ended(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> int | str | None:
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as left:
        gpu_tocorl.main()
    return left.value.code


def test_from_a_bank_to_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    PrefixBank({"direct": ["It is", "The"]}).save(tmp_path / "bank.json")
    argv = [*arguments(tmp_path), "--bank", str(tmp_path / "bank.json")]
    assert ended(monkeypatch, argv) == 0
    shown = capsys.readouterr()
    assert "tocorl: prefix 'It is', 2 updates of 1 x 2 rollouts" in shown.out
    assert shown.out.splitlines()[1].split()[:3] == ["domain", "n", "direct"]
    out = tmp_path / "out"
    found: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
    rows = {(row["domain"], row["what"]): row for row in found["rows"]}
    assert [what for domain, what in rows if domain == "facts"] == [
        "base, prefix forced",
        "base",
        "tocorl",
        "grpo",
        "tocorl less base",
        "tocorl less grpo",
    ]
    assert rows["gsm8k", "base"]["log p(opening)"]["value"] < -5
    assert rows["gsm8k", "base"]["direct"]["n"] == 3
    forced = [
        Kind.FORCED in row.rollout.kinds and any(row.trains)
        for row in read_rollouts(out / "tocorl")
    ]
    assert forced == [True, False]
    assert not any(row.rollout.prefixed for row in read_rollouts(out / "grpo"))

    def refuses(*given: object) -> None:
        raise AssertionError("everything was written already")

    monkeypatch.setattr(gpu_runs, "generate", refuses)
    monkeypatch.setattr(gpu_runs, "tune", refuses)
    assert ended(monkeypatch, argv) == 0
    assert capsys.readouterr().out == shown.out


def test_no_gpu_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, ["gpu_tocorl.py", "--out", "out"]) == 2
    said = capsys.readouterr()
    assert said.err == f"error: {NO_GPU}\n"
    assert not said.out


def told(tmp_path: Path, text: Callable[[int], str]) -> tuple[Study, Splits]:
    """A study whose mining questions were answered by an earlier call."""
    made = study(tmp_path)
    splits = splits_of(made)
    rows = []
    for number, question in enumerate(splits.mining):
        for wording, count in enumerate(SAMPLES):
            for sample in range(count):
                task = task_of(question, wording, sample)
                said = (text(number + wording + sample),)
                rows.append(Kept("mining", task.id, said, (), 9, "eos", {}))
    lines = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    (tmp_path / "out" / "replies.jsonl").write_text(lines, encoding="utf-8")
    return Study(made.options), splits


def test_prefixes_are_mined_from_replies(tmp_path: Path) -> None:
    direct = "Surely it is 1000."
    steps = "Let's see. First, we need to think about it, and then we can find it."
    bank = mined(*told(tmp_path, lambda number: direct if number % 2 else steps))
    assert bank["direct"][0].text.startswith("Surely")
    assert bank["steps"][0].text.startswith("Let's")


def test_a_model_that_never_answers_at_once_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to mine for 'direct'"):
        mined(*told(tmp_path, lambda number: "We need to think. So = 4."))


def test_the_prefix_that_works_best_is_taken_then_the_rarer_one(tmp_path: Path) -> None:
    made = study(tmp_path)
    splits = splits_of(made)
    tried_before = {
        "The": ("It is a word.", -0.5),
        "Well": ("It is a word.", -3.0),
        "So": ("", -9.0),
    }
    for prefix, (text, opened) in tried_before.items():
        for question in splits.validation:
            policy = f"tried {prefix}"
            row = Kept(policy, question.id, (text,), (), 9, "eos", {}, opened)
            made._kept[policy, question.id] = row
    assert tried(made, splits, PrefixBank({"direct": list(tried_before)})) == "Well"


def test_no_question_is_both_trained_on_and_held_out(tmp_path: Path) -> None:
    splits = splits_of(study(tmp_path))
    trained = {one.id for one in (*splits.mining, *splits.training, *splits.validation)}
    assert not trained & {one.id for one in splits.held_out}
    assert [one.domain for one in splits.held_out].count("facts") == 3
    assert task_of(FACT).id != task_of(FACT, 1, 0).id


@pytest.mark.parametrize(
    ("question", "text", "is_right", "short"),
    [
        (FACT, "Ottawa.", 1.0, 0.99),
        (FACT, "Paris.", 0.0, 0.0),
        (SUM, "It is 40.", 1.0, 0.97),
        (SUM, "5 x 8 = 40. " * 40, 1.0, 0.0),
        (SUM, "41", 0.0, 0.0),
    ],
)
def test_a_short_reply_earns_more_only_where_it_is_right(
    question: Question, text: str, is_right: float, short: float
) -> None:
    said, task = Said((text,)), task_of(question)
    assert right(said, task) == is_right
    assert brief(said, task) == pytest.approx(short)


def test_a_reply_that_was_cut_off_is_judged_as_such() -> None:
    whole = Kept("p", "s", ("There are 40 seats. No: 5 times 9 is 45.",), (), 9, "eos", {})
    cut = Kept("p", "s", whole.turns, (), 9, "stop", {})
    direct = figures({"s": SUM})["direct"]
    assert (direct(whole), direct(cut)) == (0.0, 1.0)
    assert graded(SUM, cut).cut
