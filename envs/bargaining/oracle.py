"""What the world knows of a negotiation: exact chances, given the other's values and rule.

After a move, this player is taken to play on as well as one can who knows all that: every way on is
weighed backwards from the last turn, and the other's draws (which of equally good bundles it asks
for, what `random` does) are averaged over. For the critic `oracle` alone: nothing of it is shown to
a model, a head or a hand-written policy. It has no say about the partners met in training alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from forethought.agent.types import Candidate, Goal
from forethought.envs.bargaining.opponents import (
    BETAS,
    OPPONENTS,
    asks,
    aspiration,
    insisting,
    next_bids,
)
from forethought.envs.bargaining.rules import Bundle, Instance, bundles, rest, worth
from forethought.envs.bargaining.text import GOALS, NO_DEAL, parse_action

Outlook = Mapping[float | None, float]
"""Own points, `None` without an agreement, with their chances, which add up to 1."""

NOTHING: Outlook = {None: 1.0}
LEVELS = {goal.text: level for level, goal in enumerate(GOALS[:-1], start=1)}
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Memory:
    """What the other remembers of this player's offers; only `tit-for-tat` remembers anything."""

    first: int | None = None
    """Points that the first offer would have given the other."""
    most: int = 0
    """The most that an offer would have given it."""

    def after(self, points: int) -> "Memory":
        """The memory once another offer was made, worth so much to the other."""
        return Memory(points if self.first is None else self.first, max(self.most, points))


@dataclass(frozen=True, slots=True)
class Foresight:
    """The chances of every move at one moment, as `info["oracle"]`."""

    instance: Instance
    seat: int
    opponent: str
    offers: tuple[Bundle, ...]
    """Made so far, as in `Game`."""
    max_turns: int
    discount: float

    def __call__(self, candidate: Candidate, goals: Sequence[Goal]) -> list[float | None]:
        """The chance of each goal after a candidate's action; `None` where the world has no say."""
        outlook = self._outlook(candidate.action)
        if outlook is None:
            return [None] * len(goals)
        return [_chance(outlook, goal.text) for goal in goals]

    def _outlook(self, action: str | None) -> Outlook | None:
        """How the negotiation ends after an action; `None` for what is none."""
        if self.opponent not in OPPONENTS:
            return None
        try:
            take = parse_action(action or "")
        except ValueError:
            return None
        game = _solver(self.instance, self.seat, self.opponent, self.max_turns, self.discount)
        if take is None:
            return game.agreeing(self.offers[-1], len(self.offers)) if self.offers else None
        if isinstance(game, _Minimal):
            bids = Bids(
                frozenset(self.offers[1 - self.seat :: 2]), frozenset(self.offers[self.seat :: 2])
            )
            return game.bidding(take, len(self.offers), bids)
        memory = Memory()
        for mine in self.offers[self.seat :: 2]:
            memory = memory.after(game.to_them(mine))
        return game.offering(take, len(self.offers), memory if game.remembers else Memory())


class _Deals:
    """What agreements bring in one negotiation.

    Args:
        instance: The pool and both players' values.
        seat: This player.
        max_turns: As in `Game`.
        discount: As in `Game`.
    """

    def __init__(self, instance: Instance, seat: int, max_turns: int, discount: float) -> None:
        self._pool = instance.pool
        self._mine, self._theirs = instance.values[seat], instance.values[1 - seat]
        self._max_turns = max_turns
        self._discount = discount

    def to_them(self, take: Bundle) -> int:
        """Points for the other when this player takes a bundle."""
        return worth(self._theirs, rest(self._pool, take))

    def agreeing(self, take: Bundle, offers: int) -> Outlook:
        """How it ends when this player agrees to what the other takes, so many offers made."""
        points = worth(self._mine, rest(self._pool, take))
        return {points * self._discount ** max(0, offers - 1): 1.0}

    def agreed(self, take: Bundle, offers: int) -> Outlook:
        """How it ends when the other agrees to what this player takes, so many offers before."""
        return {worth(self._mine, take) * self._discount**offers: 1.0}


class _Solver(_Deals):
    """One negotiation with any opponent but `micro`, solved backwards on demand.

    Args:
        instance: The pool and both players' values.
        seat: This player.
        opponent: The other's rule.
        max_turns: As in `Game`.
        discount: As in `Game`.
    """

    def __init__(
        self, instance: Instance, seat: int, opponent: str, max_turns: int, discount: float
    ) -> None:
        super().__init__(instance, seat, max_turns, discount)
        self.remembers = opponent == "tit-for-tat"
        self._opponent = opponent
        self._best: dict[int, Bundle] = {}
        """For each number of points that can be left to the other, the bundle best to take."""
        for take in sorted(bundles(self._pool), key=lambda b: worth(self._mine, b)):
            self._best[self.to_them(take)] = take
        self._turns: dict[tuple[int, Memory], Outlook] = {}

    def offering(self, take: Bundle, offers: int, memory: Memory) -> Outlook:
        """How it ends when this player asks for a bundle, so many offers made before."""
        made = offers + 1
        if made >= self._max_turns:
            return NOTHING
        left = self.to_them(take)
        memory = memory.after(left) if self.remembers else memory
        accepts, asked = self._answer(made, left, memory)
        parts: list[tuple[float, Outlook]] = [(accepts, self.agreed(take, offers))]
        if accepts < 1 and made + 1 >= self._max_turns:
            parts.append((1 - accepts, NOTHING))
        elif accepts < 1:
            # what is asked for matters only by what it leaves
            ways = Counter(worth(self._mine, rest(self._pool, ask)) for ask in asked)
            example = {worth(self._mine, rest(self._pool, ask)): ask for ask in asked}
            parts += [
                (
                    (1 - accepts) * count / len(asked),
                    self._reply(example[points], made + 1, memory),
                )
                for points, count in ways.items()
            ]
        return _mixed(parts)

    def _reply(self, ask: Bundle, offers: int, memory: Memory) -> Outlook:
        """The better of agreeing to an ask and going on."""
        agreeing, going_on = self.agreeing(ask, offers), self._turn(offers, memory)
        return agreeing if _worth(agreeing) >= _worth(going_on) else going_on

    def _turn(self, offers: int, memory: Memory) -> Outlook:
        """The best offer at a turn of this player."""
        key = (offers, memory)
        if key not in self._turns:
            ways = (self.offering(take, offers, memory) for take in self._best.values())
            self._turns[key] = max(ways, key=_worth)
        return self._turns[key]

    def _answer(self, made: int, left: int, memory: Memory) -> tuple[float, tuple[Bundle, ...]]:
        """The chance that the other agrees, and what it asks for, each as likely, if it does not.

        Args:
            made: Offers so far, the one to be answered included.
            left: What that one leaves to the other, points.
            memory: What the other remembers.
        """
        if self._opponent == "random":
            offers = bundles(self._pool)
            return 1 / (len(offers) + 1), offers
        if self.remembers:
            wanted: float = insisting(memory.most, memory.first or 0)
        else:
            wanted = aspiration(BETAS[self._opponent], made, self._max_turns)
        return float(left >= wanted), asks(self._pool, self._theirs, wanted)


