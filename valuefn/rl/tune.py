"""`tune`: one training from a model's directory to another, with everything it leaves behind.

```
OUT/          the tuned model: weights, tokenizer, chat template, generation settings, policy.json
OUT/checkpoints/      what --resume goes on from
OUT/rollouts.jsonl    rollouts as they trained, for check-tokens
OUT/log.jsonl         TRL's metrics and ours, one line for each update
```
"""

import json
import logging
import math
import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, needs
from forethought.agent.models.weights import Settings, load, resolve
from forethought.valuefn.rl.card import FILE as CARD
from forethought.valuefn.rl.card import make_card, save_card
from forethought.valuefn.rl.credit import TurnValues
from forethought.valuefn.rl.generate import end_tokens
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.ready import check_ready
from forethought.valuefn.rl.recipe import Loss, Recipe
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.store import FILE as ROLLOUTS
from forethought.valuefn.rl.trainer import PolicyTrainer

with needs("fine-tuning", INSTALL):
    import peft
    from accelerate import PartialState
    from datasets import Dataset
    from transformers import GenerationConfig, PrinterCallback, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint
    from transformers.utils import logging as chatter
    from trl import GRPOConfig

LOG = "log.jsonl"
CHECKPOINTS = "checkpoints"
Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a training is run: nothing here changes what is learned, but for rounding."""

    out: Path
    seed: int = 0
    part: int = 64
    """Most rollouts in one forward pass of a process."""
    save_every: int = 50
    """Updates between two checkpoints."""
    keep: int = 2
    """Checkpoints kept."""
    log_rollouts: int = 10
    """Batches of rollouts between two that are written to disk; 0 for none."""
    report_to: tuple[str, ...] = ()
    """As in TRL: tensorboard, wandb, trackio."""
    lora: Mapping[str, Any] | None = None
    """Settings of `peft.LoraConfig`; `None` to train all weights."""
    device: str = "auto"
    """`cpu` to leave a GPU alone."""
    resume: bool = False
    progress: Progress | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a training left."""

    folder: Path
    updates: int
    stage: int
    metrics: Mapping[str, float]
    """The last update's, by TRL's names and ours."""


def tune(
    model: str | os.PathLike[str], setting: Setting, run: Run, *, values: TurnValues | None = None
) -> Tuned:
    """Fine-tune a model and write it to a directory that `local:` serves.

    Under `accelerate launch` every process calls this.

    Args:
        model: A directory, a GGUF file or a hub id, as for `local:`.
        setting: Recipe, tasks, episodes, rewards and demonstrations.
        run: Where to and how.
        values: Values of turns, for `credit = "value"`.

    Raises:
        ConfigError: If something cannot work; told before the first update.
        DataError: If tokens that would train are not those that were generated.
        MissingExtra: If TRL is not installed.
    """
    with _quiet():
        return _tune(model, setting, run, values)


def _tune(
    model: str | os.PathLike[str], setting: Setting, run: Run, values: TurnValues | None
) -> Tuned:
    checkpoint = _checkpoint(run)
    trainer, ends = build_trainer(model, setting, run, values=values)
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=checkpoint)
    metrics = _last(trainer.state.log_history)
    _save(trainer, run.out, ends, setting.recipe)
    if trainer.accelerator.is_main_process:
        card = make_card(
            setting,
            base=os.fspath(model),
            stage=trainer.course.number,
            updates=trainer.state.global_step,
            seed=run.seed,
            metrics=metrics,
        )
        save_card(card, run.out)
    trainer.accelerator.wait_for_everyone()
    return Tuned(run.out, trainer.state.global_step, trainer.course.number, metrics)


