"""Data sets of real people's talks, by the name that stands for them among traces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.agent.types import Goal, Trace
from forethought.envs import casino
from forethought.envs.persuasion import traces as persuasion


@dataclass(frozen=True, slots=True)
class People:
    """A data set of talks."""

    traces: Callable[[], list[Trace]]
    """Reads all of it."""
    success: Goal
    """What counts as success."""
    transcript: Callable[[Trace, float], str]
    """What was said after a share of the utterances, for text baselines."""


PEOPLE: Mapping[str, People] = MappingProxyType(
    {
        casino.DATASET: People(casino.casino_traces, casino.SUCCESS_GOAL, casino.transcript_at),
        persuasion.DATASET: People(
            persuasion.persuasion_traces, persuasion.DONATED, persuasion.transcript_at
        ),
    }
)
