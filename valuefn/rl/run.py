"""`Run`: how a training is run, and the recipe in TRL's words.

Nothing here changes what is learned, but for rounding. Trains nothing.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, MissingExtra, UnknownName, needs
from forethought.valuefn.rl.engines import ARGUMENTS, Engine
from forethought.valuefn.rl.folder import CHECKPOINTS
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.recipe import Loss, Recipe
from forethought.valuefn.rl.roller import Setting

with needs("fine-tuning", INSTALL):
    import peft
    from accelerate import PartialState
    from datasets import Dataset
    from transformers import integrations
    from trl import GRPOConfig

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
    engine: Engine = "transformers"
    """What draws the rollouts: transformers, or vLLM in the same processes."""
    engine_memory: float = 0.3
    """Share of a GPU's memory that vLLM takes, 0 to 1."""
    resume: bool = False
    progress: Progress | None = field(default=None, compare=False)


def check_reports(names: Sequence[str]) -> None:
    """See whether TRL can report where it is told to.

    Raises:
        MissingExtra: If what it reports to is not installed.
        UnknownName: If there is no such place.
    """
    places: Any = integrations
    there = places.get_available_reporting_integrations()
    for name in names:
        if name not in places.INTEGRATION_TO_CALLBACK:
            raise UnknownName("place to report to", name, places.INTEGRATION_TO_CALLBACK)
        if name not in there:
            raise MissingExtra(f"reporting to {name}", f"pip install {name}")


def trl_arguments(recipe: Recipe, run: Run) -> Any:
    """The recipe in TRL's words.

    Raises:
        ConfigError: If an update cannot be split over the processes there are.
    """
    part, parts = _split(recipe, run)
    optimiser, loss = recipe.optimiser, recipe.loss
    cpu = run.device == "cpu" or PartialState().device.type == "cpu"
    return GRPOConfig(
        output_dir=str(run.out / CHECKPOINTS),
        per_device_train_batch_size=part,
        gradient_accumulation_steps=parts,
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
        vllm_gpu_memory_utilization=run.engine_memory,
        **ARGUMENTS[run.engine],
    )


def _split(recipe: Recipe, run: Run) -> tuple[int, int]:
    """Rollouts in one forward pass of a process, and passes in an update.

    Raises:
        ConfigError: If they cannot be shared out evenly.
    """
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
    return part, share // part


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def _loss_type(loss: Loss) -> str:
    """TRL's name for how losses are averaged."""
    return {"sequence": "grpo", "constant": "dr_grpo", "token": "dapo"}[loss.reduce]


def lora_config(settings: Mapping[str, Any]) -> Any:
    """Settings of LoRA for PEFT.

    Raises:
        ConfigError: If there is no such setting.
    """
    try:
        return peft.LoraConfig(**{"task_type": "CAUSAL_LM", **settings})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"lora: {error}") from error


def task_order(setting: Setting, seed: int) -> Any:
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