def build_trainer(
    model: str | os.PathLike[str],
    setting: Setting,
    run: Run,
    *,
    values: TurnValues | None = None,
) -> tuple[PolicyTrainer, frozenset[int]]:
    """The trainer of a run, ready to begin, for what `tune` does not do.

    Args:
        model: As in `tune`.
        setting: As in `tune`.
        run: As in `tune`; only its `out` is not made.
        values: As in `tune`.

    Returns:
        The trainer, and the tokens that end a reply.

    Raises:
        ConfigError: If something cannot work.
        MissingExtra: If TRL is not installed.
    """
    loaded = load(Settings(source=resolve(os.fspath(model)), device="cpu", dtype="float32"))
    check_ready(loaded.model, loaded.tokenizer, setting)
    ends = end_tokens(loaded.model, loaded.tokenizer)
    trainer = PolicyTrainer(
        setting,
        seed=run.seed,
        log=run.out / ROLLOUTS if run.log_rollouts else None,
        log_every=run.log_rollouts,
        values=values,
        model=loaded.model,
        args=_arguments(setting.recipe, run),
        train_dataset=_dataset(setting, run.seed),
        processing_class=loaded.tokenizer,
        callbacks=[_Watch(run, setting.recipe.steps)],
        peft_config=None if run.lora is None else _lora(run.lora),
    )
    return trainer, ends


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and no remarks of the libraries beneath; errors stay."""
    bars, level = chatter.is_progress_bar_enabled(), chatter.get_verbosity()
    chatter.disable_progress_bar()  # type: ignore[no-untyped-call]
    chatter.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():  # TRL asks by a name that transformers has renamed
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing")
            yield
    finally:
        chatter.set_verbosity(level)
        if bars:
            chatter.enable_progress_bar()  # type: ignore[no-untyped-call]


def _checkpoint(run: Run) -> str | None:
    """Where to go on from; `None` to begin.

    Raises:
        ConfigError: If there is one and it is not wanted, or none and it is.
    """
    place = run.out / CHECKPOINTS
    found = None
    if place.is_dir():
        found = get_last_checkpoint(str(place))  # type: ignore[no-untyped-call]
    if not run.resume and (found is not None or (run.out / CARD).is_file()):
        raise ConfigError(
            f"{run.out} holds a training already; add --resume to go on, or choose another folder"
        )
    if found is None and run.resume:
        raise ConfigError(f"there is nothing to resume in {run.out}; leave out --resume")
    return str(found) if found is not None else None


def _arguments(recipe: Recipe, run: Run) -> Any:
    """The recipe in TRL's words."""
    processes = PartialState(cpu=run.device == "cpu").num_processes
    whole = recipe.group * recipe.prompts
    if whole % processes:
        raise ConfigError(
            f"{whole} rollouts of an update cannot be shared by {processes} processes: make "
            "prompts a multiple of them"
        )
    share = whole // processes
    if recipe.redraw and share % recipe.group:
        raise ConfigError(
            f"redraw needs whole groups in each of {processes} processes: make prompts a multiple"
        )
    if run.save_every % recipe.optimiser.passes:
        raise ConfigError(
            f"save_every ({run.save_every}) must be a multiple of optimiser.passes "
            f"({recipe.optimiser.passes}), so that no batch of rollouts is cut in two"
        )
    part = max(size for size in range(1, min(share, run.part) + 1) if share % size == 0)
    optimiser, loss = recipe.optimiser, recipe.loss
    cpu = run.device == "cpu" or PartialState().device.type == "cpu"
    return GRPOConfig(
        output_dir=str(run.out / CHECKPOINTS),
        per_device_train_batch_size=part,
        gradient_accumulation_steps=share // part,
        num_generations=recipe.group,
        num_iterations=optimiser.passes,
        max_completion_length=recipe.sampling.completion_tokens,
        max_steps=recipe.steps,
        learning_rate=optimiser.learning_rate,
        lr_scheduler_type=_SCHEDULES[optimiser.schedule],
        warmup_steps=math.ceil(optimiser.warmup * recipe.steps),
        weight_decay=optimiser.weight_decay,
        max_grad_norm=optimiser.clip_norm,
        temperature=recipe.sampling.temperature,
        reward_weights=[float(weight) for weight in recipe.rewards.values()],
        beta=loss.beta,
        epsilon=loss.clip_low,
        epsilon_high=loss.clip_high,
        loss_type=_loss_type(loss),
        importance_sampling_level=loss.ratio,
        scale_rewards=loss.scale,
        bf16=not cpu,
        use_cpu=cpu,
        activation_checkpointing=False,
        logging_steps=1,
        save_steps=run.save_every,
        save_total_limit=run.keep,
        report_to=list(run.report_to) or "none",
        seed=run.seed,
        shuffle_dataset=False,
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=not cpu,
    )


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def _loss_type(loss: Loss) -> str:
    """TRL's name for how losses are averaged."""
    return {"sequence": "grpo", "constant": "dr_grpo", "token": "dapo"}[loss.reduce]


def _lora(settings: Mapping[str, Any]) -> Any:
    try:
        return peft.LoraConfig(**{"task_type": "CAUSAL_LM", **settings})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"lora: {error}") from error


def _dataset(setting: Setting, seed: int) -> Any:
    """Ids of tasks in the order of the whole training, each round of them shuffled anew.

    One pass over it is the training: a sampler that shuffles by itself would, after a resume,
    begin with its first round again.
    """
    recipe = setting.recipe
    wanted = recipe.prompts * math.ceil(recipe.steps / recipe.optimiser.passes)
    rng = random.Random(f"tasks {seed}")
    order: list[str] = []
    while len(order) < wanted:
        order.extend(rng.sample(list(setting.tasks), len(setting.tasks)))
    return Dataset.from_dict({"prompt": order[:wanted]})


def _save(trainer: PolicyTrainer, out: Path, ends: frozenset[int], recipe: Recipe) -> None:
    """Weights, tokenizer and generation settings: drawn from as in training, nothing cut off."""
    model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    tokenizer = trainer.processing_class
    if isinstance(model, peft.PeftModel):
        if trainer.accelerator.is_main_process:
            model.save_pretrained(str(out / "adapter"))
            model.merge_and_unload().save_pretrained(out)
    else:
        trainer.save_model(str(out))
    if not trainer.accelerator.is_main_process:
        return
    (out / "training_args.bin").unlink(missing_ok=True)  # pickled, and policy.json says it all
    tokenizer.save_pretrained(out)
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=recipe.sampling.temperature,
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
    )
    settings.save_pretrained(out)


def _last(history: list[dict[str, Any]]) -> dict[str, float]:
    rows = [row for row in history if "reward" in row]
    found = rows[-1] if rows else {}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


class _Watch(TrainerCallback):
    """Writes the metrics down and tells how far it is."""

    def __init__(self, run: Run, steps: int) -> None:
        self._file = run.out / LOG
        self._resume = run.resume
        self._tell = run.progress
        self._steps = steps

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget what a resumed training makes again."""
        if not state.is_world_process_zero:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
        kept = [
            line for line in lines if self._resume and json.loads(line)["step"] <= state.global_step
        ]
        self._file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """One line."""
        if state.is_world_process_zero and logs:
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"step": state.global_step, **logs}) + "\n")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One update more."""
        if self._tell is not None and state.is_world_process_zero:
            self._tell("updates", state.global_step, self._steps)
