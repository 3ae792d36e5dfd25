"""Fine-tuning: recipes as rows of data on one engine.

Names resolve on first use.
"""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

if TYPE_CHECKING:
    from forethought.valuefn.rl.card import load_card
    from forethought.valuefn.rl.checks import check_tokens
    from forethought.valuefn.rl.credit import critic_values
    from forethought.valuefn.rl.episodes import (
        Demonstration,
        Question,
        ToolQuestion,
    )
    from forethought.valuefn.rl.measure import measure_policy
    from forethought.valuefn.rl.recipe import load_recipe
    from forethought.valuefn.rl.retries import RetryQuestion, attempts_of
    from forethought.valuefn.rl.rewards import Task, chosen_rewards
    from forethought.valuefn.rl.roller import Setting
    from forethought.valuefn.rl.rollouts import generate
    from forethought.valuefn.rl.rows import RECIPES
    from forethought.valuefn.rl.run import Run
    from forethought.valuefn.rl.tuning import tune
    from forethought.valuefn.rl.worlds import WorldEpisode, play_as_agent

__all__ = [
    "RECIPES",
    "Demonstration",
    "Question",
    "RetryQuestion",
    "Run",
    "Setting",
    "Task",
    "ToolQuestion",
    "WorldEpisode",
    "attempts_of",
    "check_tokens",
    "chosen_rewards",
    "critic_values",
    "generate",
    "load_card",
    "load_recipe",
    "measure_policy",
    "play_as_agent",
    "tune",
]


__getattr__, __dir__ = lazy(
    __name__,
    {
        "card": ("load_card",),
        "checks": ("check_tokens",),
        "credit": ("critic_values",),
        "episodes": ("Demonstration", "Question", "ToolQuestion"),
        "measure": ("measure_policy",),
        "recipe": ("load_recipe",),
        "retries": ("RetryQuestion", "attempts_of"),
        "rewards": ("Task", "chosen_rewards"),
        "roller": ("Setting",),
        "rollouts": ("generate",),
        "rows": ("RECIPES",),
        "run": ("Run",),
        "tuning": ("tune",),
        "worlds": ("WorldEpisode", "play_as_agent"),
    },
)
