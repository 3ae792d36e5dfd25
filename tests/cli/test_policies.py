import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from tiny_llama import tiny_tokenizer, write_tiny
from tuning import write_small

from forethought.agent.prefixes import PrefixBank
from forethought.agent.trace import read_traces
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.toys.bases import prepare

Run = Any
SMALL = [
    *("--set", "steps=2", "--set", "group=4", "--set", "prompts=2", "--device", "cpu"),
    *("--set", "optimiser.learning_rate=0.001", "--set", "sampling.turn_tokens=4"),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    write_small(tmp_path / "base", context=1024)
    rows = [{"question": f"{a} + 1", "answers": [str(a + 1)]} for a in range(5)]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_a_policy_is_trained_and_its_tokens_checked(run: Run, place: Path) -> None:
    typed = [
        "train",
        "policy",
        "tocorl",
        "--model",
        "base",
        "--out",
        "out",
        "--tasks",
        "tasks.jsonl",
    ]
    typed += ["--bare", "--prefix", "Sum:", "--set", "rewards={f1 = 1.0}", "--log-rollouts", "1"]
    said = run(*typed, *SMALL, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json["updates"] == 2
    assert {"reward", "free/reward", "prefixed/success"} <= set(said.json["last"])
    checked = run("check-tokens", "out", "--json").json
    assert checked["rollouts"] == 16
    assert checked["trained"] == checked["tokens"]
    assert checked["tokens"]["forced"] == 4 * 4
    page = (place / "out" / "tokens.html").read_text()
    assert 'class="forced trains"' in page
    again = run(*typed, *SMALL)
    assert again.code == 2
    assert "add --resume to go on" in again.err
    other = run(*typed, *SMALL, "--resume", "--set", "loss.beta=0.1")
    assert other.code == 2
    assert "begun with another loss" in other.err
    longer = run(*typed, *SMALL, "--set", "steps=3", "--resume")
    assert longer.code == 0
    assert "tocorl: 3 updates of base" in longer.out
    assert "success, unprefixed" in longer.out


def test_a_policy_is_measured_on_tasks(run: Run, place: Path) -> None:
    typed = ["--tasks", "tasks.jsonl", "--device", "cpu", "--bare"]
    base = run(
        "eval", "policy", "base", *typed, "--set", "rewards={f1 = 1.0, whole = 1.0}", "--json"
    )
    assert (base.code, base.err) == (0, "")
    assert (base.json["tasks"], base.json["rollouts"]) == (5, 5)
    low, high = base.json["rewards"]["f1"]["ci95"]
    assert low <= base.json["rewards"]["f1"]["mean"] <= high
    train = ["train", "policy", "tocorl", "--model", "base", "--out", "out", *typed]
    assert run(*train, *SMALL, "--prefix", "So", "--set", "rewards={f1 = 1.0}").code == 0
    tuned = run("eval", "policy", "out", *typed, "--each", "3", "--json")
    assert tuned.json["rollouts"] == 15
    assert list(tuned.json["rewards"]) == ["f1"]  # of its own recipe, and without its prefix
    assert tuned.json["tokens"] <= 4
    said = run("eval", "policy", "out", *typed)
    assert "5 rollouts of 5 tasks" in said.out
    wrong = run("eval", "policy", "out", *typed, "--stage", "1")
    assert "the recipe has stages 0 to 0" in wrong.err


def test_demonstrations_and_a_tool_by_stages(run: Run, place: Path) -> None:
    pytest.importorskip("pydantic_monty", reason="the sandbox is not installed: extra python")
    shown = {"question": "2 + 2", "solution": "<python>print(4)</python><answer>4</answer>"}
    (place / "shown.jsonl").write_text(json.dumps(shown) + "\n\n")
    typed = ["train", "policy", "icrl", "--model", "base", "--out", "out", "--tasks", "tasks.jsonl"]
    typed += ["--tool", "python", *SMALL, "--set", "stages=[{demonstrations = 1, steps = 1}, {}]"]
    said = run(*typed, "--demonstrations", "shown.jsonl", "--log-rollouts", "1", "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["first"]["demonstrations"], said.json["last"]["demonstrations"]) == (1, 0)
    first, *_, last = read_rollouts(place / "out")
    assert len(first.rollout.prompt_ids) > len(last.rollout.prompt_ids)
    again = [*typed, "--out", "other"]
    assert "shows 1 demonstrations and 0 were given" in run(*again).err
    (place / "shown.jsonl").write_text('{"question": "2 + 2"}\n')
    assert "a demonstration is" in run(*again, "--demonstrations", "shown.jsonl").err
    (place / "shown.jsonl").write_text("[]\n")
    assert "not a JSON object" in run(*again, "--demonstrations", "shown.jsonl").err


def test_a_folder_is_searched(run: Run, place: Path) -> None:
    pytest.importorskip("bm25s", reason="searching is not installed: extra search")
    (place / "docs").mkdir()
    (place / "docs" / "town.md").write_text("# Arlen\n\nArlen has a lake.\n")
    typed = ["train", "policy", "icrl", "--model", "base", "--out", "out", "--tasks", "tasks.jsonl"]
    said = run(*typed, *SMALL, "--tool", "search:docs", "--set", "stages=[{}]", "--json")
    assert (said.code, said.err) == (0, "")
    assert "search" in (place / "out" / "policy.json").read_text()


def test_an_unfinished_training_is_checked_and_a_damaged_one_told(run: Run, place: Path) -> None:
    typed = ["train", "policy", "grpo", "--model", "base", "--out", "out", "--tasks", "tasks.jsonl"]
    assert run(*typed, *SMALL, "--save-every", "1").code == 0
    for left in ("tokenizer_config.json", "policy.json", "model.safetensors"):
        (place / "out" / left).unlink()
    assert run("check-tokens", "out").code == 0
    shutil.rmtree(place / "out" / "checkpoints")
    assert "has no tokenizer yet" in run("check-tokens", "out").err
    (place / "out" / "recipe.json").write_text("{")
    assert "recipe.json is damaged" in run("check-tokens", "out").err
    (place / "out" / "recipe.json").unlink()
    assert "holds no training" in run("check-tokens", "out").err


def test_prefixes_of_a_bank_are_forced(run: Run, place: Path) -> None:
    PrefixBank({"direct": ["It is", "So"], "asking": ["What"]}).save("bank.json")
    PrefixBank({"direct": ["Well"]}).save("one.json")
    typed = [
        "train",
        "policy",
        "tocorl",
        "--model",
        "base",
        "--out",
        "out",
        "--tasks",
        "tasks.jsonl",
    ]
    half = [*SMALL, "--set", "prefixes.share=0.5"]
    assert run(*typed, *half, "--prefixes", "bank.json:direct", "--prefix", "Oh").code == 0
    prefixes = {row.rollout.prefix for row in read_rollouts(place / "out")}
    assert prefixes == {"", "It is", "So", "Oh"}
    (place / "mine.toml").write_text('base = "tocorl"\nprefixes.texts = ["Own", "Well"]\n')
    typed[2], typed[6] = "mine.toml", "other"
    assert run(*typed, *half, "--prefixes", "one.json").code == 0
    recipe = json.loads((place / "other" / "recipe.json").read_text())
    assert recipe["prefixes"]["texts"] == ["Own", "Well"]  # the bank's stands beside, once


def test_a_damaged_rollout_fails_loudly(run: Run, place: Path) -> None:
    typed = ["train", "policy", "grpo", "--model", "base", "--out", "out", "--tasks", "tasks.jsonl"]
    assert run(*typed, *SMALL).code == 0
    file = place / "out" / "rollouts.jsonl"
    first, *rest = file.read_text().splitlines()
    row = json.loads(first)
    row["rollout"]["completion_ids"][0] += 1
    file.write_text("\n".join([json.dumps(row), *rest]) + "\n")
    said = run("check-tokens", "out")
    assert said.code == 2
    assert said.out == ""
    assert "those the model saw differ at token" in said.err
    assert said.err.count("\n") == 1


def test_a_world_trains_a_policy(run: Run, place: Path) -> None:
    typed = [
        "train",
        "policy",
        "dr_grpo",
        "--model",
        "base",
        "--out",
        "out",
        "--env",
        "signpost-v0",
    ]
    typed += ["--instances", "4", "--set", "rewards={outcome = 1.0}", "--set", "sampling.turns=2"]
    short = run(*typed, *SMALL, "--set", "sampling.completion_tokens=200")
    assert "no second turn fits; set it to about" in short.err
    said = run(*typed, *SMALL, "--set", "sampling.completion_tokens=900", "--json")
    assert (said.code, said.err) == (0, "")
    assert 0.0 <= said.json["last"]["rewards/outcome/mean"] <= 1.0
    row = read_rollouts(place / "out")[0].rollout
    assert len(row.fresh) == 1  # four letters are no reply: react asked for a repair
    assert run("check-tokens", "out").code == 0
    assert "asked anew" in (place / "out" / "tokens.html").read_text()


def test_play_asks_a_tuned_policy_as_it_was_trained(run: Run, place: Path) -> None:
    write_tiny(place / "tiny", context=2048)
    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(place / "tiny")
    train = ["train", "policy", "dr_grpo", "--model", "tiny", "--out", "out", "--env"]
    train += ["signpost-v0", "--instances", "4", "--set", "rewards={outcome = 1.0}", *SMALL]
    assert run(*train, "--set", "sampling.completion_tokens=900").code == 0
    play = ["play", "signpost-v0", "--arm", "react", "--model", "local:out", "--episodes", "1"]
    played = run(*play, "--out", "played", "--json")
    assert (played.code, played.err) == (0, "")
    step = read_traces(place / "played").traces[0].steps[0]
    trained = tokenizer.decode(list(read_rollouts(place / "out")[0].rollout.prompt_ids))
    begin, found, _ = trained.partition("The sign is ")
    assert found
    _, end = trained.split(".", 1)
    asked = tokenizer.encode(f"{begin}{step.observation}{end}", add_special_tokens=False)
    assert json.loads((place / "out" / "policy.json").read_text())["planner"] == "react"
    assert step.decision.repairs == 0  # a schema holds it to its form
    assert step.decision.usage["act"].prompt_tokens == len(asked)


def test_a_toy_is_trained_on_and_measured_by_its_name(run: Run, place: Path) -> None:
    changes = {"size": "0.02M", "steps": 4}
    base = prepare("lookup-names", changes=changes, place=place / "bases", count=2)
    recipe = ["--set", "rewards={outcome = 1.0}", "--set", "success=outcome", *SMALL]
    recipe += ["--set", "stages=[{demonstrations = 2, steps = 1}, {}]", "--toy", "lookup-names"]
    model = str(base.folder)
    typed = ["train", "policy", "icrl", "--model", model, "--out", "out", "--instances", "40"]
    said = run(*typed, *recipe, "--log-rollouts", "1", "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["first"]["demonstrations"], said.json["last"]["demonstrations"]) == (2, 0)
    first, *_, last = read_rollouts(place / "out")
    assert len(first.rollout.prompt_ids) > len(last.rollout.prompt_ids)
    toy = ["--toy", "lookup-names", "--instances", "30", "--device", "cpu", "--json"]
    found = run("eval", "policy", "out", *toy).json
    assert 20 <= found["tasks"] <= 30  # some come twice
    assert list(found["rewards"]) == ["outcome"]
    for other in (["--toy", "modes"], ["--toy", "lookup"], ["--toy", "modes", "--bare"]):
        wrong = run(*typed[:-2], *recipe[:-2], *other, "--out", "other")
        assert wrong.code == 2
        assert wrong.err.startswith("error: ")
        assert wrong.err.count("\n") == 1


def test_a_world_is_measured_on_instances_that_no_training_meets(run: Run, place: Path) -> None:
    typed = ["--env", "bargaining-v0", "--set", "rewards={outcome = 1.0}", *SMALL]
    typed += ["--set", "sampling.turns=1"]
    said = run("eval", "policy", "base", *typed, "--instances", "99999")
    assert said.code == 2
    assert "1146 instances to test on" in said.err


def test_a_training_without_differences_of_reward_says_so(run: Run, place: Path) -> None:
    (place / "vain.jsonl").write_text('{"question": "?", "answers": ["forty-two"]}\n')
    typed = ["train", "policy", "grpo", "--model", "base", "--tasks", "vain.jsonl", *SMALL]
    long = ["--out", "long", "--set", "steps=20", "--log-rollouts", "0"]
    said = run(*typed, *long, "--set", "rewards={whole = 1.0}", "--bare")
    assert said.code == 0
    assert "nothing was learned" in said.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--tasks", "none.jsonl"], "cannot read none.jsonl"),
        (["--tasks", "bad.jsonl"], "bad.jsonl, line 1: a task is"),
        (["--tasks", "twice.jsonl"], "a second task with the id 'a'"),
        (["--tasks", "text.jsonl"], "text.jsonl, line 1: not JSON"),
        (["--tasks", "empty.jsonl"], "empty.jsonl holds no task"),
        ([], "name the tasks"),
        (["--tasks", "tasks.jsonl", "--env", "signpost-v0"], "name the tasks"),
        (["--env", "signpost-v0", "--bare"], "go with --tasks"),
        (["--env", "signpost-v0", "--instances", "99999999999"], "instances to train on"),
        (["--env", "signpost-v0", "--toy", "modes"], "name the tasks, one of"),
        (["--tasks", "tasks.jsonl", "--set", "group=1"], "group is 1"),
        (["--tasks", "tasks.jsonl", "--tool", "pyton"], "did you mean 'python'"),
        (["--tasks", "tasks.jsonl", "--tool", "search"], "--tool search:DIR"),
        (["--tasks", "tasks.jsonl", "--set", "rewards={exakt = 1.0}"], "did you mean 'exact'"),
        (["--tasks", "tasks.jsonl", "--model", "nowhere/at/all"], "no model at"),
        (["--tasks", "tasks.jsonl", "--resume"], "nothing to resume"),
        (["--tasks", "tasks.jsonl", "--prefixes", "no.json"], "no.json"),
        (["--tasks", "tasks.jsonl", "--prefixes", "no.json:direct"], "no.json"),
        (["--tasks", "tasks.jsonl", "--prefixes", "bank.json"], "--prefixes bank.json:asking"),
        (["--tasks", "tasks.jsonl", "--prefixes", "bank.json:dirct"], "known: asking, direct"),
        (["--tasks", "tasks.jsonl", "--prefixes", "tasks.jsonl:a"], "is not a prefix bank"),
        (["--tasks", "tasks.jsonl", "--set", "loss.forced=shaped"], "forces none: give"),
        (["--env", "signpost-v0"], "has no answers for the reward 'exact'"),
    ],
)
def test_a_mistake_is_one_line(run: Run, place: Path, change: list[str], words: str) -> None:
    PrefixBank({"direct": ["It is", "So"], "asking": ["What"]}).save("bank.json")
    (place / "bad.jsonl").write_text('{"answers": ["1"]}\n')
    (place / "twice.jsonl").write_text('{"id": "a", "question": "q"}\n' * 2)
    (place / "text.jsonl").write_text("question\n")
    (place / "empty.jsonl").write_text("\n")
    said = run("train", "policy", "grpo", "--model", "base", "--out", "out", *SMALL, *change)
    assert said.code == 2
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


def test_check_tokens_of_nothing(run: Run, place: Path) -> None:
    said = run("check-tokens", "base")
    assert said.code == 2
    assert "no rollouts at" in said.err
    assert "Did you mean 'policy'" in run("train", "polcy").err


def test_tasks_are_asked_as_an_agent_asks_them(run: Run, place: Path) -> None:
    pytest.importorskip("pydantic_monty", reason="the sandbox is not installed: extra python")
    typed = ["train", "policy", "grpo", "--model", "base", "--tasks", "tasks.jsonl", "--agent"]
    typed += ["--out", "out", *SMALL]
    assert "--agent pays 'outcome'" in run(*typed).err
    typed += ["--set", "rewards={outcome = 1.0}"]
    assert "--agent has prompts of its own" in run(*typed, "--bare").err
    said = run(*typed, "--set", "sampling.completion_tokens=600", "--json")
    assert (said.code, said.err) == (0, "")
    prompt = "".join(
        message["content"]
        for message in json.loads((place / "out" / "policy.json").read_text())["messages"]
    )
    assert '{"answer": "TEXT"} to end' in prompt
    assert "python" not in prompt
    assert "does not fit a context of 1024" in run(*typed, "--tool", "python", "--out", "o").err


def test_an_engine_that_is_not_there_is_told(run: Run, place: Path) -> None:
    typed = ["train", "policy", "grpo", "--model", "nowhere/at/all", "--tasks", "tasks.jsonl"]
    typed += ["--out", "out"]
    assert "known: transformers, vllm" in run(*typed, "--engine", "vlm").err
    said = run(*typed, "--engine", "vllm")
    assert said.code == 2
    assert "pip install 'forethought[rl]' 'trl[vllm]'" in said.err


def test_decisions_are_trained_and_measured(run: Run, place: Path) -> None:
    typed = ["--model", "base", "--tasks", "tasks.jsonl", "--out", "out", *SMALL]
    train = ["train", "policy", "decision-sampling", *typed]
    assert "answers and decides in prompts of its own" in run(*train, "--bare").err
    said = run(*train, "--json")
    assert (said.code, said.err) == (0, "")
    assert "decisions/p_s/first" in said.json["last"]
    measured = ["eval", "policy", "out", "--tasks", "tasks.jsonl", "--device", "cpu"]
    rates = run(*measured, "--json").json["decisions"]
    assert rates["sampling_first"] == rates["accuracy"]  # four letters hold no decision
    assert (rates["questions"], rates["forced"]) == (5, 5)
    assert "p_s, first try" in run(*measured).out
