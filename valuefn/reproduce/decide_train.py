"""One run of `reproduce decision-sampling`: a base, an arm, a seed; a record of what came of it.

`rl` arms are the engine's own trainer. Imitation is written here: the same samples, the same
optimiser, the mean cross-entropy of all that was said in right samples, their wrong answers and
decisions to retry included. Equal jobs give equal records on a CPU, but for the seconds.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forethought.agent.attempts import DecisionRates
from forethought.agent.errors import needs
from forethought.valuefn.reproduce.decide_plan import (
    GRADE,
    START,
    Arm,
    Job,
    Size,
    arm_of,
    recipe_of,
)
from forethought.valuefn.reproduce.decide_signal import sample_logprobs, squared_signals
from forethought.valuefn.rl.attribution import Sums, add_span_gradients, span_norms
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.rewards import chosen_rewards
from forethought.valuefn.rl.roller import Place, Roller, Setting
from forethought.valuefn.rl.run import Run, task_order
from forethought.valuefn.rl.stages import Course
from forethought.valuefn.rl.tokens import Rollout, Span
from forethought.valuefn.rl.toys.bases import Base, load
from forethought.valuefn.rl.toys.digits import Digits
from forethought.valuefn.rl.toys.episodes import player, tasks_of
from forethought.valuefn.rl.toys.measures import decisions
from forethought.valuefn.rl.toys.pretraining import one_torch_thread
from forethought.valuefn.rl.toys.writing import Writer
from forethought.valuefn.rl.tuning import build_trainer, quiet

with needs("fine-tuning", INSTALL):
    import torch
    from transformers import PrinterCallback, TrainerCallback

COUNTED = (
    "sampling_first",
    "sampling_later",
    "stop_right",
    "retry_wrong",
    "improved",
    "harmed",
    "gained",
    "lost",
    "accuracy",
)
"""Rates of `DecisionRates` that a record holds, as hits and trials."""
Counts = dict[str, dict[str, tuple[int, int]]]
"""By size of the numbers, then by rate."""
_APART = 1_000_000
"""Between the seeds of samples that train and of those that gradients are measured on."""
_NEVER = 1_000_000
"""Updates between two checkpoints; a run is made again from its beginning."""


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a run."""

    key: str
    arm: str
    base: str
    base_seed: int
    seed: int
    curve: tuple[tuple[int, Counts], ...]
    """Updates, and what was counted after them."""
    end: Counts
    norms: tuple[tuple[int, dict[str, float]], ...]
    """Updates, and the gradient norms of the next one, by the engine's names."""
    signals: dict[str, float]
    """Squared norms of expected gradients at the end, as `squared_signals` tells them."""
    samples: int
    """Drawn to train on."""
    trained: int
    """Tokens that an update was made of, all updates together."""
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
    base = load(folder)
    work = _Work(job, base, size)
    with one_torch_thread(), quiet():
        if job.arm != START:
            arm = arm_of(job.arm)
            (work.reinforce if arm.learns == "reward" else work.imitate)(arm)
        end = work.measure(size.count)
        signals = work.signals()
    record = Record(
        job.key,
        **asdict(job),
        curve=tuple(work.curve),
        end=end,
        signals=signals,
        norms=tuple(work.norms),
        samples=work.samples,
        trained=work.trained,
        seconds=time.perf_counter() - began,
    )
    return asdict(record)


def counts_of(found: Mapping[str, DecisionRates]) -> Counts:
    """Rates as hits and trials."""
    return {
        kind: {name: (getattr(rates, name).hits, getattr(rates, name).n) for name in COUNTED}
        for kind, rates in found.items()
    }


