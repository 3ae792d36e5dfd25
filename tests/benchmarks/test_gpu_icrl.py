import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")
pytest.importorskip("bm25s", reason="bm25s is not installed: extra search")

import gpu_icrl
import gpu_runs
import torch
from gpu_data import write_data, write_model
from gpu_icrl import Domain, answered, passages, program, same_number
from gpu_report import Side, means, table

from forethought.agent.errors import ToolError
from forethought.tools.find import Document, Index
from forethought.valuefn.rl.card import load_card
from forethought.valuefn.rl.episodes import Demonstration
from forethought.valuefn.rl.rewards import Said, Task
from forethought.valuefn.rl.store import read_rollouts

TASK = Task("t", "Kim has 2 pears and eats one. How many?", ("1",))
POLICIES = ("base", "base, 3 shown", "icrl", "no demonstrations")


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETHOUGHT_DATA", str(write_data(tmp_path / "data")))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def arguments(tmp_path: Path, *more: str) -> list[str]:
    if not (tmp_path / "base").exists():
        write_model(tmp_path / "base")
    usual = [
        "--device",
        "cpu",
        "--questions",
        "2",
        "--tokens",
        "6",
        "--steps",
        "2",
        "--save-every",
        "1",
    ]
    places = ["--model", str(tmp_path / "base"), "--out", str(tmp_path / "out")]
    return ["gpu_icrl.py", *places, *usual, *more]


