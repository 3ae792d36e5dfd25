"""Haggling in words: observation, state, thoughts, actions and the outcome vocabulary.

Everything follows from a `View`, which holds what one side may know; nothing here can give away the
other's limit. The state says what decides: time, what is on offer, how fast the other moves and
where that pace would end.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from forethought.agent.types import Candidate, Goal
from forethought.envs.haggling.rules import MARKS, ROLES, SELLER, coins, gain, mark_for, room

LEVELS = 10
ACCEPT = "I accept your price."
WALK = "I walk away."
NO_DEAL = "No deal is made."
GOALS = (
    *(
        Goal(f"I get at least {tenths} tenths of what there is to share.", weight=1 / LEVELS)
        for tenths in range(1, LEVELS + 1)
    ),
    Goal(NO_DEAL, kind="feared", weight=0.0),
)
"""The outcome vocabulary. Summed over the tenths, weight times chance is the expected share."""
_OFFER = re.compile(r"i offer (\d{1,6})(?: coins)?\.?")
_MESSAGES = {
    "plain": ("My price is {} coins.", "Let us say {} coins."),
    "firm": ("{} coins, and I will hardly move.", "I cannot do better than {} coins."),
    "warm": ("For you, {} coins.", "I would like to agree; how about {} coins?"),
}


@dataclass(frozen=True, slots=True)
class View:
    """What one side may know: everything a policy of ours is allowed to read."""

    item: str
    guide: int
    seat: int
    limit: int
    """Own limit, a mark."""
    opener: int
    offers: tuple[int, ...]
    """Marks named; offer `i` was made by seat `(opener + i) % 2`."""
    tones: tuple[str, ...]
    """How the other sounded, for each of its offers."""
    max_turns: int

    @property
    def turn(self) -> int:
        """Number of the current turn, from 1."""
        return len(self.offers) + 1

    @property
    def offered(self) -> tuple[int, ...]:
        """Steps that each price of the other's would bring, in order."""
        begin = (self.opener + 1 + self.seat) % 2
        return tuple([gain(self.seat, self.limit, mark) for mark in self.offers[begin::2]])

    @property
    def asked(self) -> tuple[int, ...]:
        """Steps that each own price would bring, in order."""
        begin = (self.opener + self.seat) % 2
        return tuple([gain(self.seat, self.limit, mark) for mark in self.offers[begin::2]])

    @property
    def room(self) -> int:
        """The most steps that any price brings."""
        return room(self.seat, self.limit)

    @property
    def turns_left(self) -> int:
        """Own turns in which something can still be agreed, this one included."""
        return (self.max_turns - self.turn) // 2 + 1

    @property
    def last_chance(self) -> bool:
        """Whether no offer of this side can be answered any more."""
        return self.turn >= self.max_turns


@cache
def say_offer(guide: int, mark: int) -> str:
    """The action that names a price."""
    return f"I offer {coins(guide, mark)} coins."


def say_message(guide: int, mark: int, tone: str) -> str:
    """How the other names a price; one mark is always worded alike."""
    ways = _MESSAGES[tone]
    return ways[mark % len(ways)].format(coins(guide, mark))