class _Work:
    """A model on its way."""

    def __init__(self, job: Job, base: Base, size: Size) -> None:
        if not isinstance(base.toy, Digits):
            raise TypeError(f"{base.name} decides nothing")
        self._toy: Digits = base.toy
        self._job, self._base, self._size = job, base, size
        self._model: Any = base.model
        self.curve: list[tuple[int, Counts]] = []
        self.norms: list[tuple[int, dict[str, float]]] = []
        self.samples = self.trained = 0

    def measure(self, count: int) -> Counts:
        """Count on test problems, the same ones for all arms of a seed."""
        training = self._model.training
        writer = Writer(self._model.eval(), self._base.tokenizer)
        found = counts_of(decisions(self._toy, writer, count=count, seed=self._job.seed))
        self._model.train(training)
        return found

    def look(self, updates: int) -> None:
        """Add a point to the curve where one is due."""
        if updates % self._size.every == 0:
            self.curve.append((updates, self.measure(self._size.curve)))

    def reinforce(self, arm: Arm) -> None:
        """Train with the engine."""
        setting = self._setting(arm)
        with TemporaryDirectory() as place:
            run = Run(Path(place), self._job.seed, save_every=_NEVER, log_rollouts=0, device="cpu")
            trainer, _ = build_trainer(self._base.folder, setting, run)
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(_Watch(self.look))
            self._model = trainer.model
            self.look(0)
            trainer.train()
        for row in trainer.state.log_history:
            if "free/success" not in row:
                continue
            samples = self._size.prompts * self._size.group
            self.samples += samples
            self.trained += round(row["completions/mean_length"] * samples)
            norms = {name: row[name] for name in row if name.startswith("gradient")}
            if norms:
                self.norms.append((row["step"] - 1, norms))

    def imitate(self, arm: Arm) -> None:
        """Train on right samples."""
        setting, size = self._setting(arm), self._size
        drawn_from: Any = self._base.model
        self._model = load(self._base.folder).model if not arm.own else drawn_from
        roller = Roller(setting, self._base.tokenizer, self._job.seed)
        course = Course(setting.recipe)
        optimiser = torch.optim.AdamW(
            self._model.parameters(),
            setting.recipe.optimiser.learning_rate,
            weight_decay=setting.recipe.optimiser.weight_decay,
        )
        order = task_order(setting, self._job.seed)["prompt"]
        self.look(0)
        for update in range(size.updates):
            asked = order[update * size.prompts : (update + 1) * size.prompts]
            rolled = roller.roll(drawn_from, _places(asked, size.group), course).rollouts
            right = [one for one in rolled if one.rewards[GRADE] == 1]
            course.advance(len(right) / len(rolled))
            self.samples += len(rolled)
            if right:
                self._follow(right, optimiser, update, setting.recipe.optimiser.clip_norm)
            self.look(update + 1)

    def _follow(
        self, right: Sequence[Rollout], optimiser: torch.optim.Optimizer, update: int, clip: float
    ) -> None:
        """One update towards what was said."""
        logprobs, mask, spans = sample_logprobs(
            self._model, right, self._base.tokenizer.pad_token_id
        )
        losses = -logprobs * mask
        weights = list(self._model.parameters())
        every = self._size.attribution
        if every and update % every == 0:
            sums: Sums = {}
            add_span_gradients(sums, {"sft": losses}, mask, spans, weights)
            tokens = {span: float((mask.bool() & (spans == span)).sum()) for span in Span}
            self.norms.append((update, span_norms(sums, tokens, len(right))))
        optimiser.zero_grad()
        (losses.sum() / mask.sum()).backward()  # type: ignore[no-untyped-call] # torch has no type
        torch.nn.utils.clip_grad_norm_(weights, clip)
        optimiser.step()
        self.trained += int(mask.sum())

    def signals(self) -> dict[str, float]:
        """Gradients at the end, on training prompts, from fresh samples in two halves."""
        setting, size = self._setting(Arm("", "", "reward")), self._size
        roller = Roller(setting, self._base.tokenizer, self._job.seed + _APART)
        enough = replace(setting, recipe=replace(setting.recipe, steps=2 * size.probe))
        asked = task_order(enough, self._job.seed + _APART)["prompt"]
        course = Course(setting.recipe)
        halves = []
        for _ in range(2):
            places = _places(asked[: size.probe], size.group)
            halves.append(roller.roll(self._model, places, course).rollouts)
            asked = asked[size.probe :]
            course.advance(0.0)
        before = load(self._base.folder).model
        pad = self._base.tokenizer.pad_token_id
        return squared_signals(self._model, before, halves, GRADE, pad)

    def _setting(self, arm: Arm) -> Setting:
        recipe = recipe_of(arm, self._size, self._toy.turns)
        problems = self._toy.problems("train", self._size.problems, self._job.seed)
        return Setting(
            recipe, tasks_of(problems), player(self._toy), chosen_rewards(recipe.rewards)
        )


def _places(tasks: Sequence[str], group: int) -> list[Place]:
    return [Place(task, at, member) for at, task in enumerate(tasks) for member in range(group)]


class _Watch(TrainerCallback):
    """Calls after each update."""

    def __init__(self, look: Callable[[int], None]) -> None:
        self._look = look

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One update more."""
        self._look(state.global_step)