def ended(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> int | str | None:
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as left:
        gpu_icrl.main()
    return left.value.code


def results(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    return found


def test_both_domains_from_base_to_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = arguments(tmp_path)
    assert ended(monkeypatch, argv) == 0
    said = capsys.readouterr().out
    head, names, *rows = said.splitlines()
    assert head.startswith("icrl: 2 updates of 1 x 2 rollouts")
    assert "measures nothing" in head
    assert names.split()[:4] == ["domain", "n", "exact", "F1"]
    assert len(rows) == 2 * (len(POLICIES) + 3)
    found = results(tmp_path)
    assert found["finished"]
    assert [row["what"] for row in found["rows"] if row["domain"] == "gsm8k"] == [
        *POLICIES,
        "icrl less base",
        "icrl less base, 3 shown",
        "icrl less no demonstrations",
    ]
    out = tmp_path / "out"
    assert load_card(out / "multihop-icrl").demonstrations == 0
    assert load_card(out / "gsm8k-icrl").stop == ("</python>", "</answer>")
    assert not (out / "gsm8k-icrl" / "checkpoints").exists()
    shown, plain = (
        [len(row.rollout.prompt_ids) for row in read_rollouts(out / f"gsm8k-{arm}")]
        for arm in ("icrl", "no-demonstrations")
    )
    assert min(shown) > 2 * max(plain)

    def refuses(*given: object) -> None:
        raise AssertionError("everything was written already")

    monkeypatch.setattr(gpu_runs, "generate", refuses)
    monkeypatch.setattr(gpu_runs, "tune", refuses)
    assert ended(monkeypatch, argv) == 0
    assert capsys.readouterr().out == said


def test_a_study_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = arguments(tmp_path, "--domain", "gsm8k")
    with monkeypatch.context() as patch:
        patch.setattr(
            gpu_runs, "_pace", lambda name: lambda *_: os.kill(os.getpid(), signal.SIGINT)
        )
        assert ended(monkeypatch, argv) == 130
    shown = capsys.readouterr()
    assert "stopped; the same command goes on" in shown.err
    assert "base, 3 shown" in shown.out
    assert "icrl less" not in shown.out
    assert not results(tmp_path)["finished"]
    replies = tmp_path / "out" / "replies.jsonl"
    whole = replies.read_text("utf-8").splitlines()
    replies.write_text("\n".join(whole[:-1]) + "\n" + whole[-1][:40], encoding="utf-8")
    assert ended(monkeypatch, argv) == 0
    assert results(tmp_path)["finished"]
    assert replies.read_text("utf-8").splitlines()[: len(whole)] == whole
    log = (tmp_path / "out" / "gsm8k-icrl" / "log.jsonl").read_text("utf-8").splitlines()
    assert [row["step"] for row in map(json.loads, log) if "reward" in row] == [1, 2]
    assert ended(monkeypatch, [*argv, "--rate", "0.1"]) == 2
    assert "holds a study with rate = 1e-05" in capsys.readouterr().err


def test_without_updates_the_base_alone_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = arguments(tmp_path, "--domain", "gsm8k", "--steps", "0")
    assert ended(monkeypatch, argv) == 0
    assert [row["what"] for row in results(tmp_path)["rows"]] == ["base", "base, 3 shown"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ["--out", "out"],
            "error: no GPU is present: run on one, or in a small form on the CPU by",
        ),
        (["--out", "out", "--device", "cuda"], "error: no GPU is present"),
        (["--out", "out", "--device", "cpu", "--questions", "1"], "--questions must be at least 2"),
        (["--out", "out", "--device", "cpu", "--model", "./none"], "no model at none"),
    ],
)
def test_what_cannot_work_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    assert ended(monkeypatch, ["gpu_icrl.py", *argv]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out


def chat(shown: int) -> gpu_icrl.Chat:
    def run(request: str) -> str:
        if "open" in request:
            raise ToolError("no files here")
        return str(len(program(request)))

    pairs = tuple(Demonstration(f"q{n}", f"<answer> {n} </answer>") for n in range(3))
    domain = Domain("sums", "Compute.", pairs, {"python": run}, [TASK], [TASK], {})
    episode = domain.play(TASK, pairs[:shown])
    assert isinstance(episode, gpu_icrl.Chat)
    return episode


def test_demonstrations_are_turns_before_the_question() -> None:
    roles = [(one.role, one.content) for one in chat(2).begin()]
    assert roles[:3] == [
        ("system", "Compute."),
        ("user", "Problem: q0"),
        ("assistant", "<answer> 0 </answer>"),
    ]
    assert roles[-1] == ("user", f"Problem: {TASK.question}")
    assert [role for role, _ in roles] == ["system", *["user", "assistant"] * 2, "user"]
    assert len(chat(0).begin()) == 2


def test_no_hit_in_few_questions_is_no_proof() -> None:
    rows = [gpu_runs.Kept("p", str(at), (), (), at, "eos", {}, -at / 2) for at in range(4)]
    found = means(rows, {"hits": lambda row: 0.0, "tokens": lambda row: float(row.tokens)}, 0)
    assert found["hits"].value == 0
    assert found["hits"].high > 0.4
    assert found["tokens"].low < found["tokens"].value == 1.5 < found["tokens"].high
    ahead = Side(rows, rows).less(Side(rows[::-1], rows), {}, 0)
    assert ahead["log p(opening)"].value == 0
    said = table("title", [("facts", "base", found)]).splitlines()
    assert said[0] == "title"
    assert said[1].split() == ["domain", "n", "hits", "tokens"]
    assert said[2].startswith("facts   base  4  0.000 [0.000, 0.")
    assert "nothing measured yet" in table("title", [])


def test_calls_are_answered_and_all_else_ends() -> None:
    episode = chat(0)
    first = episode.hear("<think> x </think>\n<python>\nprint(1)\n</python>")
    second = episode.hear("<python>open(1)</python>")
    assert first.given == "\n\n<information>8</information>\n\n"
    assert second.given == "\n\n<information>Error: no files here</information>\n\n"
    assert episode.hear("<python>1</python>").given is None
    assert chat(0).hear("I do not know.").given is None
    assert chat(0).hear("<answer> 1 </answer>").given is None
    row = gpu_runs.Kept("p", "t", (), (first.given, second.given), 0, "stop", {})
    assert answered(row) == 1


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("<answer> 1 </answer>", 1.0),
        ("<answer>$1.00</answer>", 1.0),
        ("<answer>1 pear</answer>", 1.0),
        ("1", 0.0),
        ("<answer>10</answer>", 0.0),
        ("<answer>one</answer>", 0.0),
    ],
)
def test_a_number_is_right_however_it_is_written(text: str, worth: float) -> None:
    assert same_number(Said((text,)), TASK) == worth


def test_fences_around_a_program_go() -> None:
    assert program("\n```python\nprint(1)\n```\n") == "print(1)"
    assert program("print('```')") == "print('```')"


def test_passages_have_titles_and_no_places(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "index")
    index.add([Document("p1", "Lesk", "A river. " * 200), Document("p2", "Dornau", "A town.")])
    found = passages(index, "river").splitlines()
    assert found[0].startswith("[1] Lesk. A river.")
    assert len(found[0]) == gpu_icrl.LONGEST
    assert passages(index, "zzz") == "Nothing was found."
    with pytest.raises(ToolError, match="empty"):
        passages(index, " ")


def test_demonstrations_are_about_nothing_that_is_asked(tmp_path: Path) -> None:
    told = json.loads(gpu_icrl.SHOWN.read_text("utf-8"))
    assert {name: len(one["shown"]) for name, one in told.items()} == {"multihop": 3, "gsm8k": 3}
    for tag, one in zip(("search", "python"), told.values(), strict=True):
        assert f"<{tag}>" in one["system"]
        for shown in one["shown"]:
            assert shown["solution"].endswith(" </answer>")
            assert f"</{tag}>\n\n<information>" in shown["solution"]
