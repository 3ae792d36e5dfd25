"""One run of `reproduce tocorl`: a base, an arm, a seed; a record of what came of it.

Arms that learn from the reward are the engine's own trainer. Imitation is written here: answers
that the base gives after the forced prefix, as many as the others draw, the same optimiser, the
mean cross-entropy of all their tokens, prefix and end included. All that is measured is of the free
policy, without a prefix, but for `forced`. Equal jobs give equal records on a CPU, but for the
seconds.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from forethought.agent.errors import needs
from forethought.valuefn.reproduce.tocorl_plan import ARMS, GRADE, Arm, Job, Size, recipe_of
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.rewards import chosen_rewards, score
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.run import Run, task_order
from forethought.valuefn.rl.tokens import Rollout
from forethought.valuefn.rl.toys.bases import Base, load
from forethought.valuefn.rl.toys.documents import Problem
from forethought.valuefn.rl.toys.episodes import player, tasks_of
from forethought.valuefn.rl.toys.modes import DIRECT, STEPS, Modes
from forethought.valuefn.rl.toys.pretraining import Batch, one_torch_thread, weighted_loss
from forethought.valuefn.rl.toys.vocabulary import END
from forethought.valuefn.rl.toys.writing import Writer
from forethought.valuefn.rl.tuning import build_trainer, quiet

with needs("fine-tuning", INSTALL):
    import torch
    from transformers import PrinterCallback, TrainerCallback

T = TypeVar("T")
_NEVER = 1_000_000
"""Updates between two checkpoints; a run that was cut is made again from its beginning."""
_APART = 1_000_000
"""Between the seeds of draws that train and of those that are measured."""
_MOST = 32
"""Tokens of a reply."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Mean chances over the problems of a set, no draws in them."""

    direct: float
    """That a free reply begins with the direct mode."""
    solved: float
    """That a free reply is the right one, in the mode that the texts have it in."""
    forced: float
    """The same after the right mode is forced."""


