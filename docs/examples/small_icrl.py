"""A small ICRL run from start to end: a base, two trainings, a table and a curve.

    python small_icrl.py --out icrl

The base `lookup-names` is pre-trained (once, then it is in the cache) and trained by
`small_icrl.toml`: three demonstrations in the prompt, then none. The control is the same training
without any. Both are measured without demonstrations. In OUT lie both tuned models, `figures.json`
and `icrl.png`; `--resume` goes on after a stop.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from transformers import LlamaForCausalLM

from forethought.agent.errors import ConfigError, UserError
from forethought.valuefn.rl import RECIPES, Run, Setting, chosen_rewards, load_recipe, tune
from forethought.valuefn.rl.card import FILE as CARD
from forethought.valuefn.rl.folder import CHECKPOINTS, read_log
from forethought.valuefn.rl.recipe import Recipe, Stage
from forethought.valuefn.rl.toys.bases import Base, prepare
from forethought.valuefn.rl.toys.episodes import demonstrations_of, player, tasks_of
from forethought.valuefn.rl.toys.lookup import CALL, Lookup
from forethought.valuefn.rl.toys.measures import Measured, measure
from forethought.valuefn.rl.toys.pretraining import one_torch_thread
from forethought.valuefn.rl.toys.writing import Writer
from forethought.valuefn.rl.tuning import quiet

BASE = "lookup-names"
RECIPE = Path(__file__).with_name("small_icrl.toml")
PROBLEMS = 512
"""Training problems."""
COLOURS = {"3 -> 0": "#1f5fa8", "none": "#5a5a5a"}
ROWS = {
    "a call, none shown": "shown 0: p(a call)",
    "the right call, none shown": "shown 0: p(the right call)",
    "solved, none shown": "shown 0: solved",
    "solved, three shown": "shown 3: solved",
}


def recipes(updates: int | None) -> dict[str, Recipe]:
    """The curriculum, and as many updates without demonstrations."""
    recipe = load_recipe(str(RECIPE), RECIPES)
    if updates is not None:
        share = (recipe.stages[0].steps or 0) / recipe.steps
        first = replace(recipe.stages[0], steps=max(1, round(share * updates)))
        recipe = replace(recipe, steps=updates, stages=(first, *recipe.stages[1:]))
    return {"3 -> 0": recipe, "none": replace(recipe, stages=(Stage(),))}


def train(base: Base, recipe: Recipe, folder: Path, typed: argparse.Namespace) -> None:
    """Train one arm, or go on with it, or leave it as it is where it is whole."""
    if typed.resume and (folder / CARD).is_file():
        return
    toy = lookup(base)
    setting = Setting(
        recipe,
        tasks_of(toy.problems("train", PROBLEMS, typed.seed)),
        player(toy),
        chosen_rewards(recipe.rewards),
        demonstrations_of(toy, max(stage.demonstrations for stage in recipe.stages), typed.seed),
    )
    run = Run(
        folder,
        seed=typed.seed,
        save_every=typed.every,
        keep=recipe.steps,  # all of them: the curve is drawn from checkpoints
        device="cpu",
        resume=typed.resume and folder.exists(),
    )
    with one_torch_thread():
        tune(base.folder, setting, run)


def lookup(base: Base) -> Lookup:
    """The task of the base."""
    if not isinstance(base.toy, Lookup):
        raise ConfigError(f"{base.name} has no tool to call")
    return base.toy


def course(base: Base, folder: Path) -> list[dict[str, float]]:
    """Chances of a call and of the right one without demonstrations, exact, by update."""
    toy = lookup(base)
    asked = list({each.prompt: each for each in toy.problems("test", 400, seed=0)}.values())
    prompts = [each.prompt for each in asked]
    kept = sorted((folder / CHECKPOINTS).glob("checkpoint-*"), key=number_of)
    found = []
    for update, place in [(0, base.folder), *((number_of(each), each) for each in kept)]:
        writer = writer_of(base, place)
        found.append(
            {
                "update": update,
                "call": fmean(writer.chances(prompts, [CALL] * len(prompts))),
                "right": fmean(writer.chances(prompts, [toy.call(each) for each in asked])),
            }
        )
    return found


def writer_of(base: Base, folder: Path) -> Writer:
    """A tuned model, or a checkpoint of one, to be asked."""
    with quiet():
        model = LlamaForCausalLM.from_pretrained(folder, dtype="float32")
    return Writer(model, base.tokenizer)


def number_of(checkpoint: Path) -> int:
    """The update after which it was written."""
    return int(checkpoint.name.rpartition("-")[2])


def figures(base: Base, folder: Path, count: int) -> dict[str, Measured]:
    """What a model does on test problems, with and without demonstrations."""
    with one_torch_thread():
        found = measure(base.toy, writer_of(base, folder), count=count)
    return {each.name: each for each in found}


def told(measured: Measured) -> str:
    """A chance, or a share with its interval."""
    if measured.ci95 is None:
        return f"{measured.value:.2g}"
    return f"{measured.value:.2f} [{measured.ci95[0]:.2f}, {measured.ci95[1]:.2f}]"


def before_and_after(arms: Mapping[str, Mapping[str, Measured]]) -> Table:
    """One column for each model."""
    table = Table("", *arms)
    for words, name in ROWS.items():
        table.add_row(words, *(told(found[name]) for found in arms.values()))
    return table


def picture(
    courses: Mapping[str, Sequence[Mapping[str, float]]],
    logs: Mapping[str, Sequence[Mapping[str, Any]]],
    path: Path,
) -> None:
    """Draw chances and success over training; demonstrations are in the prompt where it is grey."""
    drawn = Figure(figsize=(12, 3.6), dpi=80, layout="constrained")
    FigureCanvasAgg(drawn)
    panels = drawn.subplots(1, 3)
    until = sum(row["demonstrations"] > 0 for row in logs["3 -> 0"])
    for arm, points in courses.items():
        updates = [point["update"] for point in points]
        for panel, name in zip(panels, ("call", "right"), strict=False):
            panel.plot(updates, [point[name] for point in points], color=COLOURS[arm], label=arm)
        success = [row["free/success"] for row in logs[arm]]
        panels[2].plot(range(1, len(success) + 1), success, color=COLOURS[arm], linewidth=1)
    panels[0].set(title="a call, none shown", yscale="log")
    panels[1].set(title="the right call, none shown", yscale="log")
    panels[2].set(title="solved while it trains, as prompted", ylim=(-0.02, 1.02))
    panels[0].legend(frameon=False)
    for panel in panels:
        panel.axvspan(0, until, color="#f1f1f1", zorder=0)
        panel.set(xlabel="update", xlim=(0, None))
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    drawn.savefig(path)


def arguments() -> argparse.ArgumentParser:
    """What can be typed."""
    parser = argparse.ArgumentParser(description="A small ICRL run with its control.")
    parser.add_argument("--out", type=Path, default=Path("icrl"), help="where all is kept")
    parser.add_argument("--seed", type=int, default=0, help="of problems, demonstrations and draws")
    parser.add_argument("--updates", type=int, help="of each training; the recipe's by default")
    parser.add_argument("--every", type=int, default=6, help="updates between two measurements")
    parser.add_argument("--count", type=int, default=200, help="test problems at the end")
    parser.add_argument("--resume", action="store_true", help="go on with what OUT holds")
    parser.add_argument("--base-steps", type=int, help="of pre-training; the base's by default")
    return parser


def run(typed: argparse.Namespace, screen: Console) -> None:
    """Make the base, train both arms, measure, draw."""
    for name in ("updates", "every", "count", "base_steps"):
        value = getattr(typed, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be 1 or more, not {value}")
    chosen = recipes(typed.updates)
    changes = {} if typed.base_steps is None else {"steps": typed.base_steps, "size": "0.02M"}
    print(f"base {BASE}: from the cache, or pre-trained now", file=sys.stderr)
    base = prepare(BASE, changes=changes)
    folders = {arm: typed.out / arm.replace(" -> ", "-to-") for arm in chosen}
    for arm, recipe in chosen.items():
        print(f"training, demonstrations {arm}: {recipe.steps} updates", file=sys.stderr)
        train(base, recipe, folders[arm], typed)
    arms = {"before": figures(base, base.folder, typed.count)}
    arms |= {f"after, {arm}": figures(base, folder, typed.count) for arm, folder in folders.items()}
    screen.print(before_and_after(arms))
    courses = {arm: course(base, folder) for arm, folder in folders.items()}
    picture(
        courses, {arm: read_log(folder) for arm, folder in folders.items()}, typed.out / "icrl.png"
    )
    plain = {name: {key: asdict(one) for key, one in each.items()} for name, each in arms.items()}
    text = json.dumps({"figures": plain, "courses": courses}, indent=2)
    (typed.out / "figures.json").write_text(text + "\n", encoding="utf-8")
    screen.print(f"wrote {typed.out / 'icrl.png'}, {typed.out / 'figures.json'} and both models")


def main(words: Sequence[str] | None = None) -> None:
    """Run what was typed."""
    parser = arguments()
    typed = parser.parse_args(words)
    try:
        run(typed, Console(width=None if Console().is_terminal else 130))
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
