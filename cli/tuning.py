"""`train policy` and `check-tokens`: fine-tuning from the command line.

Reads files and prints figures; how a policy is trained is the value package's part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.protocols import Tool
from forethought.cli.console import Screen, count, with_interval
from forethought.envs.registry import get_world
from forethought.tools import python, search

if TYPE_CHECKING:
    from forethought.valuefn.rl.recipe import Recipe
    from forethought.valuefn.rl.roller import Setting

_TOOLS = ("python", "search:DIR")
_FOUND = 3
"""Passages that a search shows, as in ICRL."""
_TELLING = 20
"""Updates from which on rewards that never differed are worth a word."""
_SHOWN = (
    ("reward", "reward"),
    ("free/reward", "reward, unprefixed"),
    ("free/success", "success, unprefixed"),
    ("prefixed/success", "success, prefixed"),
    ("frac_reward_zero_std", "groups all equal"),
    ("kl", "KL to the start"),
    ("entropy", "entropy"),
    ("completions/mean_length", "tokens that train, each"),
)


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
    prefixes: Sequence[str] = ()
    bank: Path | None = None


@dataclass(frozen=True, slots=True)
class How:
    """How it is run, as typed."""

    out: Path
    seed: int
    part: int
    save_every: int
    log_rollouts: int
    report_to: Sequence[str]
    lora: int | None
    device: str
    resume: bool


def train_policy(model: str, what: What, how: How, *, as_json: bool) -> None:
    """Fine-tune a model by a recipe, and say what became of it."""
    screen = Screen(as_json=as_json)
    setting = _setting(what, what.recipe or "grpo")
    from forethought.valuefn.rl.folder import read_log
    from forethought.valuefn.rl.run import Run
    from forethought.valuefn.rl.tuning import tune

    with screen.progress() as tell:
        run = Run(
            out=how.out,
            seed=how.seed,
            part=how.part,
            save_every=how.save_every,
            log_rollouts=how.log_rollouts,
            report_to=tuple(how.report_to),
            lora=None if how.lora is None else {"r": how.lora, "target_modules": "all-linear"},
            device=how.device,
            resume=how.resume,
            progress=tell,
        )
        tuned = tune(model, setting, run)
    rows = read_log(how.out)
    screen.say(f"{setting.recipe.name}: {count(tuned.updates, 'update')} of {model}")
    screen.say(_table(rows[0], rows[-1]))
    if len(rows) >= _TELLING and all(row.get("frac_reward_zero_std") == 1 for row in rows):
        screen.warn(
            "within every group all rewards were equal, so nothing was learned: see that the "
            "policy reaches some reward at all (forethought eval policy), and that tasks and "
            "rewards fit it"
        )
    screen.say(f"the tuned model: local:{how.out}; its tokens: forethought check-tokens {how.out}")
    screen.result(
        {
            "recipe": setting.recipe.name,
            "model": model,
            "out": how.out,
            "updates": tuned.updates,
            "stage": tuned.stage,
            "first": rows[0],
            "last": tuned.metrics,
        }
    )


def check_tokens(folder: Path, *, as_json: bool) -> None:
    """Verify the rollouts that a training wrote, and draw them as a page."""
    screen = Screen(as_json=as_json)
    from forethought.valuefn.rl.checks import check_tokens as check
    from forethought.valuefn.rl.folder import decoder, read_recipe
    from forethought.valuefn.rl.page import tokens_page
    from forethought.valuefn.rl.store import read_rollouts

    rows = read_rollouts(folder)
    recipe = read_recipe(folder)
    checked = check(
        [row.rollout for row in rows],
        [row.trains for row in rows],
        allowed=recipe.loss.trains,
    )
    page = folder / "tokens.html"
    page.write_text(tokens_page(rows, decoder(folder)), encoding="utf-8")
    screen.say(
        f"{count(checked.rollouts, 'rollout')} checked: tokens are those that were generated"
    )
    table = Table("tokens", "all", "carry loss")
    for kind, found in checked.tokens.items():
        table.add_row(kind, f"{found:,}", f"{checked.trained.get(kind, 0):,}")
    screen.say(table)
    screen.say(f"what trains, coloured: {page}")
    screen.result(
        {
            "rollouts": checked.rollouts,
            "tokens": checked.tokens,
            "trained": checked.trained,
            "page": page,
        }
    )


def eval_policy(
    model: str,
    what: What,
    *,
    each: int,
    stage: int | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Measure a policy by itself on tasks, prefixes left out."""
    screen = Screen(as_json=as_json)
    from forethought.valuefn.rl.folder import RECIPE
    from forethought.valuefn.rl.measure import measure_policy

    own = Path(model) / RECIPE
    setting = _setting(what, what.recipe or (str(own) if own.is_file() else "grpo"))
    stages = len(setting.recipe.stages)
    if stage is not None and stage >= stages:
        raise ConfigError(f"--stage {stage}: the recipe has stages 0 to {stages - 1}")
    figures, _ = measure_policy(
        model,
        setting,
        list(setting.tasks.values()),
        stage=-1 if stage is None else stage,
        each=each,
        seed=seed,
        device=device,
    )
    screen.say(f"{model}: {count(figures.rollouts, 'rollout')} of {count(figures.tasks, 'task')}")
    table = Table("reward", "mean [95 %]")
    for name, found in figures.rewards.items():
        table.add_row(name, with_interval(found.value, (found.low, found.high)))
    screen.say(table)
    screen.result(
        {
            "model": model,
            "tasks": figures.tasks,
            "rollouts": figures.rollouts,
            "tokens": figures.tokens,
            "rewards": {
                name: {"mean": found.value, "ci95": [found.low, found.high]}
                for name, found in figures.rewards.items()
            },
        }
    )


