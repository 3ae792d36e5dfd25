"""Updates of `train policy` against TRL's own, side by side in one run.

Both draw groups of 8 for 8 prompts with transformers and make one update, turn by turn, so that
what else the machine does falls on both. What is printed are tokens drawn in a second of writing
rollouts, in a second of what follows until the update is made, and in a second of both, and the
ratios.

    PYTHONPATH=tests/support python tests/benchmarks/policy_speed.py [--model NAME] [--tokens 64]
        [--device cpu|cuda] [--out FILE]

Without `--model` a random model of 50,000 weights is used, which measures what is around the model;
`builtin` is SmolLM2-135M-Instruct, and any directory, GGUF file or hub id will do. Without
`--device` a GPU is used where there is one.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from datasets import Dataset
from gpu_options import device_of, machine, model_of, tell
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer
from tuning import write_small

from forethought.agent.errors import ForethoughtError
from forethought.agent.models.weights import Settings, load
from forethought.valuefn.rl.episodes import Question
from forethought.valuefn.rl.recipe import Optimiser, Sampling
from forethought.valuefn.rl.rewards import Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.tuning import build_trainer, quiet

QUESTIONS = [f"What is {a} plus {a + 3}?" for a in range(64)]
WARM = 2
"""First updates of a round, which are not counted."""
GROUP = 8


@dataclass(frozen=True, slots=True)
class Job:
    """What both sides do."""

    model: str
    device: str
    tokens: int
    updates: int
    rollouts: int
    """Of an update, in groups of `GROUP`."""
    part: int
    """Rollouts in one forward pass of an update."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens drawn, by the second."""

    rollout: float
    """Of writing rollouts."""
    update: float
    """Of all else: scoring, loss, gradients."""
    whole: float


def vowels(text: str) -> float:
    """A reward that any model earns some of."""
    return sum(letter in "aeiou" for letter in text) / max(len(text), 1)


def ours(job: Job, out: Path) -> Any:
    """A trainer of ours, ready to begin."""
    recipe = replace(
        RECIPES["grpo"],
        steps=job.updates,
        group=GROUP,
        prompts=job.rollouts // GROUP,
        optimiser=Optimiser(learning_rate=1e-6),
        rewards={"vowels": 1.0},
        sampling=Sampling(turn_tokens=job.tokens, completion_tokens=job.tokens),
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
    device = "cpu" if job.device == "cpu" else "auto"
    run = Run(out, part=job.part, save_every=10 * job.updates, log_rollouts=0, device=device)
    return build_trainer(job.model, setting, run)[0]


def theirs(job: Job, out: Path) -> Any:
    """TRL's trainer as it comes."""
    cpu = job.device == "cpu"
    arguments = GRPOConfig(
        output_dir=str(out),
        per_device_train_batch_size=job.part,
        gradient_accumulation_steps=job.rollouts // job.part,
        num_generations=GROUP,
        max_completion_length=job.tokens,
        max_steps=job.updates,
        learning_rate=1e-6,
        loss_type="grpo",
        bf16=not cpu,
        use_cpu=cpu,
        activation_checkpointing=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )

    def reward(completions: Sequence[Any], **_: Any) -> list[float]:
        return [vowels(one[0]["content"]) for one in completions]

    prompts = [[{"role": "user", "content": text}] for text in QUESTIONS]
    loaded = load(Settings(source=job.model, device="cpu", dtype="float32"))
    return GRPOTrainer(
        model=loaded.model,
        reward_funcs=reward,
        args=arguments,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=loaded.tokenizer,
    )


def measured(make: Callable[[Job, Path], Any], job: Job, out: Path) -> Speed:
    """Train, and tell apart the seconds spent on rollouts."""
    with quiet():
        trainer = make(job, out)
        trainer.remove_callback(PrinterCallback)
        writing: list[float] = []
        generate = trainer._generate

        def timed(*given: Any) -> Any:
            began = time.perf_counter()
            made = generate(*given)
            if job.device != "cpu":
                torch.cuda.synchronize()
            writing.append(time.perf_counter() - began)
            return made

        trainer._generate = timed
        trainer.train()
    rows = [row for row in trainer.state.log_history if "step_time" in row][WARM:]
    drawn = job.rollouts * mean(row["completions/mean_length"] for row in rows)
    whole, wrote = median(row["step_time"] for row in rows), median(writing[WARM:])
    return Speed(drawn / wrote, drawn / (whole - wrote), drawn / whole)


def rounds(job: Job, count: int, folder: Path) -> dict[str, list[Speed]]:
    """Both sides in turn."""
    sides = {"forethought": ours, "TRL": theirs}
    found: dict[str, list[Speed]] = {name: [] for name in sides}
    for number in range(count):
        for name, make in sides.items():
            speed = measured(make, job, folder / f"{name}-{number}")
            found[name].append(speed)
            tell(f"round {number + 1}, {name}: {speed.whole:,.0f} tokens/s")
    return found


def table(found: dict[str, list[Speed]]) -> str:
    """Medians over rounds, and the ratios of rounds with their range."""
    parts = ("rollout", "update", "whole")
    lines = [f"{'tokens/s':22}" + "".join(f"{part:>18}" for part in parts)]
    for name, speeds in found.items():
        medians = (median(getattr(one, part) for one in speeds) for part in parts)
        lines.append(f"{name:22}" + "".join(f"{cell:>18,.0f}" for cell in medians))
    cells = []
    for part in parts:
        pairs = zip(found["forethought"], found["TRL"], strict=True)
        ratios = [getattr(one, part) / getattr(other, part) for one, other in pairs]
        cells.append(f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
    lines.append(f"{'forethought over TRL':22}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="a small random one without it")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--updates", type=int, default=8, help=f"more than {WARM}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rollouts", type=int, default=64, help="of an update")
    parser.add_argument("--part", type=int, default=64, help="rollouts in one forward pass")
    parser.add_argument("--out", type=Path, metavar="FILE", help="for the figures, as JSON")
    given = parser.parse_args()
    part = min(given.part, given.rollouts)
    if given.updates <= WARM or given.rollouts % GROUP or given.rollouts % part:
        parser.error(f"--updates must be above {WARM}, --rollouts in groups of {GROUP} and parts")
    warnings.simplefilter("ignore")
    try:
        usual = "cuda" if torch.cuda.is_available() else "cpu"
        device = device_of(given.device or usual)
        model = model_of(given.model) if given.model else ""
    except ForethoughtError as error:
        tell(f"error: {error}")
        sys.exit(2)
    if device == "cpu":
        torch.set_num_threads(1)
        tell("no GPU is used: on one thread of the CPU, float32; ratios only")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = model or str(write_small(folder / "base", context=512))
        job = Job(model, device, given.tokens, given.updates, given.rollouts, part)
        found = rounds(job, given.rounds, folder)
    if given.out:
        kept = {name: [asdict(one) for one in speeds] for name, speeds in found.items()}
        told = {"device": machine(device), "model": given.model or "small", "speeds": kept}
        given.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(found))


if __name__ == "__main__":
    main()
