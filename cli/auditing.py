"""`audit` and `reproduce`: whether a head uses what it is told, and papers' tables drawn again.

Prints and keeps what is found; playing, training and judging are the value package's part.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.table import Table

from forethought.agent.errors import ConfigError, RunError
from forethought.cli.choices import check_place, telling_where
from forethought.cli.console import Screen, with_interval
from forethought.cli.curricula import demonstration_curricula
from forethought.cli.decide import decide
from forethought.cli.learning import load_traces
from forethought.cli.runs import check_run, table, write_json
from forethought.cli.scalars import three_scalars
from forethought.cli.tocorl import prefixes
from forethought.envs.registry import get_world
from forethought.envs.report import save
from forethought.envs.scores import ArmRow

if TYPE_CHECKING:
    from forethought.valuefn.audit import Audit
    from forethought.valuefn.reproduce.claims import Found
    from forethought.valuefn.reproduce.pnlc import Report


def audit(
    head: Path,
    env: str,
    *,
    traces: Sequence[str] | None,
    episodes: int,
    margin: float,
    seed: int,
    out: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Audit a head and say what it uses."""
    screen = Screen(as_json=as_json)
    world = get_world(env)
    check_place(out, resume=resume)
    from forethought.valuefn.audit import audit as run

    with telling_where(out), screen.progress() as tell:
        found = run(
            world,
            head,
            traces=load_traces(traces, screen) if traces else None,
            episodes=episodes,
            seed=seed,
            margin=margin,
            out=out,
            resume=resume,
            progress=tell,
        )
    screen.say(audit_table(found))
    for each in found.verdicts:
        screen.say(each.sentence)
    result = {"head": head, **asdict(found)}
    if out is not None:
        write_json(out / "audit.json", result)
        for path in (out / "audit.json", *save(found.bench, out)):
            screen.say(f"wrote {path}")
    screen.result(result)


def audit_table(found: "Audit") -> Table:
    """One line for each head and each wrong question."""
    title = (
        f"{found.env}: {found.episodes} test episodes each; AUC of: {found.goal}; "
        "lost: against the row named"
    )
    columns = ("", "what it is", "AUC [95 %]", "AUC lost", "reward", "reward lost", "against")
    rows = []
    for row in found.rows:
        auc = row.scores.auc
        rows.append(
            (
                row.name,
                row.what,
                with_interval(auc.value, (auc.low, auc.high)) if auc else "-",
                str(row.auc_lost or "-"),
                f"{row.reward:.3f}",
                str(row.reward_lost or "-"),
                row.against,
            )
        )
    floor = found.bench.arms["unguided"].mean
    rows.append(("unguided", "no head at all", "-", "-", f"{floor:.3f}", "-", ""))
    return table(title, columns, rows, left=2)


_TRAININGS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "decision-sampling": decide,
        "icrl": demonstration_curricula,
        "tocorl": prefixes,
    }
)
"""Reproductions that train small models of their own, many runs of them."""


