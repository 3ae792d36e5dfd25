"""Bargaining in words: observation, state, thoughts, actions and the outcome vocabulary.

The state says what matters in words and numbers, since a value head learns from text alone: how
much time is left, what is on the table, and how the other's asks have moved. All of it follows from
the `View`, so nothing here can give away the other player's values.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from forethought.agent.types import Candidate, Goal
from forethought.envs.bargaining.beliefs import (
    Belief,
    View,
    believed,
    possible_values,
    value_to_them,
)
from forethought.envs.bargaining.rules import ITEMS, TOTAL, Bundle, bundles, rest, worth

_NEARLY = 0.25
"""Points by which an estimate may fall short of a level and still count as that level."""
AGREE = "I agree to your offer."
NO_DEAL = "No deal is made."
GOALS = (
    *(
        Goal(f"I get at least {points} of {TOTAL} points.", weight=1 / TOTAL)
        for points in range(1, TOTAL + 1)
    ),
    Goal(NO_DEAL, kind="feared", weight=0.0),
)
"""The outcome vocabulary. Summed over the levels, weight times chance is the expected share."""


@cache
def name_items(bundle: Bundle) -> str:
    """A bundle in words, as in `2 books, 1 hat and 0 balls`."""
    parts = [f"{n} {item}{'' if n == 1 else 's'}" for n, item in zip(bundle, ITEMS, strict=True)]
    return f"{parts[0]}, {parts[1]} and {parts[2]}"


@cache
def say_offer(take: Bundle) -> str:
    """The action that proposes to take a bundle."""
    return f"I take {name_items(take)}, you get the rest."


_EXAMPLE = say_offer((1, 0, 2))
_COUNT = r"(\d{1,3}) (book|hat|ball)s?"
_BETWEEN = r"(?:, and |, | and )"
_ACTION = re.compile(
    rf"i take {_COUNT}{_BETWEEN}{_COUNT}{_BETWEEN}{_COUNT}(?:[,.;]? (?:and )?you get the rest)?\.?"
)
_AGREEING = frozenset({AGREE.lower(), AGREE.lower().rstrip(".")})


@lru_cache(maxsize=4096)
def parse_action(text: str) -> Bundle | None:
    """Read an action back: a bundle to take, or `None` for agreeing.

    The three kinds of items may come in any order; nothing may be left over or be said twice.

    Raises:
        ValueError: If the text is neither, in words for whoever wrote it.
    """
    plain = " ".join(text.lower().split())
    if plain in _AGREEING:
        return None
    match = _ACTION.fullmatch(plain)
    if match is None:
        raise ValueError(f"say '{AGREE}' or, as in '{_EXAMPLE}', how many of each kind you take")
    said = match.groups()
    found = {item: int(count) for count, item in zip(said[::2], said[1::2], strict=True)}
    if len(found) != len(ITEMS):
        raise ValueError("name each of the three kinds of items once")
    return (found["book"], found["hat"], found["ball"])


@cache
def rules_text(max_turns: int, discount: float = 1.0) -> str:
    """The rules that hold all through a negotiation, for the model."""
    parts = [
        "You negotiate with another player about who gets which of some books, hats and balls; get"
        " items that are worth as many points to you as possible.",
        "In turn one of you says which items to take, which leaves the rest to the other, or agrees"
        " to what the other said last, which ends the negotiation.",
        f"Everything together is worth {TOTAL} points to you and {TOTAL} to the other, but single"
        " items may be worth more to one than to the other, and neither knows the other's values.",
        f"Without an agreement after {max_turns} offers in all, nobody gets anything.",
    ]
    if discount < 1:
        parts.append(f"Every turn after the second multiplies all points by {discount:g}.")
    return " ".join(parts)


@lru_cache(maxsize=1024)
def _heading(pool: Bundle, mine: Bundle) -> str:
    values = ", ".join(
        f"a {item} is worth {value}" for item, value in zip(ITEMS, mine, strict=True)
    )
    return f"You and another player divide {name_items(pool)}.\nTo you {values} points."


def observe(view: View) -> str:
    """What the player sees of this negotiation, in full sentences; the rules stand apart."""
    lines = [_heading(view.pool, view.mine), f"This is turn {view.turn} of {view.max_turns}."]
    for number, take in enumerate(view.offers):
        who = "You" if number % 2 == view.seat else "They"
        lines.append(f"{who} said: {say_offer(take)}")
    if view.offers:
        brings = view.offered * view.discount ** max(0, len(view.offers) - 1)
        lines.append(f"Agreeing now brings you {brings:g} points.")
    if view.last_chance:
        lines.append("No offer can be answered any more: agree, or nobody gets anything.")
    return "\n".join(lines)


def state_text(view: View) -> str:
    """The short account of what matters, for planners and value heads.

    Numbers are rounded to one decimal; points are on the scale of 0 to 10.
    """
    asks = view.their_asks
    belief = believed(view)
    leavings = _leavings(view.pool, view.mine, belief.likely)
    room = ", ".join([str(_room(leavings, level)) for level in (8, 6, 5, 4, 3)])
    parts = [
        f"Turn {view.turn} of {view.max_turns}, my turns left {view.turns_left}.",
        f"Leaving them eight, six, five, four or three points lets me have {room}.",
    ]
    if view.discount < 1:
        lasts = view.discount ** max(0, view.turn - 2)
        parts.append(f"Of every point {lasts:.2f} is left, {lasts * view.discount:.2f} next turn.")
    if not asks:
        parts.append("They have not asked for anything yet.")
        return " ".join(parts)
    wanted = [value_to_them(belief.likely, ask) for ask in asks]
    offered = [worth(view.mine, rest(view.pool, ask)) for ask in asks]
    gave = wanted[-2] - wanted[-1] if len(wanted) > 1 else 0.0
    parts += [
        f"Offered to me {offered[-1]}, best so far {max(offered)}, first {offered[0]}.",
        f"Their asks are worth to them about {wanted[-1]:.1f}, at first {wanted[0]:.1f},"
        f" on average {sum(wanted) / len(wanted):.1f}.",
        f"They ask for {sum(asks[-1])} of {sum(view.pool)} items, at first {sum(asks[0])}.",
        f"They gave up {wanted[0] - wanted[-1]:.1f} in all and {gave:.1f} just now.",
        f"Chances in ten that they ask by chance: {round(10 * belief.by_chance + _HALVES_UP)}.",
    ]
    below = ", ".join([str(_room(leavings, wanted[-1] - less)) for less in (0, 1, 2, 3)])
    parts.append(f"Meeting their ask, or one, two or three points less, leaves me {below}.")
    if view.my_asks:
        parts.append(_dealings(view, belief.likely, wanted))
    return " ".join(parts)


def _dealings(view: View, likely: tuple[float, float, float], wanted: list[float]) -> str:
    """What came of this player's own offers.

    Args:
        view: Once both have made offers.
        likely: Expected value of each kind of item to the other, points per item.
        wanted: What each of the other's asks is worth to it, expected points.
    """
    mine = [worth(view.mine, ask) for ask in view.my_asks]
    left = [value_to_them(likely, rest(view.pool, ask)) for ask in view.my_asks]
    # who begins is answered by the ask of the same number, who answers by the one after
    after = wanted[1:] if view.seat else wanted
    answered = repaid = 0
    for number in range(1, min(len(left), len(after))):  # the last offer may not be answered yet
        if left[number] > left[number - 1] + _NEARLY:
            answered += 1
            repaid += after[number] < after[number - 1] - _NEARLY
    return (
        f"I asked for {mine[-1]}, at first {mine[0]};"
        f" they turned down what is worth about {max(left):.1f} to them, at first {left[0]:.1f}."
        f" Of my better offers {answered} were heard, {repaid} repaid."
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What the texts say of each bundle to take, in the order of `bundles`."""

    left: tuple[Bundle, ...]
    """What the other would get."""
    openings: tuple[str, ...]
    """How the thought begins."""
    actions: tuple[str, ...]
    by_worth: tuple[tuple[int, tuple[int, ...]], ...]
    """Own points with the places of the bundles worth that much, most points first."""


