"""What a comparison cannot support, in words: what a hostile reader would ask first. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

from forethought.agent.arms import Arm
from forethought.agent.errors import UserError
from forethought.envs.registry import World
from forethought.envs.results import Result
from forethought.envs.rows import ArmRow, PairRow
from forethought.envs.stats import Difference

FEW = 30
"""Episodes below which an interval is itself a guess."""
SUPPORT = 0.5
"""Share of supported estimates below which an arm mostly runs on its fallback."""
MANY = 6
"""Pairs of arms from which on it is said that some intervals exclude 0 by luck."""

Played = Mapping[str, Sequence[Result]]
Gaps = Mapping[tuple[str, str], Difference]


def broken(played: Played) -> Iterator[str]:
    """Episodes that broke off with an error."""
    for name, results in played.items():
        bad = [each for each in results if each.failed]
        if bad:
            yield f"{name}: {len(bad)} of {len(results)} episodes failed ({bad[0].reason})"


def support(arms: Mapping[str, ArmRow]) -> Iterator[str]:
    """Arms whose critic mostly could not say."""
    for name, row in arms.items():
        if row.supported is not None and row.supported < SUPPORT:
            yield (
                f"{name}: only {row.supported:.0%} of its estimates are supported by training "
                "data; it mostly falls back"
            )


def widths(arms: Mapping[str, ArmRow]) -> Iterator[str]:
    """Intervals without width, which say nothing."""
    for name, row in arms.items():
        if row.ci95 is not None and row.ci95[0] == row.ci95[1]:
            yield (
                f"{name}: all {row.n} episodes had the same reward, so its interval has no width; "
                "the interval of its success does not shrink to nothing"
            )


def episodes(world: World, played: Played) -> Iterator[str]:
    """Too few of them, instances that come again, seats that do not take turns."""
    results = next(iter(played.values()))
    if len(results) < FEW:
        yield f"{len(results)} episodes are too few for a claim; intervals are rough below {FEW}"
    again = Counter(each.episode.instance for each in results)
    if len(again) < len(results):
        yield (
            f"{len(results)} episodes on {len(again)} instances: intervals draw whole instances, "
            "since episodes on one are alike"
        )
    met = Counter((each.episode.opponent, each.episode.seat) for each in results)
    cells = list(product({name for name, _ in met}, range(world.seats)))
    if world.seats > 1 and max(met.values()) > 2 * min(met[cell] for cell in cells):
        yield (
            f"{len(results)} episodes do not give every opponent all {world.seats} seats about "
            f"equally often; a multiple of {len(cells)} does"
        )


def controls(played: Played, gaps: Gaps) -> Iterator[str]:
    """Arms with a trained head that lack their control, and controls that do better than none."""
    for name in played:
        control = _control(name)
        if control and control not in played:
            yield (
                f"{name} stands here without its control {control}: a gain may be the "
                "machinery's, not the head's"
            )
        above = gaps.get((name, "unguided"))
        if above is not None and _critic(name) == "permuted" and above.low > 0:
            yield (
                f"{name} is above unguided by {above.value:.3f}: so much of a gain is not what "
                "the critic learned"
            )


def _critic(name: str) -> str | None:
    try:
        return Arm.parse(name).critic_name
    except UserError:  # an arm that was built by hand may have any name
        return None


def _control(name: str) -> str:
    if _critic(name) != "head":
        return ""
    return str(replace(Arm.parse(name), critic="permuted"))


def models(played: Played) -> Iterator[str]:
    """Arms that are not the same model's."""
    used: dict[str, list[str]] = {}
    for name, results in played.items():
        if results[0].usage.calls or results[0].episode.model:
            used.setdefault(results[0].episode.model, []).append(name)
    if len(used) > 1:
        said = "; ".join(f"{', '.join(names)}: {model}" for model, names in used.items())
        yield f"the arms do not use the same model ({said})"


def pairs(
    gaps: Gaps, by_seed: Mapping[str, Mapping[str, PairRow]], names: Sequence[str]
) -> Iterator[str]:
    """Pairs that cannot be told apart, seeds that disagree, and many pairs at once.

    Args:
        gaps: Paired differences by ordered pair.
        by_seed: Seed, then pair; empty for a single seed.
        names: The arms.
    """
    for a, b in combinations(names, 2):
        yield from _undecided(a, b, gaps[a, b])
        sign = gaps[a, b].value if gaps[a, b].excludes_zero else 0.0
        against = [key for key, rows in by_seed.items() if rows[f"{a} vs {b}"].diff * sign < 0]
        if against:
            seeds = f"seed{'s' * (len(against) > 1)} {', '.join(against)}"
            yield f"{a} and {b}: {seeds} alone would say the contrary"
    count = len(names) * (len(names) - 1) // 2
    if count >= MANY:
        yield (
            f"{count} pairs: among equal arms about one interval in twenty excludes 0 by luck; say "
            "before a run which pair carries the claim"
        )


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
