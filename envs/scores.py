"""From the traces of several arms to one table: means, paired differences, what they cannot say.

Pure: plays nothing and writes nothing, so a table can be made again from traces at any time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, permutations
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Trace
from forethought.envs.registry import World
from forethought.envs.rollouts import failed, pair_key
from forethought.envs.stats import Difference, mean_interval, paired_difference

FEW = 30
"""Episodes below which an interval is itself a guess."""
SUPPORT = 0.5
"""Share of supported estimates below which an arm mostly runs on its fallback."""


@dataclass(frozen=True, slots=True)
class ArmRow:
    """What one arm did, per episode."""

    mean: float
    """Reward, in the world's units."""
    ci95: tuple[float, float] | None
    """`None` for a single episode."""
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
    facts: Mapping[str, float] = field(default_factory=dict)
    """Means of the world's own facts of outcomes, over the episodes that state them; a yes is 1."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """Mean of the first arm's reward minus the second's, over pairs."""

    diff: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class OpponentRow:
    """One arm against one opponent."""

    mean: float
    ci95: tuple[float, float] | None
    """`None` for a single episode."""
    n: int
    success: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A whole comparison. Its fields are the keys of the command's JSON."""

    env: str
    seed: int
    episodes: int
    """Per arm."""
    arms: Mapping[str, ArmRow]
    paired: Mapping[str, PairRow]
    """Every ordered pair of arms, as in "A vs B"."""
    effects: Mapping[str, float | None]
    """The same differences in units of their standard deviation over pairs; `None` where they do
    not vary."""
    by_opponent: Mapping[str, Mapping[str, OpponentRow]]
    """Opponent, then arm; empty where a world has no opponents."""
    unseen: tuple[str, ...]
    """Opponents among them that training never meets; unless they were asked for by name, their
    episodes are in no mean and no pair."""
    warnings: tuple[str, ...]
    """What the figures cannot support, one line each."""
    success: str
    """What counts as success, in words."""
    unguided: str
    """What the `unguided` arm does in this world, in words."""

    def to_json(self) -> dict[str, Any]:
        """The report in containers of JSON's own kinds."""
        return asdict(self)


def summarise(
    world: World,
    played: Mapping[str, Sequence[Trace]],
    unmet: Mapping[str, Sequence[Trace]] | None = None,
    *,
    seed: int,
    seconds: Mapping[str, float] | None = None,
) -> BenchReport:
    """Compare arms that played the same episodes.

    Args:
        world: Where.
        played: Whole traces by arm, in the same order for every arm, 2 or more each.
        unmet: Likewise, against opponents that training never meets; they are in the table by
            opponent alone.
        seed: Chooses the resamples of the intervals.
        seconds: Mean wall-clock seconds of an episode, by arm, where known.

    Raises:
        ConfigError: If there are fewer than 2 episodes, or the arms met different situations.
    """
    _check_pairs(played)
    unmet = unmet or {}
    _check_situations(unmet)
    rewards = {name: [_reward(trace) for trace in traces] for name, traces in played.items()}
    gaps = {
        (a, b): paired_difference(rewards[a], rewards[b], seed=seed)
        for a, b in permutations(played, 2)
    }
    arms = {
        n: replace(arm_row(traces, seed, (seconds or {}).get(n)), facts=_facts(traces, world.facts))
        for n, traces in played.items()
    }
    everyone = {name: [*traces, *unmet.get(name, ())] for name, traces in played.items()}
    opponents = by_opponent(everyone, seed)
    return BenchReport(
        env=world.id,
        seed=seed,
        episodes=len(next(iter(played.values()))),
        arms=arms,
        paired={
            f"{a} vs {b}": PairRow(gap.value, (gap.low, gap.high)) for (a, b), gap in gaps.items()
        },
        effects={f"{a} vs {b}": gap.effect for (a, b), gap in gaps.items()},
        by_opponent=opponents,
        unseen=tuple(name for name in opponents if name in world.unseen),
        warnings=(*_broken(everyone), *_warnings(played, arms, gaps)),
        success=world.success,
        unguided=world.unguided,
    )


def _check_pairs(played: Mapping[str, Sequence[Trace]]) -> None:
    if not played:
        raise ConfigError("there is no arm to compare")
    _check_situations(played)
    if len(next(iter(played.values()))) < 2:
        raise ConfigError("an interval needs at least 2 episodes")


