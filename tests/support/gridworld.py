"""A slippery grid world as a small decision process: walls, a home and a pit."""

import numpy as np
from chains import Process

MAP = ("..#H", "....", ".#.P", "....")
"""`.` free, `#` wall, `H` home and `P` pit: both end the episode."""
_COMPASS = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1)}


def gridworld(slip: float = 0.1, layout: tuple[str, ...] = MAP) -> Process:
    """The process of a map; the log goes every way, north and east a little more often.

    Args:
        slip: Chance that a step goes in a direction drawn at random instead.
        layout: Rows of the map, all equally long.
    """
    free = [(r, c) for r, row in enumerate(layout) for c, mark in enumerate(row) if mark == "."]
    number = {place: index for index, place in enumerate(free)}
    ends = {"H": len(free), "P": len(free) + 1}
    moves = np.zeros((len(free), 4, len(free) + 2))
    for place, index in number.items():
        reached = [_next(layout, place, way, number, ends) for way in _COMPASS.values()]
        for action in range(4):
            moves[index, action, reached[action]] += 1 - slip
            for target in reached:
                moves[index, action, target] += slip / 4
    return Process(
        tuple(f"I stand in row {r + 1}, column {c + 1}." for r, c in free),
        tuple(f"I go {name}." for name in _COMPASS),
        ("I come home.", "I fall into the pit."),
        moves,
        np.tile([0.3, 0.3, 0.2, 0.2], (len(free), 1)),
        np.full(len(free), 1 / len(free)),
    )


def _next(
    layout: tuple[str, ...],
    place: tuple[int, int],
    way: tuple[int, int],
    number: dict[tuple[int, int], int],
    ends: dict[str, int],
) -> int:
    """Index of what a step leads to; walls and edges leave it where it was."""
    row, column = place[0] + way[0], place[1] + way[1]
    inside = 0 <= row < len(layout) and 0 <= column < len(layout[0])
    if not inside or layout[row][column] == "#":
        return number[place]
    return ends.get(layout[row][column], number.get((row, column), -1))
