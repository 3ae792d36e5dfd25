"""Shoppers by rule: those that heads are held against, and those that they learn from.

All go by what can be seen: the pages, and the instruction as read. Nothing here knows the target.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from forethought.agent.types import Candidate, Observation
from forethought.envs.registry import Bot
from forethought.envs.webshop.counts import covered, failings, fits_price, fresh, offered
from forethought.envs.webshop.pages import BUY, PREVIOUS, Visit

PATIENCE = 5
"""Products that `first_offering` opens at most, so that there is time to buy."""


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any listed candidate, each as likely."""
    return rng.choice(observation.candidates)


def first_hit(observation: Observation, rng: random.Random) -> Candidate:
    """Search for everything, open the first result, select what is asked for, buy."""
    visit: Visit = observation.info["view"]
    if visit.page == "item":
        return _select_or_buy(observation)
    return observation.candidates[0]


def first_offering(observation: Observation, rng: random.Random) -> Candidate:
    """As `first_hit`, but leave a product that lacks an option asked for, and open the next."""
    visit: Visit = observation.info["view"]
    reading, products = visit.reading, visit.shop.products
    if visit.page == "item":
        short = offered(reading, visit.product) < len(reading.options)
        others = [place for place in visit.listed if place not in visit.opened]
        if short and others and len(visit.opened) < PATIENCE:
            return _click(observation, PREVIOUS)
        return _select_or_buy(observation)
    if visit.page == "results" and visit.listed:
        unseen = [place for place in visit.listed if place not in visit.opened]
        return _click(observation, products[[*unseen, *visit.listed][0]].asin)
    return observation.candidates[0]


def best_words(observation: Observation, rng: random.Random) -> Candidate:
    """As `first_hit`, but open the result within the price whose title has most of the words."""
    visit: Visit = observation.info["view"]
    if visit.page == "results" and visit.listed:
        reading, products = visit.reading, visit.shop.products
        best = max(
            (products[place] for place in visit.listed),
            key=lambda one: (fits_price(reading, one), covered(reading.words, one.title)),
        )
        return _click(observation, best.asin)
    return first_hit(observation, rng)


def careful(observation: Observation, rng: random.Random) -> Candidate:
    """As `first_offering`, but pass over what costs too much, and buy the best of six products."""
    return _Shopper(searches=0.0)(observation, rng)


@dataclass(frozen=True, slots=True)
class _Shopper:
    """A way to shop, kept to from the search to the purchase."""

    patience: int = 6
    """Products opened at most."""
    settles: bool = False
    """Buys the last product opened, though it or another may be better."""
    shuffles: float = 0.0
    """Chance to open any result within the limit, not the first."""
    forgets: bool = False
    """Buys without selecting options."""
    fills: bool = False
    """Selects a value that nobody asked for where the one asked for is not on offer."""
    searches: float = 0.5
    """Chance to search for any of what can be searched for, not for everything."""

    def __call__(self, observation: Observation, rng: random.Random) -> Candidate:
        """Decide."""
        visit: Visit = observation.info["view"]
        left = fresh(visit) if len(visit.opened) < self.patience else []
        if visit.page == "item":
            return self._on_item(observation, visit, more=bool(left))
        if visit.page == "results" and visit.listed:
            place = self._place(visit, left, rng)
            return _click(observation, visit.shop.products[place].asin)
        if visit.page == "search" and self.searches and rng.random() < self.searches:
            return rng.choice(observation.candidates)
        return observation.candidates[0]

    def _on_item(self, observation: Observation, visit: Visit, *, more: bool) -> Candidate:
        here = failings(visit, visit.item)
        best = min(failings(visit, place) for place in visit.opened)
        worse = here > best and not self.settles
        if (worse or (here and more)) and (self.searches == 0 or not visit.chosen):
            return _click(observation, PREVIOUS)
        if self.forgets:
            return _click(observation, BUY)
        chosen = _select_or_buy(observation)
        if self.fills and chosen.action == f"click[{BUY}]":
            return next(
                (one for one in observation.candidates if "not asked" in one.thought), chosen
            )
        return chosen

    def _place(self, visit: Visit, left: list[int], rng: random.Random) -> int:
        """The result to open: one not opened yet, or else the best of those opened."""
        if self.shuffles and rng.random() < self.shuffles:
            rng.shuffle(left)
        opened = [place for place in visit.listed if place in visit.opened]
        opened.sort(key=partial(failings, visit))
        return [*left, *opened, *visit.listed][0]


def _click(observation: Observation, label: str) -> Candidate:
    action = f"click[{label}]"
    found = (one for one in observation.candidates if one.action == action)
    return next(found, observation.candidates[-1])


def _select_or_buy(observation: Observation) -> Candidate:
    """Select the first option asked for that is not selected yet, else buy."""
    visit: Visit = observation.info["view"]
    for name, value in visit.reading.options.items():
        if visit.chosen.get(name) == value or value not in visit.product.options.get(name, ()):
            continue
        for label in (value, f"{name}: {value}"):
            chosen = _click(observation, label)
            if chosen.action == f"click[{label}]":
                return chosen
    return _click(observation, BUY)


def _careless(inner: Bot, share: float) -> Bot:
    """A shopper that does anything in a share of the decisions, all kinds of things as often."""

    def act(observation: Observation, rng: random.Random) -> Candidate:
        if rng.random() >= share:
            return inner(observation, rng)
        kinds: dict[str, list[Candidate]] = {}
        for candidate in observation.candidates:
            kinds.setdefault(" ".join(candidate.thought.split()[:2]), []).append(candidate)
        return rng.choice(kinds[rng.choice(list(kinds))])

    return act


BOTS: Mapping[str, Bot] = MappingProxyType(
    {
        "heuristic": first_hit,
        "unguided": unguided,
        "first-offering": first_offering,
        "best-words": best_words,
        "careful": careful,
    }
)
"""What a head is held against."""

COLLECTORS: tuple[Bot, ...] = (
    _Shopper(),
    _Shopper(shuffles=0.2),
    _Shopper(shuffles=0.5),
    _Shopper(patience=5),
    _careless(_Shopper(), 0.1),
    _careless(_Shopper(shuffles=0.5), 0.1),
    _Shopper(patience=1, settles=True),
    _Shopper(patience=1, settles=True, shuffles=1.0),
    _Shopper(patience=1, settles=True, fills=True, shuffles=0.5),
    _Shopper(forgets=True),
    _careless(_Shopper(), 0.5),
    _careless(_Shopper(shuffles=0.5), 0.5),
    _careless(_Shopper(shuffles=1.0), 0.8),
)
"""Good and bad shoppers, each of whom keeps to a way.

What only the bad ones do ends badly in the logs. Done now and then by a good one, who makes up for
it at once, it would seem to cost nothing.
"""
