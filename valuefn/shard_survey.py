"""One look at all shards before training: counts, and a sample of rows that fits in memory.

The sample is what everything that needs rows at hand is fitted on: input blocks and support on its
training rows, early stopping and calibration on its held-out rows. Whether a row is in it is
decided by hashes of its group, its episode and its step: equal data give equal samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError, UnknownName
from forethought.valuefn.data import MIN_EPISODES, Dataset, Ints, TextTable
from forethought.valuefn.keyed import uniform
from forethought.valuefn.shard_folder import Shard, ShardFolder

SAMPLE = 16384
"""Training rows in the sample at most, and as many held-out rows."""
_MARGIN = 1.25
"""Rows looked at for each row wanted: their number is random, and the surplus is cut."""
_STEP = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Survey:
    """What the look found."""

    data: Dataset
    """The sample; its rows have no following row."""
    rows: Ints
    """Training rows of the sample."""
    held: Ints
    """Held-out rows of the sample."""
    train_episodes: int
    held_episodes: int
    train_transitions: int
    never_reached: list[str]
    """Outcome sentences that some episodes name and none reached."""


class _Row(NamedTuple):
    """One row of the sample."""

    priority: float
    place: tuple[int, int]
    """Shard and row: the order of the stream."""
    texts: tuple[str, str, str]
    episode: str
    key: int
    group: int
    step: int
    length: int
    reached: NDArray[np.float32]


def survey(
    folder: ShardFolder,
    share: float,
    seed: int,
    *,
    focus: str = "",
    sample: int = SAMPLE,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Read all shards once.

    Args:
        folder: The shards.
        share: Share of the groups held out, in (0, 1).
        seed: Equal seeds give equal splits and samples.
        focus: Outcome sentence that matters most; empty for none.
        sample: Most training rows in the sample, and most held-out rows.
        progress: Told the shards read and how many there are.

    Raises:
        DataError: If there are too few episodes, none on either side of the split, or no outcome
            sentence came true in some and failed to in others; or a shard is damaged.
        UnknownName: If no episode names the focus.
    """
    total = folder.manifest.transitions
    chances = [min(1.0, _MARGIN * sample / (part * total)) for part in (1 - share, share)]
    found: tuple[list[_Row], list[_Row]] = ([], [])
    episodes, transitions = np.zeros(2, np.int64), np.zeros(2, np.int64)
    goals = folder.manifest.goals
    seen = np.zeros((2, 2, len(goals)), np.int64)  # side, missed or reached, goal
    for number in range(len(folder)):
        shard = folder.load(number)
        held = shard.held(share, seed)
        for side, mask in enumerate((~held, held)):
            seen[side] += [(shard.reached[mask] == value).sum(axis=0) for value in (0, 1)]
            episodes[side] += mask.sum()
            rows = shard.of_episodes(mask)
            transitions[side] += len(rows)
            found[side].extend(_sampled(shard, number, rows, chances[side], seed))
        if progress is not None:
            progress(number + 1, len(folder))
    _check(episodes, seen)
    _check_focus(focus, goals, seen)
    kept = [sorted(sorted(side)[:sample], key=lambda row: row.place) for side in found]
    data = _data(folder, [row for side in kept for row in side])
    border = len(kept[0])
    return Survey(
        data,
        np.arange(border),
        np.arange(border, len(data)),
        int(episodes[0]),
        int(episodes[1]),
        int(transitions[0]),
        [goal for goal, times in zip(goals, seen[:, 1].sum(axis=0), strict=True) if not times],
    )


def _sampled(shard: Shard, number: int, rows: Ints, chance: float, seed: int) -> list[_Row]:
    with np.errstate(over="ignore"):
        keys = shard.keys[shard.episode[rows]] + shard.step[rows].astype(np.uint64) * np.uint64(
            _STEP
        )
    priority = uniform(keys, "sample", seed)
    return [
        _Row(
            float(priority[place]),
            (number, int(row)),
            (
                shard.texts["state"][shard.columns["state"][row]],
                shard.texts["thought"][shard.columns["thought"][row]],
                shard.texts["prefix"][shard.columns["prefix"][row]],
            ),
            shard.ids[shard.episode[row]],
            int(shard.keys[shard.episode[row]]),
            int(shard.groups[shard.episode[row]]),
            int(shard.step[row]),
            int(shard.length[row]),
            shard.reached[shard.episode[row]],
        )
        for place, row in enumerate(rows)
        if priority[place] < chance
    ]


def _check(episodes: Ints, seen: Ints) -> None:
    """See that there is something to learn and something to judge it by."""
    if episodes.sum() < MIN_EPISODES:
        raise DataError(
            f"{episodes.sum()} finished episodes are too few to train on; at least {MIN_EPISODES} "
            "are needed"
        )
    if not episodes.all():
        raise DataError(
            "all episodes fall on one side of the held-out split: there are too few groups; give "
            "episodes a fact group of their own"
        )
    both = seen.sum(axis=0)
    if not (both > 0).all(axis=0).any():
        said = f"all of {both.shape[1]} outcome sentences came out the same way"
        said = said if both.shape[1] else "no outcome is named"
        raise DataError(f"nothing to learn: {said} in every episode")
    if not (seen[0] > 0).all(axis=0).any():
        raise DataError(
            f"no outcome sentence both came true and failed among the {episodes[0]} episodes to "
            "train on; give more episodes"
        )
    if not seen[1].any():
        raise DataError("none of the held-out episodes says how it ended; give more episodes")


def _check_focus(focus: str, goals: Sequence[str], seen: Ints) -> None:
    """See that the focus is named, and came true in some episodes and not in others."""
    if not focus:
        return
    if focus not in goals:
        raise UnknownName("goal", focus, goals)
    if not seen.sum(axis=0)[:, list(goals).index(focus)].all():
        raise DataError(
            f"the focus {focus!r} came out the same way in every episode; there is nothing to "
            "learn about it"
        )


def _data(folder: ShardFolder, rows: list[_Row]) -> Dataset:
    tables = [TextTable(), TextTable(), TextTable()]
    places: dict[int, int] = {}
    firsts: list[_Row] = []
    table = np.empty((len(rows), 6), dtype=np.int64)
    for number, row in enumerate(rows):
        if row.key not in places:
            places[row.key] = len(firsts)
            firsts.append(row)
        texts = [each.add(text) for each, text in zip(tables, row.texts, strict=True)]
        table[number] = (*texts, places[row.key], row.step, row.length)
    state, thought, prefix, episode, step, length = table.T
    return Dataset(
        states=tables[0].texts,
        thoughts=tables[1].texts,
        prefixes=tables[2].texts,
        goals=list(folder.manifest.goals),
        episodes=[row.episode for row in firsts],
        groups=np.asarray([row.group for row in firsts], dtype=np.uint64).view(np.int64),
        state=state,
        thought=thought,
        prefix=prefix,
        following=np.full(len(rows), -1),
        episode=episode,
        step=step,
        length=length,
        reached=np.stack([row.reached for row in firsts]),
    )
