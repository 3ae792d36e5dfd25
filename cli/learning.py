"""`reword`, `train value`, `eval value` and `improve`: heads from traces, and what they are worth.

Reads traces and prints figures; how a head is trained and judged is the value package's part.
"""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.rewording import reword, reworded
from forethought.agent.trace import FILE_NAME, read_traces, write_traces
from forethought.agent.types import Trace
from forethought.cli.choices import check_folder
from forethought.cli.console import Screen, count, with_interval
from forethought.cli.sharding import Fit, On, fit_of_shards
from forethought.cli.training import checkpoint_place, head_to_start_from, warn_of_data
from forethought.envs.people import PEOPLE
from forethought.envs.registry import folder_name, get_world
from forethought.valuefn.config import HeadConfig, changed, head_config
from forethought.valuefn.courses import course_of

if TYPE_CHECKING:
    from forethought.valuefn.head import Head
    from forethought.valuefn.improve import Improved


def load_traces(names: Sequence[str], screen: Screen) -> list[Trace]:
    """Traces of files, run folders and data sets; what was left out of them is a warning.

    Raises:
        DataError: If a file cannot be read, is no traces file, was damaged, or holds no episode.
    """
    found: list[Trace] = []
    for name in names:
        if name in PEOPLE:
            found += PEOPLE[name].traces()
            continue
        file = read_traces(name)
        if file.warning:
            screen.warn(file.warning)
        found += file.traces
    return found


def check_head_place(out: Path) -> None:
    """See that a head can be written, before it is trained.

    Raises:
        ConfigError: If the place cannot be written, or holds something that is not a head.
    """
    if out.is_file() or (
        out.is_dir() and any(out.iterdir()) and not (out / "config.json").is_file()
    ):
        raise ConfigError(f"{out} exists and is not a head; choose another --out")
    check_folder(out.parent)


def settings(
    row: str | HeadConfig,
    changes: Sequence[str],
    *,
    encoder: str | None = None,
    objective: str | None = None,
    seed: int,
) -> HeadConfig:
    """The settings of a head as typed, on top of a named row or of settings there are.

    Raises:
        UnknownName: If there is no such row.
        ConfigError: If a setting is unknown, out of range, or not written KEY=VALUE.
    """
    chosen: dict[str, object] = {"seed": seed}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set takes KEY=VALUE, as in --set members=3, not {change!r}")
        chosen[key.strip()] = _value(value)
        if key.strip() not in HeadConfig.model_fields:
            raise UnknownName("setting", key.strip(), HeadConfig.model_fields)
    given = {"encoder": encoder, "objective": objective}
    chosen |= {key: value for key, value in given.items() if value is not None}
    return head_config(row, **chosen) if isinstance(row, str) else changed(row, **chosen)


def _value(text: str) -> object:
    """A number, truth value or object as JSON writes them; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def reword_traces(
    names: Sequence[str],
    *,
    model: str,
    out: Path,
    count_each: int,
    thoughts: int,
    seed: int,
    as_json: bool,
) -> None:
    """Write the traces again, with outcomes and thoughts also in a model's own words."""
    screen = Screen(as_json=as_json)
    check_folder(out)
    if (out / FILE_NAME).exists():
        raise ConfigError(f"{out / FILE_NAME} exists; choose another --out")
    traces = load_traces(names, screen)
    from forethought.agent.models.names import load_model

    speaker = load_model(model)
    outcomes = [t.outcome for t in traces if t.outcome is not None]
    texts = [text for each in outcomes for text in (*each.reached, *each.missed)]
    spoken = Counter(step.decision.candidate.thought for t in traces for step in t.steps)
    texts += [text for text, _ in spoken.most_common(thoughts) if text]
    with screen.progress() as tell:
        wordings = asyncio.run(
            reword(
                speaker,
                texts,
                count=count_each,
                path=out / "wordings.json",
                progress=lambda done, total: tell("reword", done, total),
            )
        )
    write_traces(out / FILE_NAME, reworded(traces, wordings, seed=seed))
    kept = sum(map(len, wordings.values()))
    screen.say(f"{count(len(wordings), 'text')}, {count(kept, 'wording')} kept")
    screen.say(f"traces: {out / FILE_NAME}")
    screen.result(
        {
            "texts": len(wordings),
            "wordings": kept,
            "without": sorted(text for text, said in wordings.items() if not said),
            "traces": out / FILE_NAME,
        }
    )