def reproduce(
    name: str | None,
    *,
    model: str | None,
    quick: bool,
    episodes: int | None,
    seeds: int | None,
    seed: int,
    workers: int,
    out: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    """List what can be reproduced, or reproduce it."""
    screen = Screen(as_json=as_json)
    from forethought.valuefn.reproduce.catalogue import CATALOGUE, entry

    if name is None:
        for each in CATALOGUE.values():
            screen.say(f"{each.name}: {each.paper}\n  {each.shows}")
        screen.result({"reproductions": [asdict(each) for each in CATALOGUE.values()]})
        return
    entry(name)
    place = out or Path("runs") / f"reproduce-{name}-{seed}"
    if name != "pnlc" and (model is not None or episodes is not None):
        raise ConfigError(f"{name} plays no model and no arms; leave out --model and --episodes")
    if name in _TRAININGS:
        _TRAININGS[name](
            screen,
            quick=quick,
            seeds=seeds,
            seed=seed,
            workers=workers,
            out=place,
            resume=resume,
        )
        return
    if name == "decision-sampling-toy":
        three_scalars(screen, quick=quick, seeds=seeds, seed=seed, out=place, resume=resume)
        return
    _pnlc(
        screen,
        model=model,
        quick=quick,
        episodes=episodes,
        seeds=seeds,
        seed=seed,
        out=place,
        resume=resume,
    )


def _pnlc(
    screen: Screen,
    *,
    model: str | None,
    quick: bool,
    episodes: int | None,
    seeds: int | None,
    seed: int,
    out: Path,
    resume: bool,
) -> None:
    """The ablations of PNLC."""
    from forethought.agent.models.names import load_model
    from forethought.valuefn.pictures import write_whole
    from forethought.valuefn.reproduce.pnlc import FULL, QUICK, run
    from forethought.valuefn.reproduce.pnlc_paper import SOURCE
    from forethought.valuefn.reproduce.pnlc_picture import picture
    from forethought.valuefn.reproduce.proposer import NAME

    size = QUICK if quick else FULL
    if episodes is not None:
        size = replace(size, test=episodes, validation=max(episodes // 2, 2))
    if seeds is not None:
        size = replace(size, seeds=seeds)
    proposer = load_model(model or NAME)
    check_run(out, {"quick": quick, "seed": seed, "model": model}, resume=resume)
    began = time.perf_counter()
    try:
        with screen.progress() as tell:
            report = run(
                out, size=size, proposer=proposer, model_name=model or "", seed=seed, progress=tell
            )
    except RunError as error:
        raise RunError(f"{error}; what was done is in {out}, and --resume goes on") from error
    seconds = time.perf_counter() - began
    screen.say(arms_table(report))
    screen.say(claims_table(report.claims))
    screen.say(points_table(report))
    screen.say(SOURCE)
    write_json(out / "report.json", asdict(report) | {"seconds": seconds, "source": SOURCE})
    write_whole(out / "ablations.png", picture(report))
    for file in ("report.json", "ablations.png"):
        screen.say(f"wrote {out / file}")
    claims = report.claims
    screen.result(
        {
            "name": "pnlc",
            "paper": {each.claim.name: each.claim.paper for each in claims},
            "ours": {each.claim.name: each.ours for each in claims},
            "ci95": {each.claim.name: each.ci95 for each in claims},
            "holds": {each.claim.name: each.holds for each in claims},
            "seconds": seconds,
        }
    )


def arms_table(report: "Report") -> Table:
    """The main table: what each arm got on test episodes."""
    rows = [
        (name, _reward(row), f"{row.success:.0%}", f"{row.calls:.1f}")
        for name, row in report.table.items()
    ]
    title = f"test episodes, {report.size.seeds} seeds, {report.model or 'random proposer'}"
    return table(title, ("arm", "reward [95 %]", "success", "calls an episode"), rows)


def claims_table(claims: Sequence["Found"]) -> Table:
    """Each claim with the paper's differences, ours, and whether it holds here."""
    words = {True: "yes", False: "no", None: "cannot tell"}
    rows = []
    for each in claims:
        paper = each.claim.paper
        said = ", ".join(f"{task} {value:+g}" for task, value in paper.items()) if paper else "-"
        ours = "not played" if each.ours is None else with_interval(each.ours, each.ci95)
        by_seed = " ".join(f"{value:+.3f}" for value in each.by_seed)
        rows.append((each.claim.name, said, ours, by_seed, words[each.holds]))
    columns = ("claim", "paper", "here [95 %]", "by seed", "holds here")
    return table("the claims: first arm minus second, paired", columns, rows, left=2)


def points_table(report: "Report") -> Table:
    """The ablations on validation episodes."""
    rows = [
        (
            point.family,
            point.name,
            _reward(point.row),
            with_interval(point.minus.diff, point.minus.ci95) if point.minus else "-",
            "-" if point.auc is None else f"{point.auc:.3f}",
            "-" if point.log_loss is None else f"{point.log_loss:.3f}",
        )
        for point in report.points
    ]
    columns = ("ablation", "arm", "reward [95 %]", "minus [95 %]", "AUC", "log loss")
    title = "validation episodes; minus iql, or 2 + 2 goals and 2 rounds"
    return table(title, columns, rows, left=2)


def _reward(row: ArmRow) -> str:
    return with_interval(row.mean, row.ci95)
