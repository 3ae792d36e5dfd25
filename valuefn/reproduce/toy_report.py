"""The simulation with three scalars beside the paper: figures, controls, and the search.

The choice in use was found by `toy_search`, so the figures agree because they were fitted; what
the fit did not see are the controls, the search's shares and the ends of the path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forethought.envs.stats import mean_interval
from forethought.valuefn.reproduce.toy import Choice, Course, Progress, follow, ratios, sample
from forethought.valuefn.reproduce.toy_paper import RATIOS, STEPS, WITHIN
from forethought.valuefn.reproduce.toy_search import QUICK as QUICK_GRID
from forethought.valuefn.reproduce.toy_search import Grid, Search, search

CHOICE = Choice()
"""The choice whose figures stand beside the paper's."""
CONTROLS: Mapping[str, Choice] = {
    "as fitted": CHOICE,
    "a sample as long as a decision": replace(CHOICE, sample_tokens=CHOICE.decision_tokens),
    "no penalty": replace(CHOICE, beta=0.0),
    "reference never renewed": replace(CHOICE, refresh=STEPS),
}
"""What isolates each part, by name."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    steps: int
    seeds: int
    """Runs of sampled episodes, 2 or more."""
    episodes: int
    """Of each update of each run."""
    grid: Grid


FULL = Size(STEPS, 8, 128, Grid())
QUICK = Size(400, 2, 16, QUICK_GRID)


@dataclass(frozen=True, slots=True)
class Held:
    """One ratio beside the paper's."""

    name: str
    paper: float
    exact: float
    sampled: float
    ci95: tuple[float, float]
    """Of the mean over seeds."""
    holds: bool | None
    """Whether the interval lies within 25 % of the paper's figure, or beyond; `None` if neither."""


@dataclass(frozen=True, slots=True)
class Control:
    """A choice, and what its exact path came to."""

    name: str
    choice: Choice
    figures: tuple[float, ...]
    """As the paper's `FIGURES`."""
    per_token: float
    """KL on the sample over KL on the decision, each divided by its tokens."""
    end: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the simulation showed."""

    size: Size
    seed: int
    held: tuple[Held, ...]
    sampled: tuple[float, ...]
    """Means over seeds, as the paper's `FIGURES`."""
    controls: tuple[Control, ...]
    search: Search
    paths: Mapping[str, Course]
    """Of each control."""


def run(size: Size, *, seed: int = 0, progress: Progress | None = None) -> Report:
    """Follow, sample, search.

    Args:
        size: How much is done.
        seed: Of the sampled episodes.
        progress: Told how far each stage is.

    Raises:
        ConfigError: If there are fewer than 2 seeds.
    """
    paths = {
        name: follow([choice], size.steps, progress=progress, stage=name)
        for name, choice in CONTROLS.items()
    }
    played = sample(
        CHOICE,
        size.steps,
        seeds=size.seeds,
        episodes=size.episodes,
        seed=seed,
        progress=progress,
    )
    exact, by_seed = ratios(paths["as fitted"].figures)[:, 0], ratios(played.figures)
    held = []
    for place, (name, paper) in enumerate(RATIOS.items()):
        told = mean_interval(by_seed[place], seed=seed)
        ends = (told.low, told.high)
        near = holds(ends, paper)
        held.append(Held(name, paper, float(exact[place]), told.value, ends, near))
    return Report(
        size,
        seed,
        tuple(held),
        tuple(map(float, played.figures.mean(axis=1))),
        tuple(_control(name, CONTROLS[name], path) for name, path in paths.items()),
        search(size.grid, size.steps, progress=progress),
        paths,
    )


def holds(ends: tuple[float, float], paper: float) -> bool | None:
    """Whether an interval lies within 25 % of a figure (true) or outside of that (false)."""
    low, high = paper * (1 - WITHIN), paper * (1 + WITHIN)
    if low <= ends[0] and ends[1] <= high:
        return True
    return False if ends[1] < low or ends[0] > high else None


def _control(name: str, choice: Choice, path: Course) -> Control:
    kl = ratios(path.figures)[1, 0]
    return Control(
        name,
        choice,
        tuple(map(float, path.figures[:, 0])),
        float(kl * choice.decision_tokens / choice.sample_tokens),
        tuple(map(float, np.ravel(path.end))),
    )