@dataclass(frozen=True, slots=True)
class Bids:
    """What `micro` has bid and heard."""

    made: frozenset[Bundle]
    """Its bids."""
    heard: frozenset[Bundle]
    """Offers of this player's."""
    others: int = 0
    """Further offers, each new and too little for it: which ones they were makes no difference."""

    @property
    def told(self) -> int:
        """Different offers that it has heard."""
        return len(self.heard) + self.others


class _Minimal(_Deals):
    """One negotiation with `micro`, solved backwards on demand; arguments as in `_Deals`.

    At each later turn this player makes the best offer that is agreed to now, or one that is not, a
    new one or an old one.
    """

    def __init__(self, instance: Instance, seat: int, max_turns: int, discount: float) -> None:
        super().__init__(instance, seat, max_turns, discount)
        self._turns: dict[tuple[int, Bids], Outlook] = {}

    def bidding(self, take: Bundle, offers: int, bids: Bids) -> Outlook:
        """How it ends when this player asks for a bundle, so many offers made before."""
        if offers + 1 >= self._max_turns:
            return NOTHING
        after = Bids(bids.made, bids.heard | {take}, bids.others)
        if self.to_them(take) >= self._wanted(after)[0]:
            return self.agreed(take, offers)
        return self._refused(offers + 1, after)

    def _wanted(self, bids: Bids) -> tuple[int, tuple[Bundle, ...]]:
        return next_bids(self._pool, self._theirs, bids.made, bids.told)

    def _refused(self, offers: int, bids: Bids) -> Outlook:
        """How it ends once an offer was too little, that one counted and heard."""
        if offers + 1 >= self._max_turns:
            return NOTHING
        _, ways = self._wanted(bids)
        return _mixed(
            [
                (
                    1 / len(ways),
                    self._reply(way, offers + 1, Bids(bids.made | {way}, bids.heard, bids.others)),
                )
                for way in ways
            ]
        )

    def _reply(self, ask: Bundle, offers: int, bids: Bids) -> Outlook:
        """The better of agreeing to an ask and going on."""
        if offers + 1 >= self._max_turns:
            return self.agreeing(ask, offers)
        key = (offers, bids)
        if key not in self._turns:
            self._turns[key] = max(self._ways(offers, bids), key=_worth)
        return max(self.agreeing(ask, offers), self._turns[key], key=_worth)

    def _ways(self, offers: int, bids: Bids) -> Iterator[Outlook]:
        """What this player can make of a turn."""
        fresh = Bids(bids.made, bids.heard, bids.others + 1)
        wanted, again = self._wanted(fresh)[0], self._wanted(bids)[0]
        for take in bundles(self._pool):
            if self.to_them(take) >= (again if take in bids.heard else wanted):
                yield self.agreed(take, offers)
        yield self._refused(offers + 1, fresh)
        if bids.others or any(self.to_them(take) < again for take in bids.heard):
            yield self._refused(offers + 1, bids)


@lru_cache(maxsize=256)
def _solver(
    instance: Instance, seat: int, opponent: str, max_turns: int, discount: float
) -> _Solver | _Minimal:
    if opponent == "micro":
        return _Minimal(instance, seat, max_turns, discount)
    return _Solver(instance, seat, opponent, max_turns, discount)


def _mixed(parts: Sequence[tuple[float, Outlook]]) -> Outlook:
    """Outlooks, each with its chance, as one."""
    whole: dict[float | None, float] = {}
    for share, outlook in parts:
        for points, chance in outlook.items():
            whole[points] = whole.get(points, 0.0) + share * chance
    return whole


def _worth(outlook: Outlook) -> float:
    """Points expected."""
    return sum((points or 0.0) * chance for points, chance in outlook.items())


def _chance(outlook: Outlook, goal: str) -> float | None:
    """The chance of a goal of the world's own; `None` for any other."""
    if goal == NO_DEAL:
        return min(1.0, outlook.get(None, 0.0))
    if goal not in LEVELS:
        return None
    enough = LEVELS[goal] - _ROUNDING
    reached = (chance for points, chance in outlook.items() if (points or 0.0) >= enough)
    return min(1.0, sum(reached))