Point = dict[str, Exact]
"""By set: `facts`, `sums` (those that a training may meet), `held-out facts`, `held-out sums`."""


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a run."""

    key: str
    arm: str
    base: int
    seed: int
    curve: tuple[tuple[int, Point], ...]
    """Updates, and what was measured after them; the last one is the end."""
    right: dict[str, tuple[int, int]]
    """At the end, by set: right answers among free replies drawn, and replies."""
    rollouts: int
    """That it was trained on."""
    seconds: float


def do(job: Job, folder: Path, size: Size) -> dict[str, Any]:
    """Make one run.

    Args:
        job: Which.
        folder: Of its base.
        size: How much is done.

    Returns:
        The record in JSON's own kinds.
    """
    began = time.perf_counter()
    work = _Work(job, load(folder), size)
    arm = ARMS[job.arm]
    with one_torch_thread(), quiet():
        work.look(0)
        _LEARN[arm.learns](work, arm)
        record = Record(
            job.key,
            job.arm,
            job.base,
            job.seed,
            curve=tuple(work.curve),
            right=work.played(),
            rollouts=work.rollouts,
            seconds=time.perf_counter() - began,
        )
    return asdict(record)


class _Work:
    """A model on its way."""

    def __init__(self, job: Job, base: Base, size: Size) -> None:
        if not isinstance(base.toy, Modes):
            raise TypeError(f"{base.name} has no modes")
        self._toy: Modes = base.toy
        self._job, self._base, self._size = job, base, size
        self._model: Any = base.model
        self.curve: list[tuple[int, Point]] = []
        self.rollouts = 0
        toy, seed = self._toy, job.seed
        facts = min(size.sums, toy.for_training)
        self._sets: Mapping[str, list[Problem]] = {
            "facts": toy.facts_of("train", facts, seed=0),
            "sums": toy.sums_of("train", size.sums, seed),
            "held-out facts": toy.facts_of("test", toy.facts - toy.for_training, seed=0),
            "held-out sums": toy.sums_of("test", size.tested, seed),
        }

    def look(self, updates: int) -> None:
        """Add a point to the curve."""
        self.curve.append((updates, self._with(self._exact)))

    def played(self) -> dict[str, tuple[int, int]]:
        """Free replies, drawn and graded."""
        return self._with(self._played)

    def nothing(self, arm: Arm) -> None:
        """Leave the base as it is."""

    def reinforce(self, arm: Arm) -> None:
        """Train with the engine."""
        recipe = recipe_of(arm, self._size)
        with TemporaryDirectory() as place:
            run = Run(Path(place), self._job.seed, save_every=_NEVER, log_rollouts=0, device="cpu")
            trainer, _ = build_trainer(self._base.folder, self._setting(arm), run)
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(_Watch(self._watch))
            self._model = trainer.model
            trainer.train()
        self.rollouts = recipe.steps * recipe.prompts * recipe.group

    def imitate(self, arm: Arm) -> None:
        """Train on answers of the base after the prefix."""
        setting, size = self._setting(arm), self._size
        teacher, self._model = self._base.model, load(self._base.folder).model.train()
        settings = setting.recipe.optimiser
        optimiser = torch.optim.AdamW(
            self._model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        order = task_order(setting, self._job.seed)["prompt"]
        for update in range(setting.recipe.steps):
            asked = order[update * size.prompts : (update + 1) * size.prompts]
            answers = self._answers(setting, teacher, asked, update)
            self.rollouts += len(answers)
            some = [one for one in answers if one.rewards[GRADE] == 1] if arm.right else answers
            if some:
                optimiser.zero_grad()
                loss = weighted_loss(self._model, self._batch(some))
                loss.backward()  # type: ignore[no-untyped-call] # torch has no type
                torch.nn.utils.clip_grad_norm_(self._model.parameters(), settings.clip_norm)
                optimiser.step()
            self._watch(update + 1)

    def _answers(
        self, setting: Setting, teacher: Any, asked: Sequence[str], update: int
    ) -> list[Rollout]:
        tasks = [setting.tasks[name] for name in asked for _ in range(self._size.group)]
        starts = [
            Start(
                task.id,
                setting.play(task, ()),
                f"answers {self._job.seed}/{update}/{at}",
                prefix=DIRECT,
            )
            for at, task in enumerate(tasks)
        ]
        with torch.no_grad():
            made = generate(teacher, self._base.tokenizer, starts, setting.recipe.sampling)
        return [
            replace(one, rewards=score(one, task, setting.rewards))
            for one, task in zip(made, tasks, strict=True)
        ]

    def _batch(self, answers: Sequence[Rollout]) -> Batch:
        rows = [(one.prompt_ids, one.completion_ids) for one in answers]
        longest = max(len(asked) + len(said) for asked, said in rows)
        pad = self._base.tokenizer.pad_token_id
        ids, weights = [], []
        for asked, said in rows:
            more = longest - len(asked) - len(said)
            ids.append([*asked, *said, *[pad] * more])
            weights.append([0.0] * len(asked) + [1.0] * len(said) + [0.0] * more)
        return Batch(torch.tensor(ids), torch.tensor(weights))

    def _setting(self, arm: Arm) -> Setting:
        recipe = recipe_of(arm, self._size)
        problems = self._sets["facts"] + self._sets["sums"]
        return Setting(
            recipe, tasks_of(problems), player(self._toy), chosen_rewards(recipe.rewards)
        )

    def _watch(self, updates: int) -> None:
        if updates % (self._size.every * ARMS[self._job.arm].times) == 0:
            self.look(updates)

    def _with(self, measured: Callable[[Writer], T]) -> T:
        """Measure the model as it is, and leave it as it was."""
        training = self._model.training
        found = measured(Writer(self._model.eval(), self._base.tokenizer))
        self._model.train(training)
        return found

    def _exact(self, writer: Writer) -> Point:
        return {name: self._chances(writer, name) for name in self._sets}

    def _chances(self, writer: Writer, name: str) -> Exact:
        problems = self._sets[name]
        prompts = [each.prompt for each in problems]
        mode = DIRECT if name.endswith("facts") else STEPS
        direct = writer.chances(prompts, [DIRECT] * len(problems))
        begun = direct if mode == DIRECT else writer.chances(prompts, [mode] * len(problems))
        texts = [self._toy.solution(each).text + END for each in problems]
        solved = writer.chances(prompts, texts)
        forced = [one / all_ for one, all_ in zip(solved, begun, strict=True) if all_ > 0]
        return Exact(fmean(direct), fmean(solved), fmean(forced) if forced else 0.0)

    def _played(self, writer: Writer) -> dict[str, tuple[int, int]]:
        draws = torch.Generator().manual_seed(self._job.seed + _APART)
        found = {}
        for name, problems in self._sets.items():
            asked = [each for each in problems for _ in range(self._size.replies)]
            played = writer.play(self._toy, asked, most=_MOST, generator=draws)
            right = sum(self._toy.grade(each.problem, each.turns) for each in played)
            found[name] = (right, len(played))
        return found


_LEARN: Mapping[str, Callable[[_Work, Arm], None]] = {
    "nothing": _Work.nothing,
    "reward": _Work.reinforce,
    "answers": _Work.imitate,
}


class _Watch(TrainerCallback):
    """Calls after each update."""

    def __init__(self, look: Callable[[int], None]) -> None:
        self._look = look

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One update more."""
        self._look(state.global_step)
