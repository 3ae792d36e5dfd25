"""From traces to arrays: transitions between states, and what each episode's outcome made true.

A transition is one decision: the state it was made in, the thought and prefix chosen, and the state
of the next decision, if there was one. Texts are kept once each; arrays hold their indices. Knows
nothing of encoders or torch.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError
from forethought.agent.types import Trace

Ints = NDArray[np.int64]
MIN_EPISODES = 20
"""Fewer episodes than this cannot be split into training and held-out ones that say anything."""


@dataclass(slots=True)
class TextTable:
    """Texts without repetition, by index."""

    texts: list[str] = field(default_factory=list)
    _index: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> int:
        """Index of a text, new or known."""
        index = self._index.get(text)
        if index is None:
            index = self._index[text] = len(self.texts)
            self.texts.append(text)
        return index


@dataclass(frozen=True, slots=True)
class Dataset:
    """Transitions of many episodes; `N` of them over `E` episodes and `G` outcome sentences."""

    states: list[str]
    thoughts: list[str]
    prefixes: list[str]
    goals: list[str]
    """Outcome sentences that any episode's vocabulary names."""
    episodes: list[str]
    """Episode ids."""
    groups: Ints
    """Group of each episode, shape `(E,)`: episodes of one group are never split."""
    state: Ints
    """Index into `states`, shape `(N,)`."""
    thought: Ints
    """Index into `thoughts`, shape `(N,)`."""
    prefix: Ints
    """Index into `prefixes`, shape `(N,)`."""
    following: Ints
    """Row of the next transition of the episode, shape `(N,)`; -1 at its last."""
    episode: Ints
    """Index into `episodes`, shape `(N,)`."""
    step: Ints
    """Number of the transition within its episode, from 0, shape `(N,)`."""
    length: Ints
    """Transitions of the episode, shape `(N,)`."""
    reached: NDArray[np.float32]
    """What came true, shape `(E, G)`: 1 reached, 0 missed, NaN where the world does not say."""

    def __len__(self) -> int:
        return len(self.state)

    def of_episodes(self, chosen: NDArray[np.bool_]) -> Ints:
        """Rows of the transitions whose episodes are chosen; `chosen` has shape `(E,)`."""
        rows: Ints = np.flatnonzero(chosen[self.episode])
        return rows

    def truth(self, rows: Ints) -> NDArray[np.float32]:
        """What came true in the episode of each row, shape `(len(rows), G)`."""
        found: NDArray[np.float32] = self.reached[self.episode[rows]]
        return found


def group_names(traces: Sequence[Trace]) -> list[str]:
    """What must stay together: a named group, else the instance, else the episode.

    A group is named by the fact `group` of the episode, or of its outcome where the world names it.
    """
    instances = {t.episode.instance for t in traces}
    names = []
    for trace in traces:
        group = trace.episode.facts.get("group")
        if group is None and trace.outcome is not None:
            group = trace.outcome.facts.get("group")
        if group is not None:
            names.append(f"group {group}")
        elif len(instances) > 1:
            names.append(f"instance {trace.episode.env} {trace.episode.instance}")
        else:
            names.append(f"episode {trace.episode.id}")
    return names


def build_dataset(traces: Iterable[Trace], *, least: int = MIN_EPISODES) -> Dataset:
    """Arrays from finished traces; episodes that failed or hold no step are passed over.

    Args:
        traces: Whole episodes.
        least: Fewest usable episodes.

    Raises:
        DataError: If too few episodes are usable, or no outcome sentence came true in some and
            failed to in others.
    """
    usable = [t for t in traces if t.outcome is not None and t.outcome.finished and t.steps]
    if len(usable) < least:
        raise DataError(
            f"{len(usable)} finished episodes are too few to train on; at least {least} are needed"
        )
    states, thoughts, prefixes, goals = TextTable(), TextTable(), TextTable(), TextTable()
    columns: list[tuple[int, int, int, int, int, int, int]] = []
    for number, trace in enumerate(usable):
        for index, step in enumerate(trace.steps):
            last = index + 1 == len(trace.steps)
            chosen = step.decision.candidate
            columns.append(
                (
                    states.add(step.state),
                    thoughts.add(chosen.thought),
                    prefixes.add(chosen.prefix),
                    -1 if last else len(columns) + 1,
                    number,
                    index,
                    len(trace.steps),
                )
            )
        if trace.outcome is not None:
            for text in (*trace.outcome.reached, *trace.outcome.missed):
                goals.add(text)
    table = np.asarray(columns, dtype=np.int64).T
    groups = TextTable()
    return Dataset(
        states.texts,
        thoughts.texts,
        prefixes.texts,
        goals.texts,
        [t.episode.id for t in usable],
        np.asarray([groups.add(name) for name in group_names(usable)], dtype=np.int64),
        table[0],
        table[1],
        table[2],
        table[3],
        table[4],
        table[5],
        table[6],
        _reached(usable, goals),
    )


def _reached(traces: Sequence[Trace], goals: TextTable) -> NDArray[np.float32]:
    """Truth of each outcome sentence in each episode, shape `(E, G)`."""
    table = np.full((len(traces), len(goals.texts)), np.nan, dtype=np.float32)
    for row, trace in enumerate(traces):
        if trace.outcome is not None:
            for text in trace.outcome.missed:
                table[row, goals.add(text)] = 0.0
            for text in trace.outcome.reached:
                table[row, goals.add(text)] = 1.0
    varied = [bool((c == 1).any() and (c == 0).any()) for c in table.T]
    if not any(varied):
        said = f"all of {len(goals.texts)} outcome sentences" if goals.texts else "no outcome"
        raise DataError(
            f"nothing to learn: {said} {'came out the same way' if goals.texts else 'is named'}"
            " in every episode"
        )
    return table


def outcome_counts(dataset: Dataset) -> dict[str, list[int]]:
    """By outcome sentence: episodes that reached it, and episodes of which it is known."""
    reached, known = (dataset.reached == 1).sum(axis=0), (~np.isnan(dataset.reached)).sum(axis=0)
    return {
        goal: [int(yes), int(of)]
        for goal, yes, of in zip(dataset.goals, reached, known, strict=True)
    }


def split_groups(
    dataset: Dataset, share: float, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split episodes in two by group.

    Args:
        dataset: What to split.
        share: Share of the groups held out, in (0, 1).
        seed: Equal seeds give equal splits.

    Returns:
        Masks over episodes, shape `(E,)` each: training, held out.
    """
    names = sorted(set(dataset.groups.tolist()))
    random.Random(f"split {seed}").shuffle(names)
    count = min(max(1, round(share * len(names))), len(names) - 1)
    held = np.isin(dataset.groups, names[:count])
    return ~held, held


def permute_outcomes(dataset: Dataset, seed: int) -> Dataset:
    """The same data with outcomes dealt to the wrong episodes."""
    order = np.random.default_rng(seed).permutation(len(dataset.reached))
    return replace(dataset, reached=dataset.reached[order])