@lru_cache(maxsize=1024)
def _table(pool: Bundle, mine: Bundle) -> _Table:
    takes = bundles(pool)
    own = [worth(mine, take) for take in takes]
    return _Table(
        tuple(rest(pool, take) for take in takes),
        tuple(f"I ask for {points} points, which leaves them about " for points in own),
        tuple(say_offer(take) for take in takes),
        tuple(
            (points, tuple(place for place, n in enumerate(own) if n == points))
            for points in sorted(set(own), reverse=True)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Leavings:
    """What the bundles this player may take leave the other, in expected points."""

    theirs: list[float]
    """For each bundle, in the order of `bundles`."""
    most_theirs: list[float]
    """The most that can be left at each number of own points worth choosing, rising."""
    most_mine: list[int]
    """Those own points, falling."""


@lru_cache(maxsize=256)
def _leavings(pool: Bundle, mine: Bundle, likely: tuple[float, float, float]) -> _Leavings:
    table = _table(pool, mine)
    book, hat, ball = likely
    theirs = [book * books + hat * hats + ball * balls for books, hats, balls in table.left]
    most_theirs: list[float] = []
    most_mine: list[int] = []
    highest = -1.0
    for points, places in table.by_worth:
        most = max([theirs[place] for place in places])
        if most > highest:
            highest = most
            most_theirs.append(most)
            most_mine.append(points)
    return _Leavings(theirs, most_theirs, most_mine)


def _room(leavings: _Leavings, level: float) -> int:
    """Most points for this player that leave the other about a level; 0 where nothing does."""
    place = bisect_left(leavings.most_theirs, level - _NEARLY)
    return leavings.most_mine[place] if place < len(leavings.most_mine) else 0


def legal_actions(view: View) -> tuple[str, ...]:
    """Every action the rules allow now, in the order of `thoughts`."""
    offers = _table(view.pool, view.mine).actions
    return (AGREE, *offers) if view.offers else offers


def thoughts(view: View) -> tuple[Candidate, ...]:
    """Every legal action with the thought behind it; agreeing comes first."""
    asks = view.their_asks
    found = []
    if asks:
        found.append(
            Candidate(f"I agree now, which gives me {view.offered} points for sure.", action=AGREE)
        )
    belief = believed(view)
    likely = belief.likely
    before = max([value_to_them(likely, rest(view.pool, ask)) for ask in view.my_asks], default=0.0)
    ask = asks[-1] if asks else view.pool
    return (*found, *_asking(view.pool, view.mine, belief, ask, before))


_NEAR, _ROUGH = 1, 3
"""Points short of their ask that still are nearly, and roughly, what they ask for."""
_HALVES_UP = 1e-6
"""Added before rounding, so that a half is rounded alike in whatever order it was added up."""
_TENTHS = 11
"""Ways that a chance in tenths can come out."""
_CHANCES = tuple(
    f"Chances in ten that it meets their ask: {meets}, nearly: {near}, roughly: {rough}."
    for meets, near, rough in product(range(_TENTHS), repeat=3)
)


def _meeting(pool: Bundle, mine: Bundle, weights: tuple[float, ...], ask: Bundle) -> list[int]:
    """Chances in ten that what each bundle leaves is their ask, nearly, or roughly.

    In the order of `bundles`, as places in `_CHANCES`; a chance of the values that the other may
    have.
    """
    chances = np.rint(np.array(weights) @ _shortfalls(pool, mine, ask) + _HALVES_UP)
    many = chances.size // 3
    meets, near, rough = chances[:many], chances[many : 2 * many], chances[2 * many :]
    found: list[int] = ((meets * _TENTHS + near) * _TENTHS + rough).astype(np.intp).tolist()
    return found


@lru_cache(maxsize=4096)
def _shortfalls(pool: Bundle, mine: Bundle, ask: Bundle) -> NDArray[np.float64]:
    """Whether each bundle leaves the other its ask, nearly, roughly; by value vector.

    Shape `(V, 3 * B)`, zeros and tens.
    """
    points = possible_values(pool, mine).points
    left = np.array([points[other] for other in _table(pool, mine).left]).T
    gap = np.array(points[ask])[:, None] - left
    return 10.0 * np.concatenate([gap <= 0, gap <= _NEAR, gap <= _ROUGH], axis=1)


@lru_cache(maxsize=1024)
def _asking(
    pool: Bundle, mine: Bundle, belief: Belief, ask: Bundle, before: float
) -> tuple[Candidate, ...]:
    """Every offer with the thought behind it, in the order of `bundles`."""
    table = _table(pool, mine)
    wanted = value_to_them(belief.likely, ask)
    theirs = _leavings(pool, mine, belief.likely).theirs
    return tuple(
        [
            Candidate(
                f"{opening}{left:.1f}, short of their ask by {wanted - left:.1f}."
                f" {_CHANCES[chances]} It is {left - before:.1f} more than I left them before.",
                "",
                action,
            )
            for opening, left, chances, action in zip(
                table.openings,
                theirs,
                _meeting(pool, mine, belief.weights, ask),
                table.actions,
                strict=True,
            )
        ]
    )
