"""The table of `reproduce decision-sampling`, its claims, and whose part a gain is. Trains nothing.

A run is one observation: intervals are Student's over runs, paired by base and seed where arms are
compared. They speak of other seeds on these bases, not of other bases.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from forethought.agent.attempts import closed_form
from forethought.agent.shares import wilson_ends
from forethought.valuefn.reproduce.claims import holds
from forethought.valuefn.reproduce.decide_balance import Balance, Gap, balances, gaps
from forethought.valuefn.reproduce.decide_plan import (
    ARMS,
    CLAIMS,
    MARGIN,
    START,
    Claim,
    Size,
)
from forethought.valuefn.reproduce.over_runs import mean_over_runs
from forethought.valuefn.rl.toys.bases import row_of
from forethought.valuefn.rl.toys.digits import Digits

Record = Mapping[str, Any]
Ends = tuple[float, float]
RATES = {
    "p_s, first": "sampling_first",
    "p_s, later": "sampling_later",
    "p_d|C": "stop_right",
    "p_d|W": "retry_wrong",
    "i -> c": "improved",
    "c -> i": "harmed",
    "accuracy": "accuracy",
}
"""Columns of the table, by what a record calls them."""
CLOSED, UNLIMITED = "closed form", "without a limit"


@dataclass(frozen=True, slots=True)
class Told:
    """A figure over runs."""

    value: float
    """The mean of the runs."""
    ci95: Ends | None
    """Over runs; `None` for one run."""
    runs: int
    hits: int | None = None
    """All runs together; `None` for a closed form."""
    n: int | None = None
    wilson: Ends | None = None
    """The binomial interval of all runs' trials, as if they were independent."""


@dataclass(frozen=True, slots=True)
class Row:
    """An arm on numbers of one size."""

    arm: str
    kind: str
    inside: bool
    """Whether the size is trained on."""
    figures: Mapping[str, Told | None]
    """By column; `None` where nothing was counted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a claim came to."""

    claim: Claim
    value: float | None
    """`None` where too few runs can tell."""
    ci95: Ends | None
    by_run: Mapping[str, float]
    """By base and seed."""
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Swap:
    """A difference of two arms in the closed form, taken apart."""

    better: str
    worse: str
    where: str
    """`in` or `out`."""
    realised: Told
    predicted: Told
    """By the closed form."""
    decision: Told
    sampling: Told


@dataclass(frozen=True, slots=True)
class Cost:
    """What an arm took, on average over its runs."""

    arm: str
    runs: int
    samples: float
    """Drawn to train on."""
    trained: float
    """Tokens that carried loss."""
    longer: float
    """Tokens of samples over tokens of decisions in rollouts at the end."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the runs showed."""

    size: Size
    seed: int
    rows: tuple[Row, ...]
    claims: tuple[Answer, ...]
    swaps: tuple[Swap, ...]
    balances: tuple[Balance, ...]
    gaps: tuple[Gap, ...]
    costs: tuple[Cost, ...]
    curves: Mapping[str, tuple[tuple[int, Mapping[str, float]], ...]]
    """By arm: updates, and the means over runs of what `curve_figures` names."""


def report_of(records: Sequence[Record], size: Size, seed: int) -> Report:
    """Compare runs.

    Args:
        records: Of all runs, as `decide_train.do` makes them.
        size: As they were made.
        seed: The first one; also of the resamples.
    """
    pairs = (("rl", "sft"), ("rl", START), ("rl", "sft-own"), ("sft", START))
    return Report(
        size,
        seed,
        tuple(_rows(records)),
        tuple(_answer(claim, records) for claim in CLAIMS),
        tuple(
            swap
            for better, worse in pairs
            for where in ("in", "out")
            if (swap := _swap(better, worse, where, records)) is not None
        ),
        tuple(balances(records, seed)),
        tuple(gaps(records)),
        tuple(_cost(arm, [one for one in records if one["arm"] == arm]) for arm in ARMS),
        {arm: _curve([one for one in records if one["arm"] == arm]) for arm in ARMS},
    )


def parts(
    better: tuple[float, float, float], worse: tuple[float, float, float], turns: int
) -> tuple[float, float, float]:
    """A difference in the closed form, and how much of it is decisions and how much samples.

    Args:
        better: `p_s`, `p_d|C` and `p_d|W` of one arm.
        worse: Of the other.
        turns: Most answers.

    Returns:
        The difference; what swapping the decisions alone makes, with the samples of either held,
        averaged; the same for the samples. The last two add up to the first.
    """

    def of(samples: tuple[float, ...], decides: tuple[float, ...]) -> float:
        return closed_form(samples[0], decides[1], decides[2], turns)

    whole = of(better, better) - of(worse, worse)
    decision = (of(worse, better) - of(worse, worse) + of(better, better) - of(better, worse)) / 2
    return whole, decision, whole - decision


def _toy(record: Record) -> Digits:
    toy = row_of(record["base"]).toy
    if not isinstance(toy, Digits):
        raise TypeError(f"{record['base']} decides nothing")
    return toy


def _kinds(record: Record, where: str) -> list[str]:
    toy = _toy(record)
    sizes = toy.trained if where == "in" else toy.beyond
    return [f"{one}{toy.operation}{other}" for one, other in sizes]


def _share(counts: Sequence[int]) -> float | None:
    hits, n = counts
    return hits / n if n else None


