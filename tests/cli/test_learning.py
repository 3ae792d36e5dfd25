import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.trace import read_traces
from forethought.valuefn.critic import load_critic

Run = Any
FAST = ("--set", "members=1", "--set", "hidden=8", "--set", "steps=25")


def test_train_value_says_what_held_out_episodes_show(run: Run, kept: Path, tmp_path: Path) -> None:
    said = run("train", "value", kept / "signs", "--out", tmp_path / "h", *FAST, "--json")
    found = said.json
    assert found["head"] == str(tmp_path / "h")
    assert found["control"] is None
    assert found["config"]["members"] == 1
    assert found["data"]["episodes"] == 60
    assert 0 <= found["held_out"]["auc"] <= 1
    assert load_critic(tmp_path / "h").head.config.hidden == 8
    printed = run("train", "value", kept / "signs", "--out", tmp_path / "h", *FAST)
    assert "ranking" in printed.out
    assert f"head: {tmp_path / 'h'}" in printed.out


def test_equal_seeds_train_equal_heads(run: Run, kept: Path, tmp_path: Path) -> None:
    results = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        call = ("train", "value", kept / "signs", "--out", tmp_path / name, "--seed", seed)
        results.append(run(*call, *FAST, "--json").json["held_out"])
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_rows_settings_and_shortcuts(run: Run, kept: Path, tmp_path: Path) -> None:
    call = ("train", "value", kept / "signs", "--out", tmp_path / "h", *FAST, "--json")
    config = run(*call, "--objective", "monte-carlo", "--encoder", "hashed").json["config"]
    assert config["objective"] == "monte-carlo"
    config = run(*call, "--config", "monte-carlo", "--set", "learning_rate=0.01").json["config"]
    assert (config["objective"], config["learning_rate"]) == ("monte-carlo", 0.01)


def test_the_control_lies_inside_the_head(kept: Path) -> None:
    assert load_critic(kept / "head" / "permuted").head.config.permute
    assert not load_critic(kept / "head").head.config.permute


def test_a_torn_file_is_used_with_a_warning(run: Run, kept: Path, tmp_path: Path) -> None:
    whole = (kept / "signs" / "traces.jsonl").read_bytes()
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(whole[:-40])
    said = run("train", "value", torn, "--out", tmp_path / "h", *FAST, "--json")
    assert said.code == 0
    assert "warning: " in said.err
    assert "its last line is incomplete" in said.err
    assert said.json["data"]["episodes"] == 59


def test_eval_value_measures_a_head(run: Run, kept: Path, tmp_path: Path) -> None:
    call = ("eval", "value", kept / "head", kept / "others")
    said = run(*call, "--json", "--out", tmp_path)
    found = said.json
    assert found["episodes"] == 40
    assert found["overall"]["auc"]["value"] > 0.9
    assert [Path(file).name for file in found["files"]] == ["eval.json", "eval.html", "eval.png"]
    assert json.loads((tmp_path / "eval.json").read_text())["goal"] == found["goal"]
    assert (tmp_path / "eval.png").read_bytes().startswith(b"\x89PNG")
    printed = run(*call, "--goal", "The traveller is lost.")
    assert printed.out.startswith("The traveller is lost.")
    assert "ranking" in printed.out
    assert "warning" not in printed.err


def test_explain_names_the_goals_and_the_logged_thoughts(run: Run, kept: Path) -> None:
    call = ("explain", kept / "head", kept / "others")
    found = run(*call, "--json", "--nearest", 2).json
    assert found["score"] == pytest.approx(sum(each["part"] for each in found["contributions"]))
    assert len(found["evidence"]) == 2
    printed = run(*call, "--episode", found["episode"])
    assert found["episode"] in printed.out
    assert "nearest logged thoughts" in printed.out
    wrong = run(*call, "--step", 99)
    assert wrong.code == 2
    assert "has steps 0 to" in wrong.err
    assert run(*call, "--episode", "nobody").code == 2


def test_eval_value_warns_of_episodes_it_was_trained_on(run: Run, kept: Path) -> None:
    said = run("eval", "value", kept / "head", kept / "signs")
    assert "was trained on some of these episodes" in said.err


