"""Figures of the studies that fine-tune a real model: means, paired differences, one table.

Runs a study to its end, or as far as it comes, and tells what is there.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from gpu_options import machine, options_of, tell
from gpu_runs import Kept, Study, opening

from forethought.agent.errors import ForethoughtError
from forethought.envs.stats import Interval, mean_interval, paired_difference, wilson
from forethought.valuefn.rl.rewards import Task

Figure = Callable[[Kept], float]
OPENING: Mapping[str, Figure] = {"log p(opening)": lambda row: row.opening}


def means(rows: Sequence[Kept], figures: Mapping[str, Figure], seed: int) -> dict[str, Interval]:
    """The mean of every figure with its 95 % interval over questions; Wilson's for shares."""
    return {name: _mean(list(map(of, rows)), seed) for name, of in figures.items()}


def _mean(values: Sequence[float], seed: int) -> Interval:
    if set(values) <= {0.0, 1.0}:  # no hit in few questions is no proof that there is none
        return wilson(round(sum(values)), len(values))
    return mean_interval(values, seed=seed)


def gaps(
    one: Sequence[Kept], other: Sequence[Kept], figures: Mapping[str, Figure], seed: int
) -> dict[str, Interval]:
    """`one` less `other`, question by question, with 95 % intervals."""
    return {
        name: paired_difference(list(map(of, one)), list(map(of, other)), seed=seed)
        for name, of in figures.items()
    }


@dataclass(frozen=True, slots=True)
class Side:
    """What was measured of a policy without a prefix."""

    said: list[Kept]
    opened: list[Kept]
    """How likely it begins with a prefix, for the same questions."""

    def means(self, figures: Mapping[str, Figure], seed: int) -> dict[str, Interval]:
        """Figures of the replies, and the log-probability of the prefix, nats."""
        return means(self.said, figures, seed) | means(self.opened, OPENING, seed)

    def less(self, other: "Side", figures: Mapping[str, Figure], seed: int) -> dict[str, Interval]:
        """The same, less another policy's."""
        said = gaps(self.said, other.said, figures, seed)
        return said | gaps(self.opened, other.opened, OPENING, seed)


def side(study: Study, policy: str, tasks: Sequence[Task]) -> Side | None:
    """What is known of a policy; `None` where something is missing."""
    said, opened = study.known(policy, tasks), study.known(opening(policy), tasks)
    return Side(said, opened) if said and opened else None


Section = tuple[str, str, Mapping[str, Interval]]
"""A domain, what was measured in it, and its figures."""


def table(title: str, sections: Sequence[Section]) -> str:
    """Figures as aligned text, one line for each section."""
    names = list(sections[0][2]) if sections else []
    lines = [["domain", "", "n", *names]]
    for domain, what, figures in sections:
        n = str(next(iter(figures.values())).n)
        lines.append([domain, what, n, *(_cell(figures[name]) for name in names)])
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    rows = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join([title, *rows, *(() if sections else ("nothing measured yet",))]) + "\n"


def _cell(one: Interval) -> str:
    digits = 0 if abs(one.value) >= 100 else 1 if abs(one.value) >= 10 else 3
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def run_study(
    given: argparse.Namespace,
    work: Callable[[Study], None],
    report: Callable[[Study], tuple[str, Sequence[Section]]],
) -> None:
    """Do what is missing of a study, then say what is there; Ctrl-C leaves a study that goes on.

    Args:
        given: Options of `parser`.
        work: Does it.
        report: Title and sections of the table, of the replies that are there.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell ignores it
    stopped = False
    try:
        options = options_of(given)
        if options.device == "cpu":
            torch.set_num_threads(1)
        study = Study(options)
        try:
            work(study)
        except KeyboardInterrupt:
            stopped = True
        title, sections = report(study)
    except ForethoughtError as error:
        tell(f"error: {error}")
        sys.exit(2)
    found: dict[str, Any] = {
        "options": {**asdict(options), "out": str(options.out)},
        "finished": not stopped,
        "rows": [
            {"domain": domain, "what": what, **{name: asdict(one) for name, one in figures.items()}}
            for domain, what, figures in sections
        ],
    }
    (options.out / "results.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if stopped:
        tell("stopped; the same command goes on from here")
    where = f"{Path(options.model).name} on {machine(options.device)}"
    sys.stdout.write(table(f"{title}; {where}", sections))
    sys.exit(130 if stopped else 0)