def _setting(what: What, recipe_name: str) -> "Setting":
    from forethought.valuefn.rl import inputs
    from forethought.valuefn.rl.rewards import chosen_rewards
    from forethought.valuefn.rl.roller import Setting

    recipe = _recipe(what, recipe_name)
    if sum(each is not None for each in (what.tasks, what.env, what.toy)) != 1:
        raise ConfigError("name the tasks, one of: --tasks FILE, --env ENV, --toy BASE")
    if what.tasks is None and (what.tools or what.demonstrations or what.bare):
        raise ConfigError("--tool, --demonstrations and --bare go with --tasks alone")
    if what.env is not None:
        world = get_world(what.env)
        tasks = inputs.world_tasks(world, what.instances, what.split)
        return Setting(recipe, tasks, inputs.play_world(world), chosen_rewards(recipe.rewards))
    if what.toy is not None:
        return _toy_setting(recipe, what.toy, what)
    tasks = inputs.read_tasks(what.tasks) if what.tasks is not None else {}
    shown = inputs.read_demonstrations(what.demonstrations) if what.demonstrations else ()
    play = inputs.play_questions(bare=what.bare)
    if what.tools:
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


def _recipe(what: What, name: str) -> "Recipe":
    from forethought.agent.prefixes import PrefixBank
    from forethought.valuefn.rl.recipe import check_recipe, load_recipe
    from forethought.valuefn.rl.rows import RECIPES

    recipe = load_recipe(name, RECIPES, what.changes)
    texts = tuple(what.prefixes)
    if what.bank is not None:
        texts += PrefixBank.load(what.bank).prefixes()
    if not texts:
        return recipe
    return check_recipe(replace(recipe, prefixes=replace(recipe.prefixes, texts=texts)))


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


def _table(first: Mapping[str, Any], last: Mapping[str, Any]) -> Table:
    table = Table("per update", "first", "last")
    for name, words in _SHOWN:
        if name in first and name in last:
            table.add_row(words, f"{first[name]:.3f}", f"{last[name]:.3f}")
    return table
