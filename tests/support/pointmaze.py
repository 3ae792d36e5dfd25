"""A point in a maze, noisy walks to random places, and the exact value of every start and goal.

After OGBench's `navigate` data (arXiv 2410.20092): the walker goes to a place drawn at random, and
once there to another, with noise on every step, so that the log joins no two far places by the
shortest way. A place is two coordinates in cells. The shortest way around walls bends at their
corners only, so lengths come from a visibility graph and are exact up to the corners' offset.
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace

Reals = NDArray[np.float64]
Cell = tuple[int, int]

MAZE = ("..#...", ".##.#.", "....#.", ".#.##.", ".#....", "...#..")
"""`.` free, `#` wall; around it is wall."""
STEP = 0.4
"""Longest step, cells; a step without noise is that long."""
NOISE = 0.15
"""Spread of the noise on each coordinate of a step before it is shortened to `STEP`, cells."""
_OFFSET = 0.02
"""How far from a wall's corner the way bends, cells."""
_GRAIN = 0.02
"""Distance at which a line of sight is checked, cells."""
NORTH, SOUTH = "I end in the north.", "I end in the south."


def free(places: Reals) -> NDArray[np.bool_]:
    """Whether each place, shape `(N, 2)`, lies in a free cell."""
    open_cells = np.array([[mark == "." for mark in row] for row in MAZE])
    cells = np.floor(places).astype(np.int64)
    inside = ((cells >= 0) & (cells < open_cells.shape)).all(axis=1)
    clipped = np.clip(cells, 0, np.array(open_cells.shape) - 1)
    found: NDArray[np.bool_] = inside & open_cells[clipped[:, 0], clipped[:, 1]]
    return found


def centres() -> Reals:
    """Centres of the free cells, shape `(N, 2)`."""
    return np.array(
        [
            (r + 0.5, c + 0.5)
            for r, row in enumerate(MAZE)
            for c, mark in enumerate(row)
            if mark == "."
        ]
    )


def distances(starts: Reals, ends: Reals) -> Reals:
    """Length of the shortest way between places, cells, shape `(len(starts), len(ends))`."""
    bends = np.concatenate([ends, _corners()])
    between = _straight(bends, bends)
    for middle in range(len(ends), len(bends)):  # a way bends at corners, never at another end
        np.minimum(between, between[:, middle, None] + between[None, middle], out=between)
    first = _straight(starts, bends)
    found = first[:, : len(ends)]
    for middle in range(len(ends), len(bends)):
        np.minimum(found, first[:, middle, None] + between[middle, : len(ends)], out=found)
    return found


def _straight(starts: Reals, ends: Reals) -> Reals:
    """Length of straight ways, infinite across walls, shape `(len(starts), len(ends))`."""
    apart: Reals = np.sqrt(np.square(starts[:, None] - ends[None]).sum(axis=2))
    for index, end in enumerate(ends):
        apart[~_seen(end, starts), index] = np.inf
    return apart


def best_values(starts: Reals, ends: Reals, gamma: float) -> Reals:
    """Discount to the power of the steps of the shortest way, shape as in `distances`."""
    values: Reals = gamma ** (distances(starts, ends) / STEP)
    return values


def _corners() -> Reals:
    """Places just off each corner of a wall that a way may bend around, shape `(K, 2)`."""
    found = []
    for row in range(len(MAZE) + 1):
        for column in range(len(MAZE[0]) + 1):
            around = np.array([(row + a, column + b) for a in (-0.5, 0.5) for b in (-0.5, 0.5)])
            if free(around).sum() == 3:
                wall = around[~free(around)][0]
                found.append(np.array([row, column]) * (1 + _OFFSET) - wall * _OFFSET)
    return np.array(found)


