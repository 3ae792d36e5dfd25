"""The tables and the picture of `tests/benchmarks/prefix_behaviour.py`. Generates nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from prefix_rank import Chosen, Table, best_by_domain
from prefix_study import BEHAVIOURS, DOMAINS, NO_PREFIX, Graded

from forethought.envs.stats import Interval, mean_interval, paired_difference, wilson

MODES = (NO_PREFIX, *BEHAVIOURS)
Row = dict[str, Any]
Figure = Callable[[Graded], float]
FIGURES: Mapping[str, Figure] = {
    "right": lambda g: float(g.right),
    "tokens": lambda g: float(g.tokens),
    "utility": lambda g: g.utility,
}


def shown(interval: Interval, digits: int = 2) -> str:
    """A figure with its interval."""
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def _numbers(interval: Interval) -> Row:
    return {"value": interval.value, "ci95": [interval.low, interval.high], "n": interval.n}


def _share(flags: Sequence[bool]) -> Row:
    return _numbers(wilson(sum(flags), len(flags)))


def switch_rows(table: Table) -> list[Row]:
    """Behaviour, accuracy and tokens by domain and mode, and the gaps to no prefix."""
    rows = []
    for domain in DOMAINS:
        asked = [row for row in table.values() if row[NO_PREFIX].question.domain == domain]
        for mode in MODES:
            said = [row[mode] for row in asked]
            found: Row = {"domain": domain, "mode": mode, "n": len(said)}
            for name in BEHAVIOURS:
                found[name] = _share([each.shown == name for each in said])
            found["right"] = _share([each.right for each in said])
            found["tokens"] = _numbers(mean_interval([e.tokens for e in said], seed=0))
            found["cut"] = sum(each.cut for each in said)
            if mode != NO_PREFIX:
                plain = [row[NO_PREFIX] for row in asked]
                found["against none"] = {
                    f"{mode} behaviour": _gap(said, plain, _shows(mode)),
                    **{name: _gap(said, plain, figure) for name, figure in FIGURES.items()},
                }
            rows.append(found)
    return rows


def _shows(mode: str) -> Figure:
    return lambda graded: float(graded.shown == mode)


def _gap(one: Sequence[Graded], other: Sequence[Graded], figure: Figure) -> Row:
    return _numbers(paired_difference([figure(g) for g in one], [figure(g) for g in other], seed=0))


Policies = Mapping[str, Sequence[Mapping[str, Graded]]]
"""By name: for each seed of the policy what it got for each question."""


def policies(
    table: Table,
    heads: Mapping[str, Sequence[Mapping[str, Chosen]]],
    trained: Table,
    prefixes: Mapping[str, str],
) -> dict[str, list[dict[str, Graded]]]:
    """What every way of choosing got: heads, fixed prefixes, the rule by domain, and hindsight.

    Args:
        table: Replies to the held-out questions.
        heads: Choices by critic, one mapping for each seed.
        trained: Replies to the training questions, which the rule by domain is read from.
        prefixes: Prefix by mode, among which is chosen.
    """
    rule = best_by_domain(trained, prefixes)
    found = {
        name: [{key: pick.result for key, pick in picks.items()} for picks in runs]
        for name, runs in heads.items()
    }
    for mode in MODES:
        found[mode] = [{key: row[mode] for key, row in table.items()}]
    found["rule by domain"] = [
        {key: row[rule[row[NO_PREFIX].question.domain]] for key, row in table.items()}
    ]
    found["hindsight"] = [
        {
            key: max((row[m] for m in prefixes), key=lambda g: g.utility)
            for key, row in table.items()
        }
    ]
    return found


def rank_rows(got: Policies, domain: str = "") -> list[Row]:
    """Accuracy, tokens and utility of each policy, and how far `rank` is above it."""
    rows = []
    for name, runs in got.items():
        row: Row = {"policy": name, "domain": domain or "both"}
        for figure in FIGURES:
            row[figure] = _numbers(mean_interval(_means(runs, figure, domain), seed=0))
        if name != "rank":
            row["rank above"] = {
                figure: _numbers(
                    paired_difference(
                        _means(got["rank"], figure, domain), _means(runs, figure, domain), seed=0
                    )
                )
                for figure in FIGURES
            }
        rows.append(row)
    return rows


def _means(runs: Sequence[Mapping[str, Graded]], figure: str, domain: str) -> list[float]:
    """The figure for each question, averaged over seeds."""
    keys = [key for key, graded in runs[0].items() if domain in ("", graded.question.domain)]
    values = [[FIGURES[figure](run[key]) for key in keys] for run in runs]
    return [float(mean) for mean in np.mean(values, axis=0)]


def _cell(found: Row, digits: int = 2, sign: bool = False) -> str:
    low, high = found["ci95"]
    form = f"{'+' if sign else ''}.{digits}f"
    return f"{found['value']:{form}} ({low:{form}} to {high:{form}})"


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def switch_page(rows: Sequence[Row]) -> str:
    """The stage `switch` as two tables: what is shown, and what it costs."""
    modes = markdown(
        ("domain", "prefix", "n", "direct", "steps", "right", "tokens", "cut off"),
        (
            (
                row["domain"],
                row["mode"],
                str(row["n"]),
                _cell(row["direct"]),
                _cell(row["steps"]),
                _cell(row["right"]),
                _cell(row["tokens"], 0),
                str(row["cut"]),
            )
            for row in rows
        ),
    )
    gaps = markdown(
        ("domain", "prefix - none", "wanted behaviour", "right", "tokens", "utility"),
        (
            (
                row["domain"],
                row["mode"],
                _cell(row["against none"][f"{row['mode']} behaviour"], sign=True),
                _cell(row["against none"]["right"], sign=True),
                _cell(row["against none"]["tokens"], 0, sign=True),
                _cell(row["against none"]["utility"], 3, sign=True),
            )
            for row in rows
            if "against none" in row
        ),
    )
    return f"{modes}\n{gaps}"


def rank_page(rows: Sequence[Row]) -> str:
    """The stage `rank` as a table."""
    return markdown(
        ("domain", "policy", "right", "tokens", "utility", "rank - policy, utility"),
        (
            (
                row["domain"],
                row["policy"],
                _cell(row["right"]),
                _cell(row["tokens"], 0),
                _cell(row["utility"], 3),
                _cell(row["rank above"]["utility"], 3, sign=True) if "rank above" in row else "",
            )
            for row in rows
        ),
    )


def draw(rows: Sequence[Row], file: Path) -> None:
    """Accuracy and tokens by mode and domain."""
    matplotlib.use("Agg")
    from matplotlib import pyplot  # after the choice of a back end that needs no screen

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    panels = (("direct", "answers directly"), ("right", "right"), ("tokens", "tokens"))
    for axis, (name, title) in zip(axes, panels, strict=True):
        for shift, domain in zip((-0.18, 0.18), DOMAINS, strict=True):
            found = [
                row
                for mode in MODES
                for row in rows
                if (row["domain"], row["mode"]) == (domain, mode)
            ]
            values = [row[name]["value"] for row in found]
            reach = np.abs(np.array([row[name]["ci95"] for row in found]).T - np.array(values))
            places = np.arange(len(MODES)) + shift
            axis.bar(places, values, 0.34, yerr=reach, capsize=3, label=domain)
        axis.set_xticks(range(len(MODES)), MODES)
        axis.set_title(title)
    axes[0].legend(title="questions")
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
