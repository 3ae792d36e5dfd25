"""One run of `reproduce icrl`: train a policy by a curriculum, and look at it without prompt help.

What is measured never shows a demonstration. Chances are exact means over the questions of the test
split; success is of replies drawn at temperature 1.
"""

import time
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from forethought.agent.errors import ConfigError, needs
from forethought.valuefn.reproduce.icrl_plan import Job, Size, recipe_of
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.rewards import chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.toys.bases import Base, load
from forethought.valuefn.rl.toys.documents import Problem
from forethought.valuefn.rl.toys.episodes import demonstrations_of, player, tasks_of
from forethought.valuefn.rl.toys.lookup import CALL, Lookup
from forethought.valuefn.rl.toys.pretraining import one_torch_thread
from forethought.valuefn.rl.toys.writing import Writer
from forethought.valuefn.rl.tuning import build_trainer, quiet

with needs("fine-tuning", INSTALL):
    import torch
    from transformers import PrinterCallback, TrainerCallback

_TESTS_SEED = 0
"""All runs are measured on the same problems."""


def train(job: Job, folder: Path, size: Size) -> dict[str, Any]:
    """Do one run.

    Args:
        job: Which.
        folder: Of its base.
        size: How much is done.

    Returns:
        The job and its key; `points`, one for each measurement; `rollouts`, the mean success of
        each update's rollouts as they trained; the seconds.
    """
    seed = job.seed
    base = load(folder)
    toy = lookup_of(base)
    recipe = recipe_of(job.base, job.arm, size)
    setting = Setting(
        recipe,
        tasks_of(toy.problems("train", size.tasks, seed)),
        player(toy),
        chosen_rewards(recipe.rewards),
        demonstrations_of(toy, max(stage.demonstrations for stage in recipe.stages), seed),
    )
    began = time.perf_counter()
    with one_torch_thread(), quiet(), TemporaryDirectory(prefix="icrl-") as scratch:
        run = Run(
            Path(scratch),
            seed=seed,
            save_every=size.updates + 1,
            log_rollouts=0,
            device="cpu",
        )
        trainer, _ = build_trainer(base.folder, setting, run)
        watch = _Watch(base, toy, size, seed)
        watch.look(trainer.model, 0)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(watch)
        trainer.train()
        history = [row["free/success"] for row in trainer.state.log_history if "reward" in row]
    seconds = time.perf_counter() - began
    told = {"key": job.key, **asdict(job)}
    return {**told, "points": watch.points, "rollouts": history, "seconds": seconds}


def lookup_of(base: Base) -> Lookup:
    """The task of a base.

    Raises:
        ConfigError: If it is another one.
    """
    if not isinstance(base.toy, Lookup):
        raise ConfigError(f"{base.name} has no tool to call; take a base with one")
    return base.toy


def questions(toy: Lookup) -> list[Problem]:
    """Each question of the test split once."""
    problems = toy.problems("test", 400, _TESTS_SEED)
    return list({each.prompt: each for each in problems}.values())


class _Watch(TrainerCallback):
    """Measures the policy without demonstrations."""

    def __init__(self, base: Base, toy: Lookup, size: Size, seed: int) -> None:
        self._base, self._toy, self._size, self._seed = base, toy, size, seed
        self._asked = questions(toy)
        self.points: list[dict[str, float]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """One update more."""
        done = state.global_step
        if done % self._size.every == 0 or done == self._size.updates:
            self.look(model, done)

    def look(self, model: Any, update: int) -> None:
        """Measure."""
        training = model.training
        model.eval()
        writer = Writer(model, self._base.tokenizer)
        prompts = [each.prompt for each in self._asked]
        right = [self._toy.call(each) for each in self._asked]
        solved, played = self._solved(writer, update)
        self.points.append(
            {
                "update": update,
                "call": fmean(writer.chances(prompts, [CALL] * len(prompts))),
                "right": fmean(writer.chances(prompts, right)),
                "solved": solved,
                "played": played,
            }
        )
        model.train(training)

    def _solved(self, writer: Writer, update: int) -> tuple[int, int]:
        """How many test problems were solved, of how many."""
        last = update == self._size.updates
        count = self._size.tests * (4 if last else 1)
        problems = self._toy.problems("test", count, _TESTS_SEED)
        generator = torch.Generator().manual_seed(1_000_003 * self._seed + update)
        said = writer.play(self._toy, problems, most=10, generator=generator)
        return sum(self._toy.grade(each.problem, each.turns) for each in said), count