def _seen(point: Reals, others: Reals) -> NDArray[np.bool_]:
    """Whether a straight line leads from the point to each other place without crossing a wall."""
    longest = float(np.sqrt(np.square(others - point).sum(axis=1)).max())
    along = np.linspace(0, 1, max(2, int(longest / _GRAIN)))[:, None, None]
    line = point + along * (others - point)[None]  # (L, N, 2)
    clear = free(line.reshape(-1, 2)).reshape(line.shape[:2])
    found: NDArray[np.bool_] = np.all(clear, axis=0)
    return found


def _ways() -> dict[Cell, dict[Cell, Cell]]:
    """For each goal cell, the next cell on the way to it from every other."""
    cells = {(int(r), int(c)) for r, c in np.floor(centres())}
    found: dict[Cell, dict[Cell, Cell]] = {}
    for goal in cells:
        ahead = {goal: goal}
        queue = deque([goal])
        while queue:
            row, column = queue.popleft()
            for near in (
                (row + 1, column),
                (row - 1, column),
                (row, column + 1),
                (row, column - 1),
            ):
                if near in cells and near not in ahead:
                    ahead[near] = (row, column)
                    queue.append(near)
        found[goal] = ahead
    return found


def walks(count: int, length: int, seed: int) -> list[Reals]:
    """Places of walks, each of shape `(length + 1, 2)`, to one random cell after the other."""
    rng = np.random.default_rng(seed)
    ways, cells = _ways(), centres()
    found = []
    for _ in range(count):
        place = cells[rng.integers(len(cells))] + rng.uniform(-0.45, 0.45, 2)
        goal = _cell(cells[rng.integers(len(cells))])
        path = [place]
        for _ in range(length):
            while _cell(place) == goal:
                goal = _cell(cells[rng.integers(len(cells))])
            place = _moved(place, np.array(ways[goal][_cell(place)]) + 0.5, rng)
            path.append(place)
        found.append(np.array(path))
    return found


def _cell(place: Reals) -> Cell:
    row, column = np.floor(place)
    return int(row), int(column)


def _length(way: Reals) -> float:
    return float(np.sqrt(np.square(way).sum()))


def _moved(place: Reals, aim: Reals, rng: np.random.Generator) -> Reals:
    """One noisy step towards a place; what a wall blocks is lost, one coordinate at a time."""
    way = aim - place
    step = STEP * way / max(_length(way), 1e-9) + rng.normal(0, NOISE, 2)
    step *= min(1.0, STEP / _length(step))
    for move in (step * (1, 0), step * (0, 1)):
        ends = place + np.linspace(0, 1, 4)[1:, None] * move
        if free(ends).all():
            place = place + move
    return place


def as_traces(paths: Sequence[Reals]) -> list[Trace]:
    """Walks as ordinary episodes; a thought is the step taken, an outcome the half they end in."""
    return [_trace(number, path) for number, path in enumerate(paths)]


def _trace(number: int, path: Reals) -> Trace:
    steps = []
    for index, (here, there) in enumerate(pairwise(path)):
        move = there - here
        words = f"I go {move[0]:.4f} {move[1]:.4f}"
        text = place_text(here)
        steps.append(Step(index, text, text, Decision(Candidate(words), words, "logged")))
    north = path[-1][0] < len(MAZE) / 2
    reached, missed = (NORTH, SOUTH) if north else (SOUTH, NORTH)
    outcome = Outcome(0.0, north, reached=(reached,), missed=(missed,))
    return Trace(Episode(str(number), "pointmaze"), tuple(steps), outcome)


def place_text(place: Reals) -> str:
    """A place in words."""
    return f"I am at {place[0]:.4f} {place[1]:.4f}"


class Coordinates:
    """An encoder that reads the two numbers at the end of a text, and nothing else of it."""

    name = "coordinates"
    dim = 2
    fingerprint = "coordinates-1"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), 2), dtype=np.float32)
        for row, text in enumerate(texts):
            words = text.split()[-2:]
            if len(words) == 2 and all(word.lstrip("-")[:1].isdigit() for word in words):
                found[row] = [float(word) for word in words]
        return found
