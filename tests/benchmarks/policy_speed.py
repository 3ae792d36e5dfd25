"""Updates of `train policy` against TRL's own, side by side in one run.

Both draw groups of 8 for 8 prompts with transformers and make one update, turn by turn, so that
what else the machine does falls on both. What is printed are seconds of an update, tokens drawn in
a second of it, and the ratio.

    PYTHONPATH=tests/support python tests/benchmarks/policy_speed.py [--model DIR] [--tokens 64]

Without `--model` a random model of 50,000 weights is used, which measures what is around the model.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import GRPOConfig, GRPOTrainer
from tuning import write_small

from forethought.valuefn.rl.episodes import Question
from forethought.valuefn.rl.folder import read_log
from forethought.valuefn.rl.recipe import Optimiser, Sampling
from forethought.valuefn.rl.rewards import Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.tuning import tune

QUESTIONS = [f"What is {a} plus {a + 3}?" for a in range(64)]
WARM = 2
"""First updates of a round, which are not counted."""


def vowels(text: str) -> float:
    """A reward that any model earns some of."""
    return sum(letter in "aeiou" for letter in text) / max(len(text), 1)


def ours(model: str, out: Path, tokens: int, updates: int) -> tuple[float, float]:
    """Seconds and mean tokens of an update of ours."""
    recipe = replace(
        RECIPES["grpo"],
        steps=updates,
        optimiser=Optimiser(learning_rate=1e-6),
        rewards={"vowels": 1.0},
        sampling=Sampling(turn_tokens=tokens, completion_tokens=tokens),
    )
    tasks = {text: Task(text, text) for text in QUESTIONS}

    def reward(said: Said, task: Task) -> float:
        return vowels(said.text)

    setting = Setting(
        recipe,
        tasks,
        lambda task, shown: Question(task, shown, bare=True),
        chosen_rewards(recipe.rewards, {"vowels": reward}),
    )
    tune(model, setting, Run(out, save_every=updates, log_rollouts=0))
    return _figures(read_log(out))


def theirs(model: str, out: Path, tokens: int, updates: int) -> tuple[float, float]:
    """The same of TRL's trainer as it comes."""
    gpu = torch.cuda.is_available()
    arguments = GRPOConfig(
        output_dir=str(out),
        per_device_train_batch_size=64,
        num_generations=8,
        max_completion_length=tokens,
        max_steps=updates,
        learning_rate=1e-6,
        loss_type="grpo",
        bf16=gpu,
        use_cpu=not gpu,
        activation_checkpointing=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )

    def reward(completions: Sequence[Any], **_: Any) -> list[float]:
        return [vowels(one[0]["content"]) for one in completions]

    prompts = [[{"role": "user", "content": text}] for text in QUESTIONS]
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        reward_funcs=reward,
        args=arguments,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return _figures([row for row in trainer.state.log_history if "step_time" in row])


def _figures(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    counted = rows[WARM:]
    seconds = median(row["step_time"] for row in counted)
    drawn = sum(row["completions/mean_length"] for row in counted) / len(counted)
    return seconds, 64 * drawn


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a directory; a small random model without it")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if torch.cuda.is_available():
        print(f"on {torch.cuda.get_device_name(0)}, bfloat16")
    else:
        torch.set_num_threads(1)
        print("no GPU is present: on one thread of the CPU, float32; ratios only")
    sides: dict[str, Callable[[str, Path, int, int], tuple[float, float]]]
    sides = {"forethought": ours, "TRL": theirs}
    ratios = []
    with tempfile.TemporaryDirectory() as place:
        model = given.model or str(write_small(Path(place) / "base", context=512))
        for number in range(given.rounds):
            found = {}
            for name, side in sides.items():
                out = Path(place) / f"{name}-{number}"
                seconds, drawn = side(model, out, given.tokens, given.updates)
                found[name] = drawn / seconds
                print(f"{name}: {seconds:.3f} s an update, {drawn / seconds:,.0f} tokens/s")
            ratios.append(found["forethought"] / found["TRL"])
    spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
    print(f"tokens/s, forethought over TRL: {median(ratios):.2f} {spread}")


if __name__ == "__main__":
    main()
