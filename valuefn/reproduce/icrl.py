"""Does a curriculum of demonstrations give a tool habit to a policy that lacks it without them?

Four arms on two kinds of base, `icrl_plan`; one line of `runs.jsonl` for each run that ended.

Departures from the paper (arXiv 2603.08068): models of 0.1 million parameters from scratch, a
table behind a tool in place of a search engine, success as the only reward, no KL penalty and no
warm-up, one training through all stages. The schedules are fixed numbers of updates.

Intervals are over runs, each with demonstrations, problems and draws of its own; two bases of each
kind take turns, so that they hold the way of pre-training fixed, not the base.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forethought.agent.attempts import Rate
from forethought.envs.stats import Interval, mean_interval, paired_difference
from forethought.valuefn.reproduce.claims import Claim, Found, holds
from forethought.valuefn.reproduce.fleet import Progress, run_all
from forethought.valuefn.reproduce.icrl_plan import (
    ARMS,
    BASES,
    COPIES,
    CURRICULA,
    TAKEN_OFF,
    Size,
    jobs_of,
)
from forethought.valuefn.reproduce.icrl_train import lookup_of, train
from forethought.valuefn.rl.toys.bases import Base, prepare
from forethought.valuefn.rl.toys.measures import Measured, measure
from forethought.valuefn.rl.toys.writing import Writer

PAPER = {"7B, average": 49.12 - 17.76}
"""Exact match in percent: 3 -> 2 -> 0 less 3 -> 2 -> 1 -> 0, its ablation."""
SOURCE = (
    "paper: 3 -> 2 -> 0 ends at 49.12 % exact match (7B), 3 -> 2 -> 1 -> 0 at 17.76 %, as a "
    "summary of it tells; it has neither seeds nor an arm without demonstrations"
)
FACTOR = math.log10(2)
"""A change of a chance that is worth having: by a factor of 2, as a logarithm to base 10."""
FEWEST = 6
"""Pairs of runs below which a claim gets no verdict. The bootstrap's interval ends within the
differences seen, all of which lie on one side of the truth once in `2 ** (pairs - 1)`; and two
runs against two can seem to differ by Newcombe's interval, where an exact test would not say so."""
SHARE = 0.1
"""A difference of take-off rates worth having."""


@dataclass(frozen=True, slots=True)
class BaseRow:
    """One base, before any training."""

    name: str
    seed: int
    call: float
    """Exact chance of a call without demonstrations, mean over test problems."""
    right: float
    """Likewise of the right call."""
    solved: float
    """Share of test problems, without demonstrations."""
    taught: float
    """Likewise with three."""
    copied: float
    """Share of answers copied when the right call is forced; the smaller of those with three
    demonstrations and with none."""
    copied_ci95: tuple[float, float]
    copies: bool
    """Whether it copies as often as it must."""


@dataclass(frozen=True, slots=True)
class ArmRow:
    """The runs of one arm on one kind of base."""

    base: str
    arm: str
    runs: int
    took_off: Rate
    call: tuple[float, float]
    """Chance of a call without demonstrations after the first stages and at the end: geometric
    means over runs."""
    right: tuple[float, float]
    """Likewise of the right call."""
    solved: Interval | None
    """At the end without demonstrations, over runs; `None` for fewer than two."""
    first: float | None
    """Median update, of the runs that took off, from which on the chance was above the line."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the runs showed."""

    size: Size
    seed: int
    bases: tuple[BaseRow, ...]
    arms: tuple[ArmRow, ...]
    claims: tuple[Found, ...]
    runs: tuple[Mapping[str, Any], ...]
    """The records."""