def parse_action(text: str, guide: int) -> int | str:
    """Read an action back: a mark, or `ACCEPT` or `WALK`.

    Raises:
        ValueError: If the text is none of these, in words for whoever wrote it.
    """
    plain = " ".join(text.lower().split())
    for known in (ACCEPT, WALK):
        if plain in {known.lower(), known.lower().rstrip(".")}:
            return known
    match = _OFFER.fullmatch(plain)
    if match is None:
        raise ValueError(
            f"say '{ACCEPT}', '{WALK}' or, as in '{say_offer(guide, MARKS // 2)}', a price"
        )
    mark, rest = divmod((int(match[1]) - guide // 2) * MARKS, guide)
    if rest or not 0 <= mark <= MARKS:
        low, high = coins(guide, 0), coins(guide, MARKS)
        raise ValueError(f"prices go from {low} to {high} coins in steps of {guide // MARKS}")
    return mark


@cache
def rules_text(seat: int, guide: int, max_turns: int) -> str:
    """The rules that hold all through, for the model."""
    better = "higher" if seat == SELLER else "lower"
    return (
        f"You haggle over the price of one item, as the {ROLES[seat]}. In turn one of you names a"
        " price, accepts the price the other named last, or walks away. You were given a limit"
        " beyond which you may not go; so was the other, and neither knows the other's. The"
        f" {better} the price, the better for you: a deal counts by the steps of {guide // MARKS}"
        " coins between your limit and the price, as a share of those between the two limits."
        f" Without a deal after {max_turns} prices in all, or when somebody walks away, both get"
        " nothing. Sometimes no price suits both."
    )


def observe(view: View) -> str:
    """What this side sees, in full sentences; the rules stand apart."""
    verb = "sell" if view.seat == SELLER else "buy"
    bound = "less" if view.seat == SELLER else "more"
    limit = coins(view.guide, view.limit)
    lines = [
        f"You want to {verb} a {view.item}. It usually costs {view.guide} coins.",
        f"You may not {verb} for {bound} than {limit} coins.",
        f"This is turn {view.turn} of {view.max_turns}.",
    ]
    tones = iter(view.tones)
    for number, mark in enumerate(view.offers):
        if (view.opener + number) % 2 == view.seat:
            lines.append(f"You said: {say_offer(view.guide, mark)}")
        else:
            lines.append(f"They said: {say_message(view.guide, mark, next(tones))}")
    if view.offered and view.offered[-1] < 0:
        lines.append("Their price is beyond your limit.")
    elif view.offered:
        lines.append(f"Accepting now brings you {view.offered[-1]} steps.")
    if view.last_chance:
        lines.append("No price of yours can be answered any more.")
    return "\n".join(lines)


def state_text(view: View) -> str:
    """The short account of what matters, for planners and value heads; all amounts are steps."""
    parts = [
        f"Turn {view.turn} of {view.max_turns}, my turns left {view.turns_left}.",
        f"I am the {ROLES[view.seat]}; my limit leaves room for {view.room}.",
    ]
    offered, asked = view.offered, view.asked
    if not offered:
        parts.append("They have not named a price yet.")
        return " ".join(parts)
    moved, just = offered[-1] - offered[0], offered[-1] - offered[-2] if len(offered) > 1 else 0
    parts.append(f"They offer me {offered[-1]}, best so far {max(offered)}, at first {offered[0]}.")
    if len(offered) > 1:
        pace = moved / (len(offered) - 1)
        left = (view.max_turns - view.turn) // 2
        parts.append(
            f"They gave way by {moved} in all, by {just} just now, each time about {pace:.1f};"
            f" that pace ends at {offered[-1] + left * pace:.0f},"
            f" their latest pace at {offered[-1] + left * just}."
        )
    parts.append(
        f"They sounded {view.tones[-1]} last, firm {view.tones.count('firm')}"
        f" and warm {view.tones.count('warm')} of {len(view.tones)} times."
    )
    if asked:
        parts.append(
            f"I asked for {asked[-1]}, at first {asked[0]}; I gave way by {asked[0] - asked[-1]},"
            f" and between us lie {asked[-1] - offered[-1]}."
        )
    return " ".join(parts)


def legal_actions(view: View) -> tuple[str, ...]:
    """Every action the rules allow now, in the order of `thoughts`."""
    return _moves(*_key(view))[1]


def thoughts(view: View) -> tuple[Candidate, ...]:
    """Every legal action with the thought behind it: accepting first, walking away last."""
    return _moves(*_key(view))[0]


def _key(view: View) -> tuple[int, int, int, int | None, int | None]:
    offered, asked = view.offered, view.asked
    return (
        view.guide,
        view.seat,
        view.limit,
        offered[-1] if offered else None,
        asked[-1] if asked else None,
    )


@lru_cache(maxsize=8192)
def _moves(
    guide: int, seat: int, limit: int, offered: int | None, asked: int | None
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The candidates and their actions; prices within the limit, best for oneself first."""
    found = []
    if offered is not None and offered >= 0:
        thought = f"I accept, which brings me {offered} steps for sure."
        found.append(Candidate(thought, action=ACCEPT))
    for steps in range(room(seat, limit), -1, -1):
        thought = f"I name a price that brings me {steps} steps"
        if offered is not None:
            thought += f", away from theirs by {steps - offered}"
        if asked is not None:
            thought += f", less than my last by {asked - steps}"
        action = say_offer(guide, mark_for(seat, limit, steps))
        found.append(Candidate(f"{thought}.", action=action))
    found.append(Candidate("I walk away with nothing.", action=WALK))
    return tuple(found), tuple(str(candidate.action) for candidate in found)
