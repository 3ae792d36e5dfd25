"""`reproduce tocorl`: which loss on a forced prefix makes its mode the free policy's own.

All runs of the plan, one record each, and what they come to. Intervals are Student's, over
trainings, each of its own RL seed, on a few bases; fewer than three have none. (The bootstrap's
ends lie within the values seen, so that with a handful of trainings it says too much.) Shares of
trainings have Wilson intervals. A question is answered yes or no where the whole interval lies on
one side of its bound, else the runs cannot tell.

```
OUT/runs.jsonl        a line for each run that ended
OUT/report.json, tocorl.png
```

Departures: nothing below the paper's abstract is published, so there are no figures of its own to
stand beside; the task, the losses and the bounds are ours, written down in `tocorl_plan`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from forethought.agent.attempts import Rate
from forethought.agent.errors import needs
from forethought.valuefn.reproduce.claims import Claim as Better
from forethought.valuefn.reproduce.claims import Found as FoundBetter
from forethought.valuefn.reproduce.claims import holds
from forethought.valuefn.reproduce.fleet import Progress, run_all
from forethought.valuefn.reproduce.tocorl_plan import (
    ARMS,
    ASKED,
    BASE,
    BEFORE,
    CLAIMS,
    HELD_OUT,
    PAIRS,
    Asked,
    Claim,
    Job,
    Size,
    jobs_of,
)
from forethought.valuefn.reproduce.tocorl_run import do
from forethought.valuefn.rl.toys.bases import prepare

with needs("reproduce tocorl", "pip install 'forethought[rl,value]'"):
    from scipy.stats import t as student

Record = Mapping[str, Any]
ENOUGH = 3
"""Trainings below which there is no interval, and so no answer."""
SETS = tuple(f"{prefix}{kind}" for kind in ("facts", "sums") for prefix in (HELD_OUT, ""))
FIGURES = ("direct", "right", "forced", "short")


@dataclass(frozen=True, slots=True)
class Told:
    """The mean over trainings."""

    value: float
    ci95: tuple[float, float] | None
    """`None` for fewer trainings than `ENOUGH`."""
    by_base: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an arm's end says to a question."""

    asked: str
    held_out: bool
    holds: bool | None
    """`None` where the runs cannot tell."""


@dataclass(frozen=True, slots=True)
class Row:
    """One arm."""

    arm: str
    runs: int
    rollouts: int
    """Of each training."""
    figures: Mapping[str, Mapping[str, Told]]
    """By set: `direct`, the chance of the direct mode; `right`, the share of free replies that are;
    `forced`, the chance of the right reply in the right mode once that is forced; `short`, how far
    `right` is below what it should be."""
    peak: Told
    """Largest chance of the direct mode on held-out sums while it trained."""
    dip: Told
    """Smallest chance there of the right reply."""
    reached: Rate
    """Trainings that end with 0.95 direct or more on held-out facts."""
    whole: Rate
    """Trainings that end within all bounds on held-out facts and sums."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a claim holds here."""

    claim: Claim
    told: Told | None
    """Its figure; `None` where no run of the arm has ended."""
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the runs showed."""

    size: Size
    seed: int
    planned: int
    ended: int
    rows: Mapping[str, Row]
    """By arm; those with a run that ended."""
    claims: tuple[Found, ...]
    pairs: tuple[FoundBetter, ...]
    """Differences in the direct mode's chance on held-out facts, paired by base and seed."""
    curves: Mapping[str, Sequence[Sequence[tuple[int, Mapping[str, Any]]]]]
    """By arm, the curve of each run."""


def run(
    out: Path, *, size: Size, seed: int = 0, workers: int = 1, progress: Progress | None = None
) -> Report:
    """Make the runs that are not yet on disk, and tell what all of them show.

    Args:
        out: Folder of the run; what has ended in it is kept.
        size: How much is done.
        seed: The first seed of training; the others follow it.
        workers: Processes, of one thread each.
        progress: Told how far pre-training is, and how many runs have ended.

    Raises:
        ConfigError: If `workers` is below 1, or the folder cannot be written.
        RunError: If a process died.
    """
    folders = [
        prepare(
            BASE, seed=base, changes=size.changes, count=2 * size.tested, progress=progress
        ).folder
        for base in range(size.bases)
    ]
    work = {job.key: (do, (job, folders[job.base], size)) for job in jobs_of(size, seed)}
    return report_of(run_all(out, work, workers=workers, progress=progress), size=size, seed=seed)


