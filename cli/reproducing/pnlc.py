"""`reproduce pnlc`: the ablations of planning with a critic, printed and kept."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rich.table import Table

from forethought.cli.console import with_interval
from forethought.cli.reproducing.order import WORDS, Order, Said, by_name, carry_out
from forethought.cli.runs import table
from forethought.envs.scores import ArmRow

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.claims import Found
    from forethought.valuefn.reproduce.pnlc import Report


def pnlc(order: Order) -> None:
    """Play, train, print, and keep `report.json` and `ablations.png`."""
    from forethought.agent.models.names import load_model
    from forethought.valuefn.reproduce.pnlc import FULL, QUICK, run
    from forethought.valuefn.reproduce.proposer import NAME

    size = order.size(QUICK, FULL)
    if order.episodes is not None:
        size = replace(size, test=order.episodes, validation=max(order.episodes // 2, 2))
    proposer = load_model(order.model or NAME)
    carry_out(
        order,
        lambda tell: run(
            order.out,
            size=size,
            proposer=proposer,
            model_name=order.model or "",
            seed=order.seed,
            progress=tell,
        ),
        _said,
        picture="ablations.png",
        more={"model": order.model},
    )


def _said(report: "Report") -> Said:
    from forethought.valuefn.reproduce.pnlc_paper import SOURCE
    from forethought.valuefn.reproduce.pnlc_picture import picture

    return Said(
        (arms_table(report), claims_table(report.claims), points_table(report), SOURCE),
        asdict(report) | {"source": SOURCE},
        picture(report),
        by_name(report.claims),
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
    rows = []
    for each in claims:
        paper = each.claim.paper
        said = ", ".join(f"{task} {value:+g}" for task, value in paper.items()) if paper else "-"
        ours = "not played" if each.ours is None else with_interval(each.ours, each.ci95)
        by_seed = " ".join(f"{value:+.3f}" for value in each.by_seed)
        rows.append((each.claim.name, said, ours, by_seed, WORDS[each.holds]))
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