def _check_situations(played: Mapping[str, Sequence[Trace]]) -> None:
    situations = {
        name: [pair_key(trace.episode) for trace in traces] for name, traces in played.items()
    }
    first, *others = situations or [""]
    for name in others:
        if situations[name] != situations[first]:
            raise ConfigError(f"arms {first!r} and {name!r} did not meet the same episodes")


def _reward(trace: Trace) -> float:
    return trace.outcome.reward if trace.outcome is not None else 0.0


def _succeeded(trace: Trace) -> bool:
    return trace.outcome is not None and trace.outcome.success


def arm_row(traces: Sequence[Trace], seed: int, seconds: float | None = None) -> ArmRow:
    """What one arm did in these episodes.

    Args:
        traces: At least one.
        seed: Chooses the resamples of the interval.
        seconds: Mean wall-clock seconds of an episode, where known.
    """
    mean, ends = _mean(traces, seed)
    steps = [step for trace in traces for step in trace.steps]
    flags = [s for step in steps if (s := step.decision.supported) is not None]
    usage = [trace.usage for trace in traces]
    return ArmRow(
        mean=mean,
        ci95=ends,
        n=len(traces),
        success=sum(map(_succeeded, traces)) / len(traces),
        supported=sum(flags) / len(flags) if flags else None,
        invalid=sum(step.invalid for step in steps) / max(len(steps), 1),
        calls=sum(cost.calls for cost in usage) / len(traces),
        tokens=sum(cost.tokens for cost in usage) / len(traces),
        seconds=seconds,
    )


def _facts(traces: Sequence[Trace], names: Sequence[str]) -> dict[str, float]:
    """Mean of each fact over the outcomes that state it; those that none states are left out."""
    told = [trace.outcome.facts for trace in traces if trace.outcome is not None]
    columns = {
        name: [value for facts in told if isinstance(value := facts.get(name), (int, float))]
        for name in names
    }
    return {name: sum(column) / len(column) for name, column in columns.items() if column}


def by_opponent(
    played: Mapping[str, Sequence[Trace]], seed: int
) -> dict[str, dict[str, OpponentRow]]:
    """Opponent, then arm; empty where there are no opponents.

    Args:
        played: Traces by arm.
        seed: Chooses the resamples of the intervals.
    """
    table: dict[str, dict[str, OpponentRow]] = {}
    for name, traces in played.items():
        groups: dict[str, list[Trace]] = {}
        for trace in traces:
            groups.setdefault(trace.episode.opponent, []).append(trace)
        for opponent, group in groups.items():
            if opponent:
                table.setdefault(opponent, {})[name] = _against(group, seed)
    return table


def _against(group: Sequence[Trace], seed: int) -> OpponentRow:
    share = sum(map(_succeeded, group)) / len(group)
    return OpponentRow(*_mean(group, seed), len(group), share)


def _mean(traces: Sequence[Trace], seed: int) -> tuple[float, tuple[float, float] | None]:
    """Mean reward with its interval; none for a single episode."""
    rewards = [_reward(trace) for trace in traces]
    if len(rewards) == 1:
        return rewards[0], None
    interval = mean_interval(rewards, seed=seed)
    return interval.value, (interval.low, interval.high)


def _broken(played: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    for name, traces in played.items():
        broken = [trace for trace in traces if failed(trace)]
        if broken:
            outcome = broken[0].outcome
            reason = outcome.reason if outcome is not None else "no outcome"
            yield f"{name}: {len(broken)} of {len(traces)} episodes failed ({reason})"


def _warnings(
    played: Mapping[str, Sequence[Trace]],
    arms: Mapping[str, ArmRow],
    gaps: Mapping[tuple[str, str], Difference],
) -> Iterator[str]:
    for name in played:
        share = arms[name].supported
        if share is not None and share < SUPPORT:
            yield (
                f"{name}: only {share:.0%} of its estimates are supported by training data; "
                "it mostly falls back"
            )
    count = len(next(iter(played.values())))
    if count < FEW:
        yield f"{count} episodes are too few for a claim; intervals are rough below {FEW}"
    for a, b in combinations(played, 2):
        yield from _undecided(a, b, gaps[a, b])


def _undecided(a: str, b: str, gap: Difference) -> Iterator[str]:
    """Say so when the two arms cannot be told apart, and how many episodes might do it."""
    if gap.excludes_zero:
        return
    if gap.low == gap.high:
        yield f"{a} and {b} got the same in all {gap.n} episodes"
        return
    hint = ""
    if gap.enough is not None and gap.enough <= 100_000:
        hint = f"; about {max(gap.enough, gap.n + 1)} would show a difference of this size"
    yield f"{a} and {b} cannot be told apart with {gap.n} episodes{hint}"