def test_two_heads_are_compared(run: Run, kept: Path) -> None:
    head = kept / "head"
    found = run("eval", "value", head, head / "permuted", kept / "others", "--json").json
    assert list(found["heads"]) == [str(head), str(head / "permuted")]
    assert found["difference"]["overall"]["auc"]["value"] > 0.1
    assert "errs less" in found["verdict"]
    printed = run("eval", "value", head, head / "permuted", kept / "others").out
    assert "paired" in printed
    assert "of thoughts" in printed


def test_folds_stand_beside_a_text_baseline(run: Run, kept: Path, tmp_path: Path) -> None:
    head = tmp_path / "h"
    assert run("train", "value", kept / "signs", "--out", head, *FAST).code == 0
    call = ("eval", "value", head, kept / "others", "--folds", 2)
    found = run(*call, "--json").json
    assert found["folds"] == 2
    assert found["head"]["episodes"] == 40
    assert {each["baseline"].split(",")[0] for each in found["baselines"]} == {"TF-IDF"}
    assert "head minus it" in run(*call).out
    both = run("eval", "value", head, head, kept / "others", "--folds", 2)
    assert both.code == 2


def test_improve_keeps_the_best_head(run: Run, tmp_path: Path) -> None:
    call = ("improve", "signpost-v0", "--rounds", 1, "--episodes", 40, "--out", tmp_path / "up")
    found = run(*call, *FAST, "--json").json
    assert [each["number"] for each in found["rounds"]] == [0, 1]
    assert found["rounds"][1]["episodes"] == 60
    best = max(found["rounds"], key=lambda each: each["validation"])
    assert found["best"] == best["number"]
    assert load_critic(found["head"]).head.config.hidden == 8
    again = run(*call, *FAST)
    assert again.code == 2
    resumed = run(*call, *FAST, "--resume")
    assert resumed.code == 0
    assert "kept" in resumed.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "members"], "--set takes KEY=VALUE"),
        (["--set", "membrs=3"], "did you mean 'members'"),
        (["--set", "members=0"], "members"),
        (["--set", "shares=7"], "shares"),
        (["--config", "iq"], "did you mean 'iql'"),
        (["--encoder", "bert"], "unknown encoder 'bert'"),
        (["--objective", "guess"], "objective"),
    ],
)
def test_settings_that_cannot_be(
    run: Run, kept: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    said = run("train", "value", kept / "signs", "--out", tmp_path / "h", *arguments)
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "h").exists()


def test_reword_adds_the_models_words(run: Run, kept: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([json.dumps({"wordings": ["So it went.", "It came to pass."]})]))
    call = ("reword", kept / "signs", "--model", f"scripted:{script}", "--out", tmp_path / "said")
    found = run(*call, "--thoughts", 1, "--json").json
    assert found["texts"] >= 2
    assert found["wordings"] == 2 * found["texts"]
    after = read_traces(tmp_path / "said").traces
    stated = [t.outcome for t in after if t.outcome is not None]
    assert all("So it went." in (*each.reached, *each.missed) for each in stated)
    thoughts = {step.decision.candidate.thought for t in after for step in t.steps}
    assert "It came to pass." in thoughts
    again = run(*call)
    assert again.code == 2
    assert "exists" in again.err
    assert run("train", "value", tmp_path / "said", "--out", tmp_path / "h", *FAST).code == 0


def test_drift_compares_new_traces_with_those_of_training(run: Run, kept: Path) -> None:
    said = run("drift", kept / "head", kept / "others", "--json")
    assert said.code == 0, said.err
    told = said.json
    assert told["episodes"] == 40
    assert told["verdict"] in {"keep", "watch", "retrain"}
    assert {part["name"] for part in told["parts"]} >= {"state", "prefix", "distance", "outcomes"}
    assert len(told["id"]) == 16
    shown = run("drift", kept / "head", kept / "others").out
    assert f"{told['verdict']}: " in shown
    assert "p (Holm)" in shown
    missing = run("drift", kept / "none", kept / "others")
    assert (missing.code, missing.err.count("\n")) == (2, 1)
