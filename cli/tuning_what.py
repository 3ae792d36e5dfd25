"""What a policy is trained or measured on, from what was typed: recipe, tasks, tools, prefixes.

Reads files; trains and prints nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.prefixes import PrefixBank
from forethought.agent.protocols import Tool
from forethought.envs.registry import get_world
from forethought.tools import python, search

if TYPE_CHECKING:
    from forethought.valuefn.rl.episodes import Demonstration, Play
    from forethought.valuefn.rl.recipe import Recipe
    from forethought.valuefn.rl.rewards import Task
    from forethought.valuefn.rl.roller import Setting

_TOOLS = ("python", "search:DIR")
_FOUND = 3
"""Passages that a search shows, as in ICRL."""


@dataclass(frozen=True, slots=True)
class What:
    """What a policy is trained or measured on, as typed."""

    recipe: str | None
    """`None` for the recipe that the model was trained by."""
    changes: Sequence[str]
    tasks: Path | None
    env: str | None
    instances: int
    demonstrations: Path | None
    tools: Sequence[str]
    bare: bool
    toy: str | None = None
    split: str = "train"
    """Whose instances of a world, or problems of a toy: train or test."""
    agent: bool = False
    """Whether tasks are asked as an agent asks them."""
    prefixes: Sequence[str] = ()
    bank: str | None = None
    """A bank's file, and behind a colon the behaviour."""


def setting_of(what: What, recipe_name: str) -> "Setting":
    """All that a training is made of but the model.

    Args:
        what: What was typed.
        recipe_name: A row, or a file.

    Raises:
        UserError: If it does not go together, or a file is not what it should be.
    """
    from forethought.valuefn.rl import inputs
    from forethought.valuefn.rl.rewards import chosen_rewards
    from forethought.valuefn.rl.roller import Setting

    recipe = _recipe(what, recipe_name)
    if sum(each is not None for each in (what.tasks, what.env, what.toy)) != 1:
        raise ConfigError("name the tasks, one of: --tasks FILE, --env ENV, --toy BASE")
    if what.tasks is None and (what.tools or what.demonstrations or what.bare or what.agent):
        raise ConfigError("--tool, --demonstrations, --agent and --bare go with --tasks alone")
    if what.env is not None:
        world = get_world(what.env)
        tasks = inputs.world_tasks(world, what.instances, what.split)
        return Setting(recipe, tasks, inputs.play_world(world), chosen_rewards(recipe.rewards))
    if what.toy is not None:
        return _toy_setting(recipe, what.toy, what)
    tasks = inputs.read_tasks(what.tasks) if what.tasks is not None else {}
    shown = inputs.read_demonstrations(what.demonstrations) if what.demonstrations else ()
    play = inputs.play_questions(bare=what.bare)
    if recipe.decides:
        return _deciding(what, recipe, tasks, shown)
    if what.agent:
        play = _as_agent(what, recipe)
    elif what.tools:
        play = inputs.play_with_tools(_tools(what.tools), max(recipe.sampling.turns - 1, 1))
    return Setting(recipe, tasks, play, chosen_rewards(recipe.rewards), shown)


def _toy_setting(recipe: "Recipe", name: str, what: What) -> "Setting":
    """The task that a base of `train base` was made for, with demonstrations where it has any."""
    from forethought.valuefn.rl.rewards import chosen_rewards
    from forethought.valuefn.rl.roller import Setting
    from forethought.valuefn.rl.toys.bases import row_of
    from forethought.valuefn.rl.toys.episodes import demonstrations_of, player, tasks_of
    from forethought.valuefn.rl.toys.lookup import Lookup

    toy = row_of(name).toy
    most = max(stage.demonstrations for stage in recipe.stages)
    if most and not isinstance(toy, Lookup):
        raise ConfigError(f"{name} shows no demonstrations: use a recipe without stages")
    problems = toy.problems("test" if what.split == "test" else "train", what.instances, seed=0)
    shown = demonstrations_of(toy, most, seed=0) if isinstance(toy, Lookup) else ()
    return Setting(recipe, tasks_of(problems), player(toy), chosen_rewards(recipe.rewards), shown)


def _deciding(
    what: What,
    recipe: "Recipe",
    tasks: "Mapping[str, Task]",
    shown: "Sequence[Demonstration]",
) -> "Setting":
    """Questions with several tries each, and how their decisions are read.

    Raises:
        ConfigError: If that does not go with what else was typed.
    """
    from forethought.valuefn.rl.retries import attempts_of, play_retries
    from forethought.valuefn.rl.rewards import chosen_rewards
    from forethought.valuefn.rl.roller import Setting

    if what.tools or what.agent or what.bare:
        raise ConfigError(
            f"recipe {recipe.name!r} answers and decides in prompts of its own: leave out --tool, "
            "--agent and --bare, or add --set decides=false"
        )
    play, rewards = play_retries(recipe.sampling.turns), chosen_rewards(recipe.rewards)
    return Setting(recipe, tasks, play, rewards, shown, attempts_of)


def _as_agent(what: What, recipe: "Recipe") -> "Play":
    """Questions as an agent with these tools is asked them.

    Raises:
        ConfigError: If that does not go with what else was typed.
    """
    from forethought.valuefn.rl.worlds import play_as_agent

    if what.bare or what.demonstrations:
        raise ConfigError("--agent has prompts of its own: leave out --bare and --demonstrations")
    if set(recipe.rewards) - {"outcome"}:
        raise ConfigError(
            "--agent pays 'outcome', 1 for a right answer, and writes no tags for other parts: add "
            "--set 'rewards={outcome = 1.0}'"
        )
    return play_as_agent([_tool(name) for name in what.tools])


def _recipe(what: What, name: str) -> "Recipe":
    from forethought.valuefn.rl.recipe import check_recipe, load_recipe
    from forethought.valuefn.rl.rows import RECIPES

    recipe = load_recipe(name, RECIPES, what.changes)
    texts = (*recipe.prefixes.texts, *what.prefixes, *_of_bank(what.bank))
    prefixes = replace(recipe.prefixes, texts=tuple(dict.fromkeys(texts)))
    return check_recipe(replace(recipe, prefixes=prefixes))


def _of_bank(typed: str | None) -> Sequence[str]:
    """The prefixes of one behaviour in a bank.

    Raises:
        ConfigError: If the bank holds several and none is named.
        DataError: If there is no such bank.
        UnknownName: If there is no such behaviour in it.
    """
    if typed is None:
        return ()
    file, colon, name = typed.rpartition(":")
    if not colon or Path(typed).is_file():
        file, name = typed, ""
    bank = PrefixBank.load(file)
    if not name and len(bank) != 1:
        known = " or ".join(f"--prefixes {file}:{one}" for one in sorted(bank))
        raise ConfigError(f"{file} holds {len(bank)} behaviours; name one: {known or 'mine some'}")
    return tuple(one.text for one in bank[name or next(iter(bank))])


def _tools(names: Sequence[str]) -> dict[str, Any]:
    from forethought.valuefn.rl.episodes import text_tool

    return {tool.name: text_tool(tool) for tool in map(_tool, names)}


def _tool(typed: str) -> Tool:
    """`python`, or `search:DIR`, a folder of documents or an index of one."""
    name, _colon, place = typed.partition(":")
    if name == "search":
        if not place:
            raise ConfigError("--tool search needs what is searched: --tool search:DIR")
        return search(place, count=_FOUND)
    if typed != "python":
        raise UnknownName("tool", typed, _TOOLS)
    return python()
