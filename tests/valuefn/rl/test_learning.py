import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from safetensors.torch import load_file
from tuning import teach, write_small

from forethought.agent.types import Message
from forethought.valuefn.rl.episodes import Heard, Question
from forethought.valuefn.rl.recipe import Loss, Optimiser, Prefixes, Recipe, Sampling
from forethought.valuefn.rl.rewards import Reward, Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.tokens import Rollout
from forethought.valuefn.rl.tuning import tune

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing"),
]
TASKS = {f"t{i}": Task(f"t{i}", f"q{i}", (f"D{i}",)) for i in range(4)}


def _setting(recipe: Recipe, own: Reward) -> Setting:
    rewards = chosen_rewards(recipe.rewards, {"own": own})
    return Setting(recipe, TASKS, lambda task, shown: Question(task, shown, bare=True), rewards)


def _log(folder: Path) -> list[dict[str, Any]]:
    rows = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [row for row in rows if "reward" in row]


def _chances(folder: Path, letters: str) -> list[float]:
    """Chances of the first letter, to the first task."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "q0"}],
        add_generation_prompt=True,
        return_dict=False,
        return_tensors="pt",
    )
    with torch.no_grad():
        chances = model(input_ids=ids).logits[0, -1].softmax(-1)
    return [float(chances[tokenizer.convert_tokens_to_ids(letter)]) for letter in letters]


def test_a_bandit_ends_at_its_known_optimum(tmp_path: Path) -> None:
    """The best policy under a KL penalty is the starting one times exp(reward / beta).

    A group's mean holds the rollout itself, which shrinks the reward's gradient by 1 - 1 / G.
    """
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base")
    teach(base, {f"q{i}": "a|a|b|c" for i in range(4)}, steps=60)
    worth = {"a": 0.0, "b": 0.5, "c": 1.0}

    def own(said: Said, task: Task) -> float:
        return worth.get(said.text, 0.0)

    beta, group = 0.5, 16
    recipe = replace(
        RECIPES["dr_grpo"],
        steps=120,
        group=group,
        prompts=8,
        rewards={"own": 1.0},
        loss=Loss(reduce="constant", scale="none", beta=beta),
        optimiser=Optimiser(learning_rate=2e-3, schedule="linear"),
        sampling=Sampling(turn_tokens=1, completion_tokens=1, rows=128),
    )
    tune(base, _setting(recipe, own), Run(tmp_path / "out", device="cpu", part=128))
    before, after = (_chances(folder, "abc") for folder in (base, tmp_path / "out"))
    factor = (1 - 1 / group) / beta
    raw = [p * 2.718281828 ** (factor * worth[x]) for p, x in zip(before, "abc", strict=True)]
    rest = 1 - sum(before)
    wanted = [value / (sum(raw) + rest) for value in raw]
    assert after == pytest.approx(wanted, abs=0.04)
    assert wanted[2] > 1.8 * before[2]


class TwoLetters:
    """One letter, a sign, and a letter more: best are `a` and then `b`."""

    stop: tuple[str, ...] = ()

    def __init__(self, task: Task) -> None:
        self._task = task
        self._heard: list[str] = []

    def begin(self) -> Sequence[Message]:
        return (Message("user", self._task.question),)

    def hear(self, text: str) -> Heard:
        self._heard.append(text)
        return Heard("=" if len(self._heard) == 1 else None)

    @property
    def outcome(self) -> float | None:
        first, second = (*self._heard, "", "")[:2]
        wanted = "b" if first == "a" else "a"
        return 0.5 * (first == "a") + 0.5 * (second == wanted)


def _after_first(rollout: Rollout, task: Task) -> list[float]:
    """What the first letter is worth where the second one is right half of the time."""
    return [0.5 * (rollout.turns[0] == "a") + 0.25] * (len(rollout.turns) - 1)


@pytest.mark.parametrize("credit", ["group", "value"])
def test_two_turns_end_at_their_known_optimum(tmp_path: Path, credit: Any) -> None:
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base")
    teach(base, {f"q{i}": "a|b" for i in range(4)}, steps=60)
    recipe = replace(
        RECIPES["dr_grpo"],
        steps=60,
        group=8,
        prompts=4,
        rewards={"outcome": 1.0},
        credit=credit,
        optimiser=Optimiser(learning_rate=2e-3),
        sampling=Sampling(turns=2, turn_tokens=1, completion_tokens=3),
    )
    rewards = chosen_rewards(recipe.rewards)
    setting = Setting(recipe, TASKS, lambda task, shown: TwoLetters(task), rewards)
    values = _after_first if credit == "value" else None
    tune(base, setting, Run(tmp_path / "out", device="cpu"), values=values)
    rows = [row["free/reward"] for row in _log(tmp_path / "out")]
    assert sum(rows[:3]) / 3 < 0.7
    assert sum(rows[-5:]) / 5 > 0.95


@pytest.mark.parametrize(("rule", "moves"), [("as-sampled", True), ("none", False)])
def test_a_forced_prefix_becomes_the_free_policys_own(
    tmp_path: Path, rule: Any, moves: bool
) -> None:
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base")
    teach(base, {f"q{i}": "Sxxx|D1" for i in range(4)}, steps=100)
    teach(base, {f"q{i}": "|".join(["Sxxx"] * 200 + ["D1"]) for i in range(4)}, steps=40)

    def own(said: Said, task: Task) -> float:
        return float(said.text == "D1")

    recipe = replace(
        RECIPES["tocorl"],
        steps=40,
        group=8,
        prompts=4,
        rewards={"own": 1.0},
        loss=replace(RECIPES["tocorl"].loss, forced=rule),
        prefixes=Prefixes(("D",), share=0.25),
        optimiser=Optimiser(learning_rate=5e-4),
        sampling=Sampling(turn_tokens=5, completion_tokens=8),
    )
    tune(base, _setting(recipe, own), Run(tmp_path / "out", device="cpu"))
    assert _chances(base, "D")[0] < 0.01
    rows = _log(tmp_path / "out")
    assert sum(row["prefixed/success"] for row in rows) / len(rows) > 0.8
    late = sum(row["free/success"] for row in rows[-8:]) / 8
    assert late > 0.4 if moves else late < 0.15


SCRIPT = """
import sys
from pathlib import Path
from dataclasses import replace
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[3])
from forethought.agent.types import Message
from forethought.valuefn.rl.episodes import Heard, Question
from forethought.valuefn.rl.recipe import Loss, Optimiser, Prefixes, Sampling
from forethought.valuefn.rl.rewards import Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.tuning import tune