def run(
    out: Path,
    *,
    size: Size,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Make the bases, train, compare.

    Args:
        out: Folder of the run; the records in it are kept.
        size: How much is done.
        seed: The first seed; the others follow it.
        workers: Processes.
        progress: Told how far it is.

    Raises:
        ConfigError: If something cannot work.
        RunError: If a run failed.
    """
    rows: list[BaseRow] = []
    folders: dict[tuple[str, int], Path] = {}
    for name in BASES:
        for number in range(min(size.pretrained, size.seeds)):
            base = _base(name, number, size, progress)
            folders[name, number] = base.folder
            toy, writer = lookup_of(base), Writer(base.model, base.tokenizer)
            rows.append(_base_row(name, number, measure(toy, writer, count=4 * size.tests)))
    work = {
        job.key: (train, (job, folders[job.base, job.seed % size.pretrained], size))
        for job in jobs_of(size, seed)
    }
    records = run_all(out, work, workers=workers, progress=progress)
    return report_of(records, rows, size, seed)


def _base(name: str, seed: int, size: Size, progress: Progress | None) -> Base:
    count = 4 * size.tests
    return prepare(name, seed=seed, changes=size.base_changes, count=count, progress=progress)


def report_of(
    records: Sequence[Mapping[str, Any]], bases: Sequence[BaseRow], size: Size, seed: int
) -> Report:
    """Put records together; those of runs that have not ended may lack.

    Args:
        records: Of runs.
        bases: As they were before.
        size: How much was to be done.
        seed: The first seed.
    """
    by_arm: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {
        (base, arm): {} for base in BASES for arm in ARMS
    }
    for each in records:
        by_arm[each["base"], each["arm"]][each["seed"]] = each
    arms = [
        _arm_row(base, arm, list(found.values()), size, seed)
        for (base, arm), found in by_arm.items()
        if found
    ]
    claims = [found for base in BASES for found in _claims(base, by_arm, size, seed)]
    return Report(size, seed, tuple(bases), tuple(arms), tuple(claims), tuple(records))


def rates_differ(one: Rate, other: Rate) -> tuple[float, float]:
    """The 95 % interval of a difference of shares, by Newcombe's way from Wilson's intervals."""
    a, b = _ends(one), _ends(other)
    gap = a[0] - b[0]
    low = gap - math.hypot(a[0] - a[1], b[2] - b[0])
    return low, gap + math.hypot(a[2] - a[0], b[0] - b[1])


def _ends(rate: Rate) -> tuple[float, float, float]:
    return rate.value or 0.0, rate.low or 0.0, 1.0 if rate.high is None else rate.high


def _base_row(name: str, seed: int, found: Sequence[Measured]) -> BaseRow:
    told = {each.name: each for each in found}
    copied = min(
        (each for each in found if "copied" in each.name), key=lambda each: each.value or 0.0
    )
    value = copied.value or 0.0
    figures = ("shown 0: p(a call)", "shown 0: p(the right call)", "shown 0: solved")
    call, right, solved = (told[each].value or 0.0 for each in figures)
    taught = told["shown 3: solved"].value or 0.0
    ends = copied.ci95 or (0.0, 1.0)
    return BaseRow(name, seed, call, right, solved, taught, value, ends, value >= COPIES)


def _arm_row(
    base: str, arm: str, runs: Sequence[Mapping[str, Any]], size: Size, seed: int
) -> ArmRow:
    late = [_at(each, size.shown) for each in runs]
    last = [each["points"][-1] for each in runs]
    solved = [each["solved"] / each["played"] for each in last]
    firsts = sorted(each for each in map(_first, runs) if each is not None)
    return ArmRow(
        base,
        arm,
        len(runs),
        Rate.of(each["right"] >= TAKEN_OFF for each in last),
        (_middle(late, "call"), _middle(last, "call")),
        (_middle(late, "right"), _middle(last, "right")),
        mean_interval(solved, seed=seed) if len(runs) > 1 else None,
        float(firsts[(len(firsts) - 1) // 2]) if firsts else None,
    )


def _at(run: Mapping[str, Any], update: int) -> Mapping[str, float]:
    """What was measured at an update, or last before it."""
    found: Mapping[str, float] = [p for p in run["points"] if p["update"] <= update][-1]
    return found


def _first(run: Mapping[str, Any]) -> int | None:
    """The first update measured from which on the chance was above the line to the end."""
    found = None
    for point in reversed(run["points"]):
        if point["right"] < TAKEN_OFF:
            break
        found = int(point["update"])
    return found


def _middle(points: Sequence[Mapping[str, float]], name: str) -> float:
    return math.exp(sum(math.log(max(each[name], 1e-30)) for each in points) / len(points))


def _claims(
    base: str,
    by_arm: Mapping[tuple[str, str], Mapping[int, Mapping[str, Any]]],
    size: Size,
    seed: int,
) -> list[Found]:
    told = []
    for arm in CURRICULA:
        claim = Claim(f"{base}: chance of the right call after stages, {arm}", arm, "none", None)
        told.append(_chances(claim, by_arm[base, arm], by_arm[base, "none"], size, seed))
    pairs = [(arm, "none") for arm in CURRICULA]
    pairs += [("3 -> 2 -> 0", "3 -> 0"), ("3 -> 2 -> 0", "3 -> 2 -> 1 -> 0")]
    for better, worse in pairs:
        paper = PAPER if worse == "3 -> 2 -> 1 -> 0" else None
        claim = Claim(f"{base}: take-off, {better} over {worse}", better, worse, paper)
        told.append(_rates(claim, by_arm[base, better], by_arm[base, worse]))
    return told


def _chances(
    claim: Claim,
    better: Mapping[int, Mapping[str, Any]],
    worse: Mapping[int, Mapping[str, Any]],
    size: Size,
    seed: int,
) -> Found:
    """Difference of the logarithms of the chances once no demonstration is shown any more."""
    both = sorted(set(better) & set(worse))
    if len(both) < 2:
        return Found(claim, None, None, (), None)
    logs = [
        [math.log10(max(_at(side[each], size.shown)["right"], 1e-30)) for each in both]
        for side in (better, worse)
    ]
    gap = paired_difference(*logs, seed=seed)
    by_seed = tuple(a - b for a, b in zip(*logs, strict=True))
    ends = (gap.low, gap.high)
    return Found(claim, gap.value, ends, by_seed, _verdict(ends, FACTOR, len(both)))


def _rates(
    claim: Claim, better: Mapping[int, Mapping[str, Any]], worse: Mapping[int, Mapping[str, Any]]
) -> Found:
    """Difference of take-off rates."""
    both = sorted(set(better) & set(worse))
    if len(both) < 2:
        return Found(claim, None, None, (), None)
    flags = [
        [side[each]["points"][-1]["right"] >= TAKEN_OFF for each in both]
        for side in (better, worse)
    ]
    one, other = map(Rate.of, flags)
    ends = rates_differ(one, other)
    by_seed = tuple(float(a) - float(b) for a, b in zip(*flags, strict=True))
    gap = _ends(one)[0] - _ends(other)[0]
    return Found(claim, gap, ends, by_seed, _verdict(ends, SHARE, len(both)))


def _verdict(ends: tuple[float, float], margin: float, pairs: int) -> bool | None:
    return holds(*ends, margin) if pairs >= FEWEST else None


def plain(report: Report) -> dict[str, Any]:
    """The report in JSON's own kinds, without the records, which stand in a file of their own."""
    return {name: value for name, value in asdict(report).items() if name != "runs"}
