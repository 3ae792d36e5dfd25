"""An evaluation as one HTML page that needs nothing beside it. All text is escaped."""

import base64
import html
import os
from collections.abc import Sequence
from pathlib import Path

from forethought.valuefn.evaluate import Evaluation, share_name
from forethought.valuefn.folds import Beaten
from forethought.valuefn.pictures import Curve, picture, write_whole
from forethought.valuefn.resampling import Measured
from forethought.valuefn.scoring import Scores

_STYLE = """\
html { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 82rem; margin: 2rem auto;
  padding: 0 1rem }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right;
  font-variant-numeric: tabular-nums; white-space: pre; vertical-align: top }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem }
img { max-width: 100% }
div { overflow-x: auto }
small { color: #666 }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #dde1e6 }
  th, td { border-color: #353a42 }
  small { color: #9aa2ad }
}
"""
_COLUMNS = (
    *("AUC", "Brier", "log loss", "calibration error", "without noise"),
    *("coverage", "supported", "reached", "n"),
)


def page(
    evaluation: Evaluation,
    *,
    baselines: Sequence[Beaten] = (),
    curves: Sequence[Curve] = (),
    title: str = "Value head",
) -> str:
    """The page as text; arguments as in `pictures.picture`."""
    light, dark = (
        base64.b64encode(
            picture(evaluation, baselines=baselines, curves=curves, dark=dark)
        ).decode()
        for dark in (False, True)
    )
    tables = [
        _scores_table("By share of the episode seen", evaluation.by_share),
        _baseline_table(baselines),
        _scores_table("Decision by decision", evaluation.by_decision),
        _scores_table("All outcome sentences together", evaluation.pooled),
        _scores_table("By goal", evaluation.by_goal),
        _scores_table("By kind of goal", evaluation.by_kind),
        _scores_table("By opponent", evaluation.by_opponent),
        _table(
            "Ranking of episodes",
            ("share seen", "pairs ordered as their rewards"),
            [(share_name(rank.share), _show(rank.concordance)) for rank in evaluation.ranking],
        ),
        _thoughts_table(evaluation),
    ]
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{html.escape(title)}</h1>\n"
        f"<p>Main goal: <b>{html.escape(evaluation.goal)}</b> {evaluation.episodes:,} episodes in "
        f"{evaluation.groups:,} groups. Intervals are 95 %, by drawing groups again. "
        "Without noise: the calibration error less what right chances would show on so few groups. "
        "At a share it is known how long the episode was, which no agent knows when it decides: "
        "chances should be right decision by decision.</p>\n"
        f'<picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="data:image/png;base64,{dark}">'
        f'<img alt="reliability, discrimination, learning curve" '
        f'src="data:image/png;base64,{light}"></picture>\n'
        f"{''.join(tables)}</body></html>\n"
    )


def write_page(
    path: str | os.PathLike[str],
    evaluation: Evaluation,
    *,
    baselines: Sequence[Beaten] = (),
    curves: Sequence[Curve] = (),
    title: str = "Value head",
) -> Path:
    """Write the page; arguments as in `pictures.picture`.

    Raises:
        ConfigError: If the file cannot be written.
    """
    text = page(evaluation, baselines=baselines, curves=curves, title=title)
    return write_whole(Path(path), text.encode())


def _scores_table(caption: str, scores: Sequence[Scores]) -> str:
    rows = [
        (
            score.name or "(no name)",
            _show(score.auc),
            _show(score.brier),
            _show(score.log_loss),
            f"{score.calibration_error.value:.3f}" if score.calibration_error else "-",
            _show(score.miscalibration),
            f"{score.coverage:.2f}",
            f"{score.supported:.2f}",
            f"{score.reached:.2f}",
            f"{score.predictions:,}",
        )
        for score in scores
    ]
    return _table(caption, ("", *_COLUMNS), rows)


def _thoughts_table(evaluation: Evaluation) -> str:
    rows = [
        (
            share_name(each.share),
            str(each.pairs),
            f"{each.equal:.0%}",
            _show(each.ordered),
            _show(each.states_alone),
            _show(each.gain),
        )
        for each in evaluation.thoughts
    ]
    heads = ("share seen", "pairs", "same state", "ordered right", "by state alone", "gain")
    return _table("Ranking of thoughts from near states", heads, rows)


def _baseline_table(baselines: Sequence[Beaten]) -> str:
    rows = [
        (
            f"{beaten.baseline}, {beaten.share}",
            _show(beaten.scores.auc),
            _show(beaten.difference.auc),
            _show(beaten.difference.brier),
            _show(beaten.difference.log_loss),
        )
        for beaten in baselines
    ]
    heads = ("baseline", "its AUC", "head - it: AUC", "Brier", "log loss")
    return _table("Baselines", heads, rows)


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    return (
        f"<h2>{html.escape(caption)}</h2>\n<div><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _show(measured: Measured | None) -> str:
    if measured is None:
        return "-"
    return f"{measured.value:.3f}\n({measured.low:.3f} to {measured.high:.3f})"