def _three(record: Record, kind: str) -> tuple[float, float, float] | None:
    """`p_s` at first, `p_d|C` and `p_d|W`; `None` where one was never seen."""
    counts = record["end"][kind]
    p_s, stop, retry = (
        _share(counts[name]) for name in ("sampling_first", "stop_right", "retry_wrong")
    )
    return None if p_s is None or stop is None or retry is None else (p_s, stop, retry)


def _told(values: Sequence[float]) -> Told | None:
    if not values:
        return None
    if len(values) < 2:
        return Told(values[0], None, 1)
    found = mean_over_runs(values)
    return Told(found.value, (found.low, found.high), len(values))


def _rows(records: Sequence[Record]) -> list[Row]:
    kinds = {
        kind: where == "in"
        for where in ("in", "out")
        for record in records
        for kind in _kinds(record, where)
    }
    rows = []
    for kind, inside in kinds.items():
        for arm in (START, *ARMS):
            some = [one for one in records if one["arm"] == arm and kind in one["end"]]
            figures = {name: _rate(some, kind, key) for name, key in RATES.items()}
            for name, limited in ((CLOSED, True), (UNLIMITED, False)):
                values = [
                    closed_form(*three, _toy(one).turns if limited else None)
                    for one in some
                    if (three := _three(one, kind)) is not None
                ]
                figures[name] = _told(values)
            rows.append(Row(arm, kind, inside, figures))
    return rows


def _rate(records: Sequence[Record], kind: str, name: str) -> Told | None:
    counts = [one["end"][kind][name] for one in records]
    told = _told([hits / n for hits, n in counts if n])
    if told is None:
        return None
    ends = told.ci95 and (max(told.ci95[0], 0.0), min(told.ci95[1], 1.0))
    hits, n = (sum(each) for each in zip(*counts, strict=True))
    return Told(told.value, ends, told.runs, hits, n, wilson_ends(hits, n))


def _accuracy(record: Record, where: str) -> float:
    counts = [record["end"][kind]["accuracy"] for kind in _kinds(record, where)]
    return fmean(hits / n for hits, n in counts)


def _parts(one: Record, other: Record, where: str) -> tuple[float, float, float] | None:
    """As `parts`, the mean over the sizes that can be taken apart."""
    found = [
        parts(better, worse, _toy(one).turns)
        for kind in _kinds(one, where)
        if (better := _three(one, kind)) is not None and (worse := _three(other, kind)) is not None
    ]
    if not found:
        return None
    whole, decision, sampling = (fmean(each) for each in zip(*found, strict=True))
    return whole, decision, sampling


def _paired(records: Sequence[Record], better: str, worse: str) -> dict[str, tuple[Record, Record]]:
    """Runs of two arms, by base and seed."""
    by_arm: dict[str, dict[str, Record]] = {better: {}, worse: {}}
    for one in records:
        if one["arm"] in by_arm:
            by_arm[one["arm"]][f"{one['base']}-{one['base_seed']}/{one['seed']}"] = one
    return {
        name: (one, by_arm[worse][name])
        for name, one in by_arm[better].items()
        if name in by_arm[worse]
    }


_WHATS: Mapping[str, Callable[[Record, Record, str], float | None]] = {
    "accuracy": lambda one, other, where: _accuracy(one, where) - _accuracy(other, where),
    "decision": lambda one, other, where: (
        None if (found := _parts(one, other, where)) is None else found[1]
    ),
    "decision - sampling": lambda one, other, where: (
        None if (found := _parts(one, other, where)) is None else found[1] - found[2]
    ),
}


def _answer(claim: Claim, records: Sequence[Record]) -> Answer:
    by_run = {
        name: value
        for name, (one, other) in _paired(records, claim.better, claim.worse).items()
        if (value := _WHATS[claim.what](one, other, claim.where)) is not None
    }
    told = _told(list(by_run.values()))
    if told is None or told.ci95 is None:
        return Answer(claim, None, None, by_run, None)
    return Answer(claim, told.value, told.ci95, by_run, holds(*told.ci95, MARGIN))


def _swap(better: str, worse: str, where: str, records: Sequence[Record]) -> Swap | None:
    found = [
        (_accuracy(one, where) - _accuracy(other, where), *apart)
        for one, other in _paired(records, better, worse).values()
        if (apart := _parts(one, other, where)) is not None
    ]
    told = [_told(values) for values in zip(*found, strict=True)]
    figures = [each for each in told if each is not None]
    return Swap(better, worse, where, *figures) if figures else None


def _cost(arm: str, records: Sequence[Record]) -> Cost:
    def mean(name: str) -> float:
        return fmean(one[name] for one in records) if records else 0.0

    lengths = [one["signals"] for one in records]
    longer = [each["tokens/sample"] / max(each["tokens/decision"], 1e-9) for each in lengths]
    return Cost(
        arm,
        len(records),
        mean("samples"),
        mean("trained"),
        fmean(longer) if longer else 0.0,
        mean("seconds"),
    )


def _curve(records: Sequence[Record]) -> tuple[tuple[int, Mapping[str, float]], ...]:
    points = []
    for at in range(min((len(one["curve"]) for one in records), default=0)):
        seen = [(one, one["curve"][at][1]) for one in records]
        figures = {}
        for where in ("in", "out"):
            for name, key in RATES.items():
                shares = [
                    share
                    for one, counts in seen
                    for kind in _kinds(one, where)
                    if (share := _share(counts[kind][key])) is not None
                ]
                if shares:
                    figures[f"{where}: {name}"] = fmean(shares)
        points.append((records[0]["curve"][at][0], figures))
    return tuple(points)