def train_value(
    names: Sequence[str],
    *,
    out: Path,
    row: str | None,
    changes: Sequence[str],
    encoder: str | None,
    objective: str | None,
    seed: int,
    control: bool,
    start: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    compiled: bool = False,
    resume: bool = False,
    as_json: bool,
) -> None:
    """Train a head, and its control where asked for; a killed training can be resumed."""
    screen = Screen(as_json=as_json)
    before = None if start is None else head_to_start_from(start, row)
    base = row or "iql" if before is None else before.config
    config = settings(base, changes, encoder=encoder, objective=objective, seed=seed)
    check_head_place(out)
    checkpoint = checkpoint_place(out, resume=resume)
    on: On = {"device": device, "threads": threads, "compiled": compiled}
    sharded = fit_of_shards(names, start=before, on=on, screen=screen)
    fit = sharded or _fit_of_traces(load_traces(names, screen), before, on)
    began = time.perf_counter()
    with screen.progress() as tell:
        head = fit(config, checkpoint, lambda update, most, _: tell("train", update, most))
        folder = head.save_pretrained(out)
        permuted = None
        if control:
            permuted = fit(
                config.model_copy(update={"permute": True}),
                checkpoint / "permuted",
                lambda update, most, _: tell("train the control", update, most),
            ).save_pretrained(out / "permuted")
    shutil.rmtree(checkpoint, ignore_errors=True)
    seconds = time.perf_counter() - began
    warn_of_data(head.metrics, screen)
    held = head.metrics["held_out"]
    screen.say(held_out_table(head.metrics))
    screen.say(f"head: {folder}")
    if permuted:
        screen.say(f"control: {permuted}")
    screen.result(
        {
            "head": folder,
            "control": permuted,
            "config": config.model_dump(),
            "data": head.metrics["data"],
            "held_out": held,
            "start": head.metrics.get("start"),
            "seconds": seconds,
        }
    )


def _fit_of_traces(traces: Sequence[Trace], start: "Head | None", on: On) -> Fit:
    """Training on traces in memory; a control starts from nothing."""
    from forethought.valuefn.fit import fit_head

    return lambda config, checkpoint, progress: fit_head(
        traces,
        config,
        start=None if config.permute else start,
        checkpoint=checkpoint,
        progress=progress,
        **on,
    )


def held_out_table(metrics: Mapping[str, Any]) -> Table:
    """What held-out episodes showed when a head was trained."""
    data, held = metrics["data"], metrics["held_out"]
    title = f"{count(data['episodes'], 'episode')}, {held['episodes']} of them held out"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("on those held out")
    table.add_column("value", justify="right")
    names = {
        "auc": "ranking (AUC; 0.5 is chance)",
        "brier": "Brier score (0 is best)",
        "calibration_error": "calibration error",
        "interval_coverage": "coverage of 90 % intervals",
        "best_update": "updates until best",
    }
    for key, name in names.items():
        value = held[key]
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    return table


def improve(
    env: str,
    *,
    rounds: int,
    episodes: int,
    seed: int,
    out: Path | None,
    row: str | None,
    changes: Sequence[str],
    resume: bool,
    as_json: bool,
) -> None:
    """Play, train, play again."""
    screen = Screen(as_json=as_json)
    world = get_world(env)
    config = settings(row or course_of(world.id).row, changes, seed=seed)
    out = out or Path("runs") / f"improve-{folder_name(env)}-{seed}"
    _check_improve_place(out, resume=resume)
    from forethought.valuefn.improve import improve as run

    with screen.progress() as tell:
        improved = run(
            world,
            rounds=rounds,
            episodes=episodes,
            seed=seed,
            out=out,
            config=config,
            resume=resume,
            progress=tell,
        )
    screen.say(rounds_table(env, improved))
    screen.say(f"head: {improved.head}")
    screen.result(
        {
            "env": env,
            "seed": seed,
            "head": improved.head,
            "best": improved.best.number,
            "rounds": [
                {
                    "number": each.number,
                    "head": each.head,
                    "episodes": each.episodes,
                    "validation": each.validation,
                    "ci95": each.ci95,
                }
                for each in improved.rounds
            ],
        }
    )


def _check_improve_place(out: Path, *, resume: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"cannot write {out}: it is a file, not a folder")
    used = out.is_dir() and any(out.iterdir())
    if resume and not used:
        raise ConfigError(f"there is nothing to resume in {out}; leave out --resume")
    if used and not resume:
        raise ConfigError(f"{out} is not empty; add --resume to go on, or choose another --out")


def rounds_table(env: str, improved: "Improved") -> Table:
    """What each round's head did on validation episodes."""
    table = Table(title=Text(f"{env}: rank on validation episodes"), title_justify="left")
    for index, name in enumerate(("round", "trained on", "reward [95 %]", "")):
        table.add_column(name, justify="right" if index else "left")
    for each in improved.rounds:
        best = "kept" if each.number == improved.best.number else ""
        cells = (str(each.number), count(each.episodes, "episode"))
        table.add_row(*cells, with_interval(each.validation, each.ci95), best)
    return table
