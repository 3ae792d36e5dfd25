"""`train policy`, `check-tokens` and `eval policy`: fine-tuning from the command line.

Prints figures; what is trained is put together in `tuning_what`, and how is the value package's
part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.agent.attempts import Rate
from forethought.agent.errors import ConfigError, UnknownName
from forethought.cli.console import Screen, count, with_interval
from forethought.cli.tuning_what import What, setting_of

if TYPE_CHECKING:
    from forethought.valuefn.rl.engines import Engine

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
    ("decisions/p_s/first", "right, first try"),
    ("decisions/p_s/later", "right, later tries"),
    ("decisions/stop_right", "right ones kept"),
    ("decisions/retry_wrong", "wrong ones tried again"),
)
_RATES = {
    "sampling_first": "p_s, first try",
    "sampling_later": "p_s, later tries",
    "stop_right": "p_d|C, right ones kept",
    "retry_wrong": "p_d|W, wrong ones tried again",
    "improved": "wrong, tried again, then right",
    "harmed": "right, tried again, then wrong",
    "accuracy": "right in the end",
}
"""Fields of `DecisionRates`, and what they are called in a table."""


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
    engine: str
    engine_memory: float
    resume: bool


def train_policy(model: str, what: What, how: How, *, as_json: bool) -> None:
    """Fine-tune a model by a recipe, and say what became of it."""
    screen = Screen(as_json=as_json)
    setting = setting_of(what, what.recipe or "grpo")
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
            engine=_engine(how.engine),
            engine_memory=how.engine_memory,
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
    setting = setting_of(what, what.recipe or (str(own) if own.is_file() else "grpo"))
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
    rates = figures.decisions
    for name, words in _RATES.items() if rates is not None else ():
        rate: Rate = getattr(rates, name)
        if rate.value is not None and rate.low is not None and rate.high is not None:
            table.add_row(words, with_interval(rate.value, (rate.low, rate.high)))
    if rates is not None and rates.predicted is not None:
        table.add_row("right in the end, by the closed form", f"{rates.predicted:.3f}")
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
            "decisions": None if rates is None else asdict(rates),
        }
    )


def _engine(typed: str) -> "Engine":
    """An engine by name.

    Raises:
        UnknownName: If there is none.
    """
    from forethought.valuefn.rl.engines import ENGINES

    if typed not in ENGINES:
        raise UnknownName("engine", typed, ENGINES)
    return ENGINES[typed]


def _table(first: Mapping[str, Any], last: Mapping[str, Any]) -> Table:
    table = Table("per update", "first", "last")
    for name, words in _SHOWN:
        if name in first and name in last:
            table.add_row(words, f"{first[name]:.3f}", f"{last[name]:.3f}")
    return table
