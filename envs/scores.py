"""From the episodes of several arms to one report: means, paired differences, what they cannot say.

Pure: plays nothing and writes nothing, so a report can be made again from traces at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import permutations
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Trace
from forethought.envs import doubts
from forethought.envs.candidates import differ, in_words
from forethought.envs.plans import pair_key
from forethought.envs.published import Figure, published
from forethought.envs.registry import World
from forethought.envs.results import Result, results_of
from forethought.envs.rows import (
    ArmRow,
    FactRow,
    OpponentRow,
    PairRow,
    arm_row,
    by_opponent,
    by_part,
    instances,
    part_row,
)
from forethought.envs.stats import Difference, paired_difference

__all__ = [
    "ArmRow",
    "BenchReport",
    "FactRow",
    "OpponentRow",
    "PairRow",
    "SeedRow",
    "arm_row",
    "by_opponent",
    "summarise",
]


@dataclass(frozen=True, slots=True)
class SeedRow:
    """The episodes of one seed alone."""

    episodes: int
    """Per arm."""
    arms: Mapping[str, OpponentRow]
    paired: Mapping[str, PairRow]
    """Every ordered pair of arms."""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A whole comparison. Its fields are the keys of the command's JSON."""

    env: str
    seed: int
    """The first seed; it chooses the resamples of all intervals."""
    episodes: int
    """Per arm, all seeds together."""
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
    seeds: tuple[int, ...] = ()
    """All seeds whose episodes are pooled here."""
    by_seed: Mapping[str, SeedRow] = field(default_factory=dict)
    """Each seed's own figures; empty for a single seed."""
    by_seat: Mapping[str, Mapping[str, OpponentRow]] = field(default_factory=dict)
    """Seat, then arm; empty where a world has one seat."""
    candidates: str = ""
    """Whether the arms chose among the same candidates, in words; empty where not known."""
    published: tuple[Figure, ...] = ()
    """What others report of this world or of the one it follows, each with what differs."""

    def to_json(self) -> dict[str, Any]:
        """The report in containers of JSON's own kinds."""
        return asdict(self)


def summarise(
    world: World,
    played: Mapping[str, Sequence[Trace | Result]],
    unmet: Mapping[str, Sequence[Trace | Result]] | None = None,
    *,
    seed: int,
    seeds: Sequence[int] | None = None,
    seconds: Mapping[str, float] | None = None,
    candidates: Mapping[str, str] | None = None,
) -> BenchReport:
    """Compare arms that played the same episodes.

    Args:
        world: Where.
        played: Whole episodes by arm, in the same order for every arm, 2 or more each; those of
            several seeds one seed after the other, as many each.
        unmet: Likewise, against opponents that training never meets; they are in the table by
            opponent alone.
        seed: Chooses the resamples of the intervals.
        seeds: Those that chose the episodes; `seed` alone by default.
        seconds: Mean wall-clock seconds of an episode, by arm, where known.
        candidates: What each arm chose among, see `candidate_sets`.

    Raises:
        ConfigError: If there are fewer than 2 episodes, or the arms met different situations.
    """
    results = {name: results_of(episodes) for name, episodes in played.items()}
    others = {name: results_of(episodes) for name, episodes in (unmet or {}).items()}
    _check_pairs(results)
    _check_situations(others)
    seeds = (seed,) if seeds is None else tuple(seeds)
    gaps = _gaps(results, seed)
    arms = {n: arm_row(each, seed, (seconds or {}).get(n)) for n, each in results.items()}
    everyone = {name: [*each, *others.get(name, ())] for name, each in results.items()}
    opponents = by_opponent(everyone, seed)
    parts = _by_seed(results, seeds, seed)
    sets, weighed = candidates or {}, {name: row.weighed for name, row in arms.items()}
    among = in_words(sets, weighed)
    return BenchReport(
        env=world.id,
        seed=seed,
        episodes=len(next(iter(results.values()))),
        arms=arms,
        paired=_pair_rows(gaps),
        effects={f"{a} vs {b}": gap.effect for (a, b), gap in gaps.items()},
        by_opponent=opponents,
        unseen=tuple(name for name in opponents if name in world.unseen),
        warnings=(
            *doubts.broken(everyone),
            *doubts.support(arms),
            *doubts.episodes(world, results),
            *doubts.widths(arms),
            *((among,) if differ(sets, weighed) else ()),
            *doubts.models(results),
            *doubts.controls(results, gaps),
            *doubts.pairs(gaps, {key: row.paired for key, row in parts.items()}, list(results)),
        ),
        success=world.success,
        unguided=world.unguided,
        seeds=seeds,
        by_seed=parts,
        by_seat=(
            by_part(results, lambda episode: str(episode.seat), seed) if world.seats > 1 else {}
        ),
        candidates=among,
        published=published(world.id),
    )


def _gaps(results: Mapping[str, Sequence[Result]], seed: int) -> dict[tuple[str, str], Difference]:
    """Every ordered pair of arms."""
    rewards = {name: [each.reward for each in part] for name, part in results.items()}
    groups = instances(next(iter(results.values())))
    return {
        (a, b): paired_difference(rewards[a], rewards[b], seed=seed, groups=groups)
        for a, b in permutations(results, 2)
    }


def _pair_rows(gaps: Mapping[tuple[str, str], Difference]) -> dict[str, PairRow]:
    return {f"{a} vs {b}": PairRow(gap.value, (gap.low, gap.high)) for (a, b), gap in gaps.items()}


def _by_seed(
    results: Mapping[str, Sequence[Result]], seeds: Sequence[int], seed: int
) -> dict[str, SeedRow]:
    """Each seed's own figures; nothing for a single one.

    Raises:
        ConfigError: If the episodes do not divide into as many for each seed.
    """
    if len(seeds) < 2:
        return {}
    total = len(next(iter(results.values())))
    size, rest = divmod(total, len(seeds))
    if rest or size < 2:
        raise ConfigError(f"{total} episodes are not 2 or more for each of {len(seeds)} seeds")
    rows = {}
    for place, each in enumerate(seeds):
        part = {name: r[place * size : (place + 1) * size] for name, r in results.items()}
        rows[str(each)] = SeedRow(
            size,
            {name: part_row(episodes, seed) for name, episodes in part.items()},
            _pair_rows(_gaps(part, seed)),
        )
    return rows


def _check_pairs(played: Mapping[str, Sequence[Result]]) -> None:
    if not played:
        raise ConfigError("there is no arm to compare")
    _check_situations(played)
    if len({each.episode.instance for each in next(iter(played.values()))}) < 2:
        raise ConfigError("an interval needs at least 2 episodes, on different instances")


def _check_situations(played: Mapping[str, Sequence[Result]]) -> None:
    situations = {
        name: [pair_key(result.episode) for result in results] for name, results in played.items()
    }
    first, *others = situations or [""]
    for name in others:
        if situations[name] != situations[first]:
            raise ConfigError(f"arms {first!r} and {name!r} did not meet the same episodes")
