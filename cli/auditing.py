"""`audit`: whether a head uses what it is told.

Prints and keeps what is found; playing, training and judging are the value package's part.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from forethought.cli.choices import check_place, telling_where
from forethought.cli.console import Screen, with_interval
from forethought.cli.learning import load_traces
from forethought.cli.runs import table, write_json
from forethought.envs.registry import get_world
from forethought.envs.report import save

if TYPE_CHECKING:
    from forethought.valuefn.audit import Audit


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