def report_of(records: Sequence[Record], *, size: Size, seed: int = 0) -> Report:
    """What runs show, be they all or those that have ended.

    Args:
        records: As `tocorl_run.do` gives them; arms of a base without its `before` are left out.
        size: How much was to be done.
        seed: The first seed.
    """
    before = {each["base"]: each for each in records if each["arm"] == BEFORE}
    usable = [each for each in records if each["base"] in before]
    ends = {Job(each["arm"], each["base"], each["seed"]): _end(each, before) for each in usable}
    by_arm = {arm: [each for each in usable if each["arm"] == arm] for arm in ARMS}
    rows = {arm: _row(arm, some, ends) for arm, some in by_arm.items() if some}
    return Report(
        size,
        seed,
        len(jobs_of(size, seed)),
        len(records),
        rows,
        tuple(_found(claim, rows) for claim in CLAIMS),
        tuple(_pair(better, worse, ends) for better, worse in PAIRS),
        {arm: [each["curve"] for each in some] for arm, some in by_arm.items() if some},
    )


def answer(ends: tuple[float, float] | None, asked: Asked) -> bool | None:
    """Whether a figure with this interval is on the wanted side of a bound; `None` if neither."""
    if ends is None:
        return None
    low, high = ends
    if asked.least:
        return True if low >= asked.bound else False if high < asked.bound else None
    return True if high <= asked.bound else False if low > asked.bound else None


End = dict[str, dict[str, float]]
"""By set, then by figure."""


def _end(record: Record, before: Mapping[int, Record]) -> End:
    base = before[record["base"]]
    found = {}
    for name in SETS:
        exact, start = record["curve"][-1][1][name], base["curve"][-1][1][name]
        right = _share(record["right"][name])
        should = start["forced"] if name.endswith("facts") else _share(base["right"][name])
        found[name] = {
            "direct": exact["direct"],
            "right": right,
            "forced": exact["forced"],
            "short": should - right,
        }
    return found


def _share(counted: Sequence[int]) -> float:
    return counted[0] / counted[1]


def _row(arm: str, records: Sequence[Record], ends: Mapping[Job, End]) -> Row:
    bases = [each["base"] for each in records]
    own = [ends[Job(arm, each["base"], each["seed"])] for each in records]
    figures = {
        name: {
            figure: _told([end[name][figure] for end in own], bases, bounded=figure != "short")
            for figure in FIGURES
        }
        for name in SETS
    }
    sums = [[point[f"{HELD_OUT}sums"] for _, point in each["curve"]] for each in records]
    return Row(
        arm,
        len(records),
        records[0]["rollouts"],
        figures,
        _told([max(each["direct"] for each in points) for points in sums], bases),
        _told([min(each["solved"] for each in points) for points in sums], bases),
        Rate.of(_met(end, ASKED[0]) for end in own),
        Rate.of(all(_met(end, asked) for asked in ASKED) for end in own),
        tuple(
            Answer(asked.name, bool(prefix), answer(told.ci95, asked))
            for prefix in (HELD_OUT, "")
            for asked in ASKED
            for told in (figures[f"{prefix}{asked.kind}"][asked.figure],)
        ),
    )


def _met(end: End, asked: Asked) -> bool:
    value = end[f"{HELD_OUT}{asked.kind}"][asked.figure]
    return value >= asked.bound if asked.least else value <= asked.bound


def spread(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean; `None` for fewer values than `ENOUGH`."""
    count = len(values)
    if count < ENOUGH:
        return None
    half = float(student.ppf(0.975, count - 1)) * stdev(values) / count**0.5
    return fmean(values) - half, fmean(values) + half


def _told(values: Sequence[float], bases: Sequence[int], *, bounded: bool = True) -> Told:
    """A mean; ends of what is a share or a chance are cut to 0 and 1."""
    ends = spread(values)
    if ends is not None and bounded:
        ends = (max(ends[0], 0.0), min(ends[1], 1.0))
    pairs = list(zip(values, bases, strict=True))
    return Told(
        fmean(values),
        ends,
        tuple(fmean(v for v, b in pairs if b == base) for base in sorted(set(bases))),
    )


def _found(claim: Claim, rows: Mapping[str, Row]) -> Found:
    if claim.arm not in rows:
        return Found(claim, None, None)
    told = rows[claim.arm].figures[f"{claim.prefix}{claim.asked.kind}"][claim.asked.figure]
    said = answer(told.ci95, claim.asked)
    return Found(claim, told, None if said is None else said == claim.said)


def _pair(better: str, worse: str, ends: Mapping[Job, End]) -> FoundBetter:
    """Two arms on the bases and seeds that have ended for both; differences by base."""
    gaps: dict[int, list[float]] = {}
    for job, end in ends.items():
        other = ends.get(Job(worse, job.base, job.seed))
        if job.arm == better and other is not None:
            gap = end[f"{HELD_OUT}facts"]["direct"] - other[f"{HELD_OUT}facts"]["direct"]
            gaps.setdefault(job.base, []).append(gap)
    values = [gap for some in gaps.values() for gap in some]
    interval = spread(values)
    return FoundBetter(
        Better(f"{better} > {worse}", better, worse, None),
        fmean(values) if values else None,
        interval,
        tuple(fmean(gaps[base]) for base in sorted(gaps)),
        None if interval is None else holds(*interval),
    )
