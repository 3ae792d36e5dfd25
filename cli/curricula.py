"""`reproduce icrl`: curricula of demonstrations, trained, printed and kept."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from forethought.agent.errors import ConfigError
from forethought.cli.console import Screen, with_interval
from forethought.cli.runs import check_run, table, write_json

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.icrl import BaseRow, Report

NAME = "icrl"
_WORDS = {True: "yes", False: "no", None: "cannot tell"}


def demonstration_curricula(
    screen: Screen,
    *,
    quick: bool,
    seeds: int | None,
    seed: int,
    workers: int,
    out: Path,
    resume: bool,
) -> None:
    """Train, print, and keep `runs.jsonl`, `report.json` and `icrl.png`."""
    from forethought.valuefn.pictures import write_whole
    from forethought.valuefn.reproduce.icrl import SOURCE, plain, run
    from forethought.valuefn.reproduce.icrl_picture import picture
    from forethought.valuefn.reproduce.icrl_plan import ARMS, BASES, FULL, QUICK

    size = QUICK if quick else FULL
    if seeds is not None:
        if seeds < 2:
            raise ConfigError(f"{NAME} needs --seeds 2 or more for an interval, not {seeds}")
        size = replace(size, seeds=seeds)
    settings = {**asdict(size), "rates": dict(BASES), "arms": dict(ARMS)}
    del settings["seeds"]  # more of them may be asked for later
    kept = {"name": NAME, "quick": quick, "seed": seed, "settings": settings}
    check_run(out, kept, resume=resume)
    began = time.perf_counter()
    with screen.progress() as tell:
        report = run(out, size=size, seed=seed, workers=workers, progress=tell)
    seconds = time.perf_counter() - began
    for base in report.bases:
        screen.say(base_words(base))
    for each in (arms_table(report), claims_table(report)):
        screen.say(each)
    screen.say(SOURCE)
    worked = sum(record["seconds"] for record in report.runs.values())
    more = {"seconds": seconds, "worked": worked, "source": SOURCE}
    write_json(out / "report.json", plain(report) | more)
    write_whole(out / "icrl.png", picture(report))
    for file in ("runs.jsonl", "report.json", "icrl.png"):
        screen.say(f"wrote {out / file}")
    claims = report.claims
    screen.result(
        {
            "name": NAME,
            "paper": {each.claim.name: each.claim.paper for each in claims},
            "ours": {each.claim.name: each.ours for each in claims},
            "ci95": {each.claim.name: each.ci95 for each in claims},
            "holds": {each.claim.name: each.holds for each in claims},
            "seconds": seconds,
        }
    )


def base_words(base: "BaseRow") -> str:
    """What a base does before any training, and whether it copies as it must."""
    from forethought.valuefn.reproduce.icrl_plan import COPIES

    verdict = "enough" if base.copies else f"too seldom, {COPIES:g} is needed"
    return (
        f"{base.name}, base {base.seed}: the right call without demonstrations {base.right:.2g} "
        f"(a call {base.call:.2g}); a forced call's answer copied "
        f"{with_interval(base.copied, base.copied_ci95)}: {verdict}"
    )


def arms_table(report: "Report") -> Table:
    """What became of each arm on each kind of base."""
    size = report.size
    columns = (
        "base",
        "arm",
        "took off",
        "rate [95 %]",
        "a call, after stages",
        "end",
        "the right call, after stages",
        "end",
        "solved [95 %]",
        "from update",
    )
    rows = []
    for row in report.arms:
        rate, solved = row.took_off, row.solved
        rows.append(
            (
                row.base,
                row.arm,
                f"{rate.hits} of {rate.n}",
                with_interval(rate.value or 0.0, (rate.low or 0.0, rate.high or 1.0)),
                *(f"{each:.2g}" for each in (*row.call, *row.right)),
                with_interval(solved.value, (solved.low, solved.high)) if solved else "-",
                f"{row.first:.0f}" if row.first is not None else "-",
            )
        )
    title = (
        f"without demonstrations: {size.updates} updates of {size.prompts * size.group} rollouts, "
        f"curricula show demonstrations in the first {size.shown}"
    )
    return table(title, columns, rows, left=2)


def claims_table(report: "Report") -> Table:
    """Each claim with ours and whether it holds; chances as factors."""
    rows = []
    for each in report.claims:
        ours = "-"
        if each.ours is not None and each.ci95 is not None:
            ours = with_interval(each.ours, each.ci95)
            if "chance" in each.claim.name:
                low, high = each.ci95
                ours = f"x {10**each.ours:.3g} [{10**low:.3g}, {10**high:.3g}]"
        paper = ", ".join(f"{value:+.1f} ({of})" for of, value in (each.claim.paper or {}).items())
        rows.append((each.claim.name, paper or "-", ours, _WORDS[each.holds]))
    return table("claims", ("claim", "paper", "here [95 %]", "holds here"), rows)
