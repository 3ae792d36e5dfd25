"""Fine-tuning: recipes as rows of data on one engine.

Names resolve on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.valuefn.rl.card import load_card
    from forethought.valuefn.rl.checks import check_tokens
    from forethought.valuefn.rl.credit import critic_values
    from forethought.valuefn.rl.episodes import (
        Demonstration,
        Question,
        ToolQuestion,
        WorldEpisode,
    )
    from forethought.valuefn.rl.measure import measure_policy
    from forethought.valuefn.rl.recipe import load_recipe
    from forethought.valuefn.rl.rewards import Task, chosen_rewards
    from forethought.valuefn.rl.roller import Setting
    from forethought.valuefn.rl.rollouts import generate
    from forethought.valuefn.rl.rows import RECIPES
    from forethought.valuefn.rl.run import Run
    from forethought.valuefn.rl.tuning import tune

_MODULES = {
    "Demonstration": "episodes",
    "Question": "episodes",
    "RECIPES": "rows",
    "Run": "run",
    "Setting": "roller",
    "Task": "rewards",
    "ToolQuestion": "episodes",
    "WorldEpisode": "episodes",
    "check_tokens": "checks",
    "chosen_rewards": "rewards",
    "critic_values": "credit",
    "generate": "rollouts",
    "load_card": "card",
    "load_recipe": "recipe",
    "measure_policy": "measure",
    "tune": "tuning",
}

__all__ = [
    "RECIPES",
    "Demonstration",
    "Question",
    "Run",
    "Setting",
    "Task",
    "ToolQuestion",
    "WorldEpisode",
    "check_tokens",
    "chosen_rewards",
    "critic_values",
    "generate",
    "load_card",
    "load_recipe",
    "measure_policy",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
