"""`tune`: one training from a model's directory to another, with everything it leaves behind.

```
OUT/          the tuned model: weights, tokenizer, chat template, generation settings, policy.json
OUT/checkpoints/      what --resume goes on from
OUT/rollouts.jsonl    rollouts as they trained, for check-tokens
OUT/recipe.json       the recipe
OUT/log.jsonl         TRL's metrics and ours, one line for each update
```
"""

import json
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from forethought.agent.errors import ConfigError, needs
from forethought.agent.models.weights import Settings, load, resolve
from forethought.valuefn.rl.card import FILE as CARD
from forethought.valuefn.rl.card import make_card, save_card
from forethought.valuefn.rl.credit import TurnValues
from forethought.valuefn.rl.engines import check_engine
from forethought.valuefn.rl.folder import CHECKPOINTS, LOG, read_recipe, save_recipe
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.ready import check_ready
from forethought.valuefn.rl.recipe import Recipe, as_plain
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rollouts import end_tokens
from forethought.valuefn.rl.run import Run, check_reports, lora_config, task_order, trl_arguments
from forethought.valuefn.rl.store import FILE as ROLLOUTS
from forethought.valuefn.rl.store import keep_lines
from forethought.valuefn.rl.trainer import PolicyTrainer

with needs("fine-tuning", INSTALL):
    import peft
    from transformers import GenerationConfig, PrinterCallback, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint
    from transformers.utils import logging as chatter


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
        MissingExtra: If TRL is not installed, or the engine is not.
    """
    with quiet():
        return _tune(model, setting, run, values)


def _tune(
    model: str | os.PathLike[str], setting: Setting, run: Run, values: TurnValues | None
) -> Tuned:
    checkpoint = _checkpoint(run)
    if checkpoint is not None:
        _check_same(read_recipe(run.out), setting.recipe)
    trainer, ends = build_trainer(model, setting, run, values=values)
    trainer.remove_callback(PrinterCallback)
    watch = _Watch(run, setting.recipe)
    trainer.add_callback(watch)
    if trainer.accelerator.is_main_process:
        save_recipe(run.out, setting.recipe)
        if checkpoint is None:  # of a training that was killed before its first checkpoint
            (run.out / ROLLOUTS).unlink(missing_ok=True)
    with _stoppable(watch, alone=trainer.accelerator.num_processes == 1):
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
        MissingExtra: If TRL, the engine or what is reported to is not installed.
        UnknownName: If there is no such place to report to.
    """
    check_engine(run.engine)
    check_reports(run.report_to)
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
        args=trl_arguments(setting.recipe, run),
        train_dataset=task_order(setting, run.seed),
        processing_class=loaded.tokenizer,
        peft_config=None if run.lora is None else lora_config(run.lora),
    )
    return trainer, ends


@contextmanager
def quiet() -> Iterator[None]:
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


@contextmanager
def _stoppable(watch: "_Watch", *, alone: bool) -> Iterator[None]:
    """Ctrl-C ends the training after the update it is in, with a checkpoint; twice, at once.

    Args:
        watch: Ends it.
        alone: Whether there is one process; several would not stop after the same update.

    Raises:
        KeyboardInterrupt: When it was pressed.
    """
    if not alone or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def pressed(number: int, frame: FrameType | None) -> None:
        watch.stop = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if watch.stop:
        raise KeyboardInterrupt


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


def _check_same(begun: Recipe, recipe: Recipe) -> None:
    """A training goes on as it began; it may be made longer.

    Raises:
        ConfigError: If a setting differs.
    """
    one, other = as_plain(begun), as_plain(recipe)
    differ = [name for name in one if name != "steps" and one[name] != other[name]]
    if differ:
        raise ConfigError(
            f"the training to resume was begun with another {', '.join(differ)}: give the same "
            "recipe and settings"
        )


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

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self._file = run.out / LOG
        self._resume = run.resume
        self._tell = run.progress
        self._steps = recipe.steps
        self._passes = recipe.optimiser.passes
        self.stop = False
        """Whether to end, with a checkpoint, once the batch of rollouts is done with."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget what a resumed training makes again."""
        if not state.is_world_process_zero:
            return
        begun = state.global_step if self._resume else -1
        keep_lines(self._file, lambda row: row["step"] <= begun)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """One line."""
        if state.is_world_process_zero and logs:
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"step": state.global_step, **logs}) + "\n")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One update more, and the last one where Ctrl-C was pressed."""
        if self.stop and state.global_step % self._passes == 0:
            control.should_save = control.should_training_stop = True
        if self._tell is not None and state.is_world_process_zero:
            self._tell("updates", state.global_step, self._steps)
