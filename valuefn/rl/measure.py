"""What a policy does by itself: free rollouts on tasks, prefixes left out, with intervals.

Says nothing of how it was trained. A group of rollouts of one task counts as one draw.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from forethought.agent.attempts import DecisionRates, attempt_rates
from forethought.agent.errors import ConfigError
from forethought.agent.models.weights import Settings, load, resolve
from forethought.envs.stats import Interval, mean_interval
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.roller import Roller, Setting
from forethought.valuefn.rl.tokens import Kind, Rollout


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """How a policy does on tasks."""

    tasks: int
    rollouts: int
    rewards: Mapping[str, Interval]
    """Mean of each reward part with its 95 % interval; whole tasks are drawn again."""
    tokens: float
    """Mean tokens drawn in a rollout."""
    decisions: DecisionRates | None = None
    """Sampling and deciding apart, with intervals; `None` where nothing is decided."""


def measure_policy(
    model: str | os.PathLike[str],
    setting: Setting,
    tasks: Sequence[Task],
    *,
    stage: int = -1,
    each: int = 1,
    seed: int = 0,
    device: str = "auto",
) -> tuple[PolicyFigures, list[Rollout]]:
    """Let a policy do tasks without a prefix.

    Args:
        model: A directory, a GGUF file or a hub id, as for `local:`.
        setting: Sampling, episodes, rewards and demonstrations; its own tasks are not used.
        tasks: What it is asked; best ones that it was not trained on.
        stage: Whose demonstrations it is shown; the last one's by default.
        each: Rollouts of each task.
        seed: Equal seeds give equal rollouts of an equal model.
        device: As for `local:`.

    Returns:
        The figures and the rollouts behind them.

    Raises:
        ConfigError: If there are fewer than two tasks, or a prompt does not fit.
    """
    if len(tasks) < 2 or each < 1:
        raise ConfigError(
            f"measuring takes 2 tasks or more and 1 rollout of each, not {len(tasks)} and {each}"
        )
    loaded = load(Settings(source=resolve(os.fspath(model)), device=device, dtype="float32"))
    roller = Roller(setting, loaded.tokenizer, seed)
    number = stage % len(setting.recipe.stages)
    rollouts = roller.free(loaded.model, tasks, number, each)
    figures = _figures(rollouts, len(tasks), seed)
    if setting.attempts is not None:
        known = {task.id: task for task in tasks}
        rounds = [setting.attempts(one, known[one.task]) for one in rollouts]
        turns = setting.recipe.sampling.turns
        figures = replace(figures, decisions=attempt_rates(rounds, turns))
    return figures, rollouts


def _figures(rollouts: Sequence[Rollout], tasks: int, seed: int) -> PolicyFigures:
    groups = [one.group for one in rollouts]
    rewards = {
        part: mean_interval([one.rewards[part] for one in rollouts], seed=seed, groups=groups)
        for part in rollouts[0].rewards
    }
    drawn = fmean(one.kinds.count(Kind.SAMPLED) for one in rollouts)
    return PolicyFigures(tasks, len(rollouts), rewards, drawn)
