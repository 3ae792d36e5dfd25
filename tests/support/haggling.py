"""Generated haggling whose chance of a deal is known at every turn, for tests of scale.

Points begin at 0. A turn's tactic, met by the other side's mood, changes them by a fixed effect and
by luck; a deal is closed at the end with a chance that rises with the points. Tactics and moods are
uniform, so the chance of a deal after a tactic is a sum over what the remaining turns may bring,
exact by convolution. The rest of a state's text says nothing, in many words.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace

_Item = TypeVar("_Item")

DEAL = Goal("We close a deal.")
WALK = Goal("They walk away.", kind="feared")
RICH = Goal("I end with at least 3 points.")
MOODS = ("curious", "hurried", "proud", "tired", "cheerful")
TACTICS = (
    "I ask what the {thing} means to them before I name a price.",
    "I offer the {thing} at once and wait for an answer.",
    "I praise how they chose the {thing} and let them speak.",
    "I say that others want the {thing} too.",
    "I bring up the {thing} from last time and stay calm.",
    "I drop the {thing} and talk about the total.",
)
THINGS = tuple(
    f"{kind} {name}"
    for kind, name in product(
        ("red", "old", "small", "heavy", "second", "new", "missing", "spare", "cheap", "rare"),
        ("lamp", "boat", "carpet", "wheel", "clock", "piano", "kettle", "ladder", "tent", "box"),
    )
)  # fmt: skip
EFFECTS = np.array(
    [[2, -1, 0, 0, 1], [-1, 2, 0, 1, 0], [0, -1, 2, 0, 1], [0, 1, -2, -1, 0], [1, 0, 0, 2, -1],
     [-1, 1, -1, 1, 0]]
)  # fmt: skip
LUCK = (-1, 0, 1)
_REACH = 60
"""Most points either way."""


@cache
def _tables() -> list[NDArray[np.float64]]:
    """Chance of a deal by turns left and points, from `-_REACH`."""
    points = np.arange(-_REACH, _REACH + 1)
    tables = [1 / (1 + np.exp(-(points - 3) / 1.5))]
    change = [int(e) + luck for e in EFFECTS.ravel() for luck in LUCK]
    for _ in range(16):
        last = np.pad(tables[-1], 4, mode="edge")
        shifted = [last[4 + step : 4 + step + len(points)] for step in change]
        tables.append(np.mean(shifted, axis=0))
    return tables


def chance(points: int, tactic: int, mood: int, left: int) -> float:
    """Chance of a deal after a tactic; `left` turns follow this one."""
    table = _tables()[left]
    after = points + int(EFFECTS[tactic, mood]) + _REACH
    return float(sum(table[after + luck] for luck in LUCK)) / len(LUCK)


def episode(rng: random.Random, number: int, seed: int) -> tuple[Trace, list[float]]:
    """One episode, and the chance of a deal after each of its decisions."""
    turns = 6 + int(rng.random() * 9)
    points = 0
    steps: list[Step] = []
    chances: list[float] = []
    for turn in range(turns):
        mood, tactic = int(rng.random() * len(MOODS)), int(rng.random() * len(TACTICS))
        state = (
            f"Turn {turn + 1} of {turns}. I hold {points} points. They seem {MOODS[mood]} about "
            f"the {_pick(rng, THINGS)} for {int(rng.random() * 1000)} coins."
        )
        thought = TACTICS[tactic].format(thing=_pick(rng, THINGS))
        prefix = _pick(rng, ("", "Well, ", "Look: "))
        chances.append(chance(points, tactic, mood, turns - turn - 1))
        steps.append(Step(turn, "", state, Decision(Candidate(thought, prefix), "", "generated")))
        points += int(EFFECTS[tactic, mood]) + _pick(rng, LUCK)
    deal = rng.random() < _tables()[0][points + _REACH]
    named = {DEAL.text: bool(deal), WALK.text: not deal, RICH.text: points >= 3}
    outcome = Outcome(
        float(deal),
        bool(deal),
        reached=tuple(text for text, true in named.items() if true),
        missed=tuple(text for text, true in named.items() if not true),
    )
    about = Episode(f"{seed}/{number}", "haggling", instance=number, goals=(DEAL, WALK, RICH))
    return Trace(about, tuple(steps), outcome), chances


def _pick(rng: random.Random, items: Sequence[_Item]) -> _Item:
    return items[int(rng.random() * len(items))]


def haggling(transitions: int, seed: int = 0) -> Iterator[Trace]:
    """Episodes until so many transitions are reached."""
    rng = random.Random(seed)
    made = number = 0
    while made < transitions:
        trace, _ = episode(rng, number, seed)
        made += len(trace.steps)
        number += 1
        yield trace
