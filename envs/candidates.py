"""Did the arms choose among the same candidates? A critic's gain can only be told if they did.

A world that lists its candidates is begun again for the first episodes, and the arms' first
decisions are looked up in its lists; that needs no model and gives the same answer for episodes
read from a file. Later decisions are not looked up: arms that play differently see different
situations there, and the world lists candidates by the same rules.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.contract import guarded, observe
from forethought.agent.errors import EnvironmentFailed, RunError
from forethought.agent.types import Candidate, Episode
from forethought.envs.registry import World
from forethought.envs.results import Result

SAMPLE = 20
"""Episodes whose first decisions are looked up."""
LISTED = "those the world lists"
OWN = "its own"
SOME = "some of its own, some that the world lists"

_Key = tuple[str, str, str]


async def candidate_sets(world: World, played: Mapping[str, Sequence[Result]]) -> dict[str, str]:
    """What each arm chose among, in words; arms that cannot be looked up are left out.

    Args:
        world: Where they played.
        played: Results by arm, on the same situations.
    """
    first = next(iter(played.values()), ())
    lists = [await _listed(world, each.episode) for each in first[:SAMPLE]]
    found = {}
    for name, results in played.items():
        hits = [
            _key(result.first) in offered
            for result, offered in zip(results, lists, strict=False)
            if result.first is not None and offered is not None
        ]
        if hits:
            found[name] = LISTED if all(hits) else OWN if not any(hits) else SOME
    return found


async def _listed(world: World, episode: Episode) -> set[_Key] | None:
    """The candidates of an episode's first decision; `None` where they cannot be had."""
    options: dict[str, Any] = {"instance": episode.instance, "seat": episode.seat}
    if episode.opponent:
        options["opponent"] = episode.opponent
    try:
        with guarded(f"world {world.id}", EnvironmentFailed):
            begun = world.make().reset(seed=episode.seed, options=options)
            text, info = await begun if inspect.isawaitable(begun) else begun
            return {_key(each) for each in observe(text, info).candidates}
    except RunError:  # the episodes themselves tell of it
        return None


def _key(candidate: Candidate) -> _Key:
    return candidate.thought, candidate.prefix, candidate.action or ""


def in_words(sets: Mapping[str, str], weighed: Mapping[str, float | None]) -> str:
    """One sentence on what the arms chose among; empty where that is not known.

    Args:
        sets: As `candidate_sets` returns them.
        weighed: Candidates per decision that weighed any, by arm.
    """
    if not sets:
        return ""
    kinds = list(dict.fromkeys(sets.values()))
    if len(kinds) == 1 and _alike(sets, weighed):
        if kinds[0] == LISTED:
            return "all arms chose among the candidates that the world lists"
        return "all arms chose among candidates of their own, as many each"
    said = "; ".join(f"{name} {kind}{_count(weighed.get(name))}" for name, kind in sets.items())
    return f"the arms did not choose among the same candidates: {said}"


def differ(sets: Mapping[str, str], weighed: Mapping[str, float | None]) -> bool:
    """Whether two arms are known to have chosen among different candidates."""
    return len(set(sets.values())) > 1 or not _alike(sets, weighed)


def _alike(sets: Mapping[str, str], weighed: Mapping[str, float | None]) -> bool:
    """Whether arms with candidates of their own had about as many; the world's lists are its."""
    counts = [
        count
        for name, kind in sets.items()
        if kind != LISTED and (count := weighed.get(name)) is not None
    ]
    return not counts or max(counts) <= 1.25 * min(counts)


def _count(weighed: float | None) -> str:
    return f" ({weighed:.1f} a decision)" if weighed is not None else ""
