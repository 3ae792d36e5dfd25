"""Rows of a comparison: what one arm did in all its episodes, or in a part of them.

Episodes on one instance are alike, so intervals draw whole instances. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from forethought.agent.types import Episode, Trace
from forethought.envs.results import Result, results_of
from forethought.envs.stats import mean_interval

FACT_RESAMPLES = 2000
"""Bootstrap samples behind the interval of an outcome fact."""

Ends = tuple[float, float] | None
"""An interval; `None` where there are fewer than two instances."""


@dataclass(frozen=True, slots=True)
class FactRow:
    """Mean of one outcome fact over the episodes that state it."""

    mean: float
    """In the fact's own unit; of a yes/no, its share."""
    ci95: Ends
    n: int


@dataclass(frozen=True, slots=True)
class ArmRow:
    """What one arm did, per episode."""

    mean: float
    """Reward, in the world's units."""
    ci95: Ends
    n: int
    """Episodes; one that broke off with an error counts with the reward it had."""
    success: float
    """Share of episodes, 0 to 1."""
    supported: float | None
    """Share of estimates that the critic could make, 0 to 1; `None` where none was asked."""
    invalid: float
    """Share of actions that the world refused, 0 to 1."""
    calls: float
    """Model calls."""
    tokens: float
    """Tokens, prompts included."""
    seconds: float | None
    """Wall-clock time of the episodes played now; `None` where all were read from a file."""
    dollars: float | None = None
    """Price of the calls; `None` where there were calls and no price is known."""
    weighed: float | None = None
    """Candidates per decision that weighed any; `None` where none did."""
    facts: Mapping[str, FactRow] = field(default_factory=dict)
    """Numeric facts that the world states of the outcome."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """Mean of the first arm's reward minus the second's, over pairs."""

    diff: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class OpponentRow:
    """One arm in a part of the episodes: against one opponent, from one seat, of one seed."""

    mean: float
    ci95: Ends
    n: int
    success: float


def arm_row(episodes: Sequence[Trace | Result], seed: int, seconds: float | None = None) -> ArmRow:
    """What one arm did in these episodes.

    Args:
        episodes: At least one.
        seed: Chooses the resamples of the intervals.
        seconds: Mean wall-clock seconds of an episode, where known.
    """
    results = results_of(episodes)
    count = len(results)
    asked = sum(each.asked for each in results)
    supported = sum((each.supported or 0.0) * each.asked for each in results)
    weighing = sum(each.weighing for each in results)
    calls = sum(each.usage.calls for each in results)
    dollars = sum(each.usage.dollars for each in results)
    mean, ends = mean_and_ends(results, [each.reward for each in results], seed)
    return ArmRow(
        mean=mean,
        ci95=ends,
        n=count,
        success=sum(each.success for each in results) / count,
        supported=supported / asked if asked else None,
        invalid=sum(each.invalid for each in results) / max(sum(e.steps for e in results), 1),
        calls=calls / count,
        tokens=sum(each.usage.tokens for each in results) / count,
        seconds=seconds,
        dollars=None if calls and not dollars else dollars / count,
        weighed=sum(each.weighed for each in results) / weighing if weighing else None,
        facts=_facts(results, seed),
    )


def _facts(results: Sequence[Result], seed: int) -> dict[str, FactRow]:
    names = dict.fromkeys(name for each in results for name in each.facts)
    rows = {}
    for name in names:
        stating = [each for each in results if name in each.facts]
        values = [each.facts[name] for each in stating]
        mean, ends = mean_and_ends(stating, values, seed, resamples=FACT_RESAMPLES)
        rows[name] = FactRow(mean, ends, len(values))
    return rows


def part_row(results: Sequence[Result], seed: int) -> OpponentRow:
    """What one arm did in a part of its episodes, at least one."""
    mean, ends = mean_and_ends(results, [each.reward for each in results], seed)
    share = sum(each.success for each in results) / len(results)
    return OpponentRow(mean, ends, len(results), share)


def by_opponent(
    played: Mapping[str, Sequence[Trace | Result]], seed: int
) -> dict[str, dict[str, OpponentRow]]:
    """Opponent, then arm; empty where there are no opponents.

    Args:
        played: Episodes by arm.
        seed: Chooses the resamples of the intervals.
    """
    table = by_part(played, lambda episode: episode.opponent, seed)
    table.pop("", None)
    return table


def by_part(
    played: Mapping[str, Sequence[Trace | Result]], part: Callable[[Episode], str], seed: int
) -> dict[str, dict[str, OpponentRow]]:
    """Part, then arm.

    Args:
        played: Episodes by arm.
        part: Which part an episode belongs to.
        seed: Chooses the resamples of the intervals.
    """
    table: dict[str, dict[str, OpponentRow]] = {}
    for name, episodes in played.items():
        groups: dict[str, list[Result]] = {}
        for result in results_of(episodes):
            groups.setdefault(part(result.episode), []).append(result)
        for key, group in groups.items():
            table.setdefault(key, {})[name] = part_row(group, seed)
    return table


def instances(results: Sequence[Result]) -> list[int]:
    """The instance of each episode."""
    return [each.episode.instance for each in results]


def mean_and_ends(
    results: Sequence[Result], values: Sequence[float], seed: int, *, resamples: int | None = None
) -> tuple[float, Ends]:
    """Mean of one value for each result, with its interval; none for a single instance."""
    groups = instances(results)
    if len(set(groups)) < 2:
        return sum(values) / len(values), None
    given = {} if resamples is None else {"resamples": resamples}
    interval = mean_interval(values, seed=seed, groups=groups, **given)
    return interval.value, (interval.low, interval.high)
