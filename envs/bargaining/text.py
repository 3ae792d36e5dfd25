"""Bargaining in words: observation, state, thoughts, actions and the outcome vocabulary.

The state says what matters in words and numbers, since a value head learns from text alone: how
much time is left, what is on the table, and how the other's asks have moved. All of it follows from
the `View`, so nothing here can give away the other player's values.
"""

import re
from collections.abc import Sequence
from functools import cache

from forethought.agent.types import Candidate, Goal
from forethought.envs.bargaining.beliefs import View, likely_values, value_to_them
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


def parse_action(text: str) -> Bundle | None:
    """Read an action back: a bundle to take, or `None` for agreeing.

    Raises:
        ValueError: If the text is neither, or names a kind of item twice.
    """
    plain = text.strip().lower()
    if plain == AGREE.lower():
        return None
    found: dict[str, int] = {}
    match = re.fullmatch(r"i take (.+?)(?:, you get the rest)?\.?", plain)
    if match is None:
        raise ValueError("say what you take, or agree")
    for count, item in re.findall(r"(\d+) (book|hat|ball)s?\b", match.group(1)):
        if item in found:
            raise ValueError(f"{item} is named twice")
        found[item] = int(count)
    if set(found) != set(ITEMS):
        raise ValueError("name all three kinds of items")
    return (found["book"], found["hat"], found["ball"])


def observe(view: View) -> str:
    """What the player sees, in full sentences."""
    lines = [
        f"You and another player divide {name_items(view.pool)}.",
        "To you "
        + ", ".join(
            f"a {item} is worth {value}" for item, value in zip(ITEMS, view.mine, strict=True)
        )
        + f"; everything together is worth {TOTAL} points. Their values are different and hidden.",
        f"This is turn {view.turn} of {view.max_turns}; without an agreement nobody gets anything.",
    ]
    for number, take in enumerate(view.offers):
        who = "You" if number % 2 == view.seat else "They"
        lines.append(f"{who} said: {say_offer(take)}")
    if view.their_asks:
        lines.append(f"Agreeing now brings you {view.offered} points.")
    return "\n".join(lines)


def state_text(view: View) -> str:
    """The short account of what matters, for planners and value heads.

    Numbers are rounded to one decimal; points are on the scale of 0 to 10.
    """
    asks = view.their_asks
    likely = likely_values(view)
    room = ", ".join(str(points) for points in _room(view, likely, (8, 6, 5, 4, 3)))
    parts = [
        f"Turn {view.turn} of {view.max_turns}, my turns left {view.turns_left}.",
        f"Leaving them eight, six, five, four or three points lets me have {room}.",
    ]
    if not asks:
        parts.append("They have not asked for anything yet.")
        return " ".join(parts)
    wanted = [value_to_them(likely, ask) for ask in asks]
    offered = [worth(view.mine, rest(view.pool, ask)) for ask in asks]
    parts += [
        f"Offered to me {offered[-1]}, best so far {max(offered)}, first {offered[0]}.",
        f"Their asks are worth to them about {wanted[-1]:.1f}, at first {wanted[0]:.1f},"
        f" on average {sum(wanted) / len(wanted):.1f}.",
        f"They ask for {sum(asks[-1])} of {sum(view.pool)} items, at first {sum(asks[0])}.",
        f"They gave up {wanted[0] - wanted[-1]:.1f} in all and"
        f" {(wanted[-2] - wanted[-1]) if len(wanted) > 1 else 0.0:.1f} just now.",
    ]
    below = _room(view, likely, tuple(wanted[-1] - less for less in (0, 1, 2, 3)))
    parts.append(
        f"Meeting their ask, or one, two or three points less, leaves me"
        f" {', '.join(str(points) for points in below)}."
    )
    if view.my_asks:
        mine = [worth(view.mine, ask) for ask in view.my_asks]
        best = max(value_to_them(likely, rest(view.pool, ask)) for ask in view.my_asks)
        parts.append(
            f"I asked for {mine[-1]}, at first {mine[0]};"
            f" they turned down what is worth about {best:.1f} to them."
        )
    return " ".join(parts)


def _room(view: View, likely: Sequence[float], levels: Sequence[float]) -> list[int]:
    """Most points for this player among bundles that leave the other about each level."""
    pairs = [
        (value_to_them(likely, rest(view.pool, take)), worth(view.mine, take))
        for take in bundles(view.pool)
    ]
    return [
        max((mine for theirs, mine in pairs if theirs >= level - _NEARLY), default=0)
        for level in levels
    ]


def thoughts(view: View) -> tuple[Candidate, ...]:
    """Every legal action with the thought behind it; agreeing comes first."""
    asks = view.their_asks
    likely = likely_values(view)
    wanted = value_to_them(likely, asks[-1]) if asks else float(TOTAL)
    found = []
    if asks:
        found.append(
            Candidate(f"I agree now, which gives me {view.offered} points for sure.", action=AGREE)
        )
    for take in bundles(view.pool):
        theirs = value_to_them(likely, rest(view.pool, take))
        found.append(
            Candidate(
                f"I ask for {worth(view.mine, take)} points, which leaves them about {theirs:.1f},"
                f" short of their ask by {wanted - theirs:.1f}.",
                action=say_offer(take),
            )
        )
    return tuple(found)