class Anew(Question):
    asked = 0

    def hear(self, text):
        self.asked += 1
        return Heard(asked=(Message("user", "and then?"),)) if self.asked == 1 else Heard()

recipe = replace(
    RECIPES["grpo"], steps=3, group=4, prompts=4, attribution=1,
    rewards={"own": 1.0},
    loss=Loss(reduce="token", beta=0.05, forced="as-sampled"),
    prefixes=Prefixes(("D",)),
    optimiser=Optimiser(learning_rate=1e-3),
    sampling=Sampling(turn_tokens=4, completion_tokens=40, turns=2),
)
tasks = {f"t{i}": Task(f"t{i}", f"q{i}") for i in range(6)}
own = {"own": lambda said, task: sum(letter in "aeiou" for letter in said.text) / 4}
setting = Setting(
    recipe, tasks,
    # some are asked anew and some are not: the processes must keep in step all the same
    lambda task, shown: (Anew if task.id < "t3" else Question)(task, shown, bare=True),
    chosen_rewards(recipe.rewards, own),
)
tune(sys.argv[1], setting, Run(Path(sys.argv[2]), device="cpu", log_rollouts=1))
"""


def test_two_processes_learn_what_one_does(tmp_path: Path, root: Path) -> None:
    base = write_small(tmp_path / "base")
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    support = str(root / "tests" / "support")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    launch = [*("-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1")]
    for count, start in (
        (1, []),
        (2, [*launch, "--num_processes", "2", "--mixed_precision", "no"]),
    ):
        ended = subprocess.run(
            [sys.executable, *start, str(script), str(base), str(tmp_path / str(count)), support],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("1", "2"))
    before = load_file(base / "model.safetensors")
    moved = max(float((one[name] - before[name]).abs().max()) for name in one)
    apart = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert moved > 1e-3
    assert apart < 0.02 * moved
    for left, right in zip(_log(tmp_path / "1"), _log(tmp_path / "2"), strict=True):
        for name in ("reward", "free/reward", "prefixed/logprob", "kl", "gradient/reward/sample"):
            assert left[name] == pytest.approx(right[name], rel=1e-3, abs=1e-5)
