"""What a small model can do before RL: forced modes, chances of a habit, sampling and deciding.

Shares have Wilson intervals. Chances are exact, means over problems, and have none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from forethought.agent.attempts import DecisionRates, Rate, attempt_rates
from forethought.agent.errors import needs
from forethought.valuefn.rl.toys.digits import Digits
from forethought.valuefn.rl.toys.documents import Problem, Toy
from forethought.valuefn.rl.toys.lookup import CALL, MOST, Lookup
from forethought.valuefn.rl.toys.modes import DIRECT, FACT, STEPS, SUM, Modes
from forethought.valuefn.rl.toys.writing import Writer

with needs("models from scratch", "pip install 'forethought[local]'"):
    from torch import Generator

_RATES = ("sampling_first", "sampling_later", "stop_right", "retry_wrong", "accuracy")


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure."""

    name: str
    value: float | None
    """0 to 1; `None` where there was nothing to count."""
    ci95: tuple[float, float] | None = None
    """`None` for an exact chance."""
    n: int | None = None
    """Trials of a share, problems of a chance."""


def measure(toy: Toy, writer: Writer, *, count: int = 200, seed: int = 0) -> list[Measured]:
    """Measure a model on its task, sampling at temperature 1.

    Args:
        toy: The task, one of this package.
        writer: The model.
        count: Problems of each kind.
        seed: Of problems and draws.
    """
    if isinstance(toy, Digits):
        rates = decisions(toy, writer, count=count, seed=seed)
        return [
            _share(f"{kind} {name}", getattr(found, name))
            for kind, found in rates.items()
            for name in _RATES
        ]
    if isinstance(toy, Modes):
        return modes(toy, writer, count=count, seed=seed)
    if isinstance(toy, Lookup):
        return calls(toy, writer, count=count, seed=seed)
    return [_share("solved", _solved(toy, writer, toy.problems("test", count, seed), seed=seed))]


def decisions(toy: Digits, writer: Writer, *, count: int, seed: int) -> Mapping[str, DecisionRates]:
    """Sampling and deciding apart, by size of the numbers, on test problems."""
    found = {}
    for size in (*toy.trained, *toy.beyond):
        problems = toy.sized(size, "test", count, seed)
        played = writer.play(toy, problems, most=16, generator=_generator(seed))
        attempts = [toy.attempts(each.problem, each.turns) for each in played]
        found[problems[0].kind] = attempt_rates(attempts, turns=toy.turns)
    return found


def modes(toy: Modes, writer: Writer, *, count: int, seed: int) -> list[Measured]:
    """The direct mode's chance, and the accuracy free and in each mode forced.

    On all facts and on test sums.
    """
    held = toy.facts - toy.for_training
    by_kind = {
        FACT: toy.facts_of("train", toy.for_training, seed) + toy.facts_of("test", held, seed),
        SUM: toy.sums_of("test", count, seed),
    }
    found = []
    for kind, problems in by_kind.items():
        chances = writer.chances([each.prompt for each in problems], [DIRECT] * len(problems))
        found.append(Measured(f"{kind}s p({DIRECT})", fmean(chances), n=len(problems)))
        for name, prefix in (("free", ""), (DIRECT, DIRECT), (STEPS, STEPS)):
            rate = _solved(toy, writer, problems, begins=[prefix] * len(problems), seed=seed)
            found.append(_share(f"{kind}s right, {name}", rate))
    return found


def calls(toy: Lookup, writer: Writer, *, count: int, seed: int) -> list[Measured]:
    """Chance of a call and of the right one, and success, by how many demonstrations are shown.

    Then the share of answers copied when the right call is forced.
    """
    problems = toy.problems("test", count, seed)
    found = []
    for shown in range(MOST + 1):
        prompts = demonstrated(toy, problems, shown, seed=seed)
        told = f"shown {shown}"
        habit = writer.chances(prompts, [CALL] * len(prompts))
        right = writer.chances(prompts, [toy.call(each) for each in problems])
        found.append(Measured(f"{told}: p(a call)", fmean(habit), n=count))
        found.append(Measured(f"{told}: p(the right call)", fmean(right), n=count))
        solved = _solved(toy, writer, problems, prompts=prompts, seed=seed)
        found.append(_share(f"{told}: solved", solved))
    for shown in (0, MOST):
        forced = _solved(
            toy,
            writer,
            problems,
            prompts=demonstrated(toy, problems, shown, seed=seed),
            begins=[toy.call(each) for each in problems],
            seed=seed,
        )
        found.append(_share(f"shown {shown}: copied when the call is forced", forced))
    return found


def demonstrated(toy: Lookup, problems: Sequence[Problem], shown: int, *, seed: int) -> list[str]:
    """Prompts with demonstrations of the tool that works, drawn from the training problems."""
    pool = toy.problems("train", 4 * MOST * max(len(problems), 1), seed)
    rng = Random(f"shown {seed}")
    return [toy.prompt(each, rng.sample(pool, shown)) for each in problems]


def _solved(
    toy: Toy,
    writer: Writer,
    problems: Sequence[Problem],
    *,
    prompts: Sequence[str] | None = None,
    begins: Sequence[str] | None = None,
    seed: int,
) -> Rate:
    played = writer.play(toy, problems, prompts=prompts, begins=begins, generator=_generator(seed))
    return Rate.of(toy.grade(each.problem, each.turns) for each in played)


def _share(name: str, rate: Rate) -> Measured:
    ends = None if rate.low is None or rate.high is None else (rate.low, rate.high)
    return Measured(name, rate.value, ends, rate.n)


def _generator(seed: int) -> Generator:
    return Generator().manual_seed(seed)
