"""The `webshop-v0` environment: the pages behind text, a purchase judged at the end."""

import os
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate, Observation, Outcome
from forethought.envs.registry import Bot, World
from forethought.envs.webshop.counts import covered, fits_price, fresh, lacking, offered
from forethought.envs.webshop.pages import BUY, PREVIOUS, Visit
from forethought.envs.webshop.reading import read_instruction
from forethought.envs.webshop.reward import Score, judge
from forethought.envs.webshop.shop import Errand, Shop, open_shop
from forethought.envs.webshop.text import GOALS, LEVELS, MANUAL, NOTHING, RULES, observe
from forethought.envs.webshop.thoughts import state_text, thoughts

STEPS = 15
"""Decisions after which an errand is broken off with nothing bought."""


class WebShop:
    """One errand in the shop.

    Reward, on the last step only: how well the purchase fits, in [0, 1], see `reward`. An action is
    `search[words]` on the search page and one of `info["legal_actions"]` elsewhere; the search page
    lists none, since any words may be searched for. `info["view"]` holds the visit, for policies
    written by hand.

    Args:
        folder: Holds the shop's two files; found through `FORETHOUGHT_DATA` when left out, and read
            at the first `reset`.
    """

    id = "webshop-v0"

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = folder
        self._errand: Errand | None = None
        self._visit: Visit | None = None
        self._left = 0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Be sent on an errand.

        Args:
            seed: Chooses the errand, among those for training, where the options do not.
            options: `instance` (a number, see `Shop.splits`). `seat` and `opponent` may be there
                and must be 0 and empty: nobody else is in the shop.

        Raises:
            ConfigError: If an option makes no sense, or the data set cannot be found.
            DataError: If a file of the data set cannot be read, or is not of that form.
            MissingExtra: If bm25s is not installed.
        """
        self._visit = None
        options = options or {}
        unknown = set(options) - {"instance", "seat", "opponent"}
        if unknown:
            raise ConfigError(f"webshop-v0 has no option {', '.join(sorted(unknown))}")
        if options.get("seat") or options.get("opponent"):
            raise ConfigError("webshop-v0 has one seat, 0, and no opponents")
        shop = open_shop(self._folder)
        self._errand = _errand(shop, options.get("instance"), seed)
        self._visit = Visit(shop, read_instruction(self._errand.instruction))
        self._left = STEPS
        return self._show(self._visit)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Search or click."""
        visit, errand = self._visit, self._errand
        if visit is None or errand is None:
            raise ConfigError("call reset before step")
        try:
            visit.act(action)
        except ValueError as error:
            text, info = self._show(visit)
            told = f"{text}\nThat is not possible: {error}."
            return told, 0.0, False, False, info | {"invalid": True}
        self._left -= 1
        if visit.page == "bought":
            self._visit = None
            score = judge(visit.product, visit.chosen, errand.target, errand.options, errand.limit)
            return *_bought(score), True, False, _ending(score, len(visit.searched))
        if self._left == 0:
            self._visit = None
            return "Time is up.", 0.0, False, True, _ending(None, len(visit.searched))
        text, info = self._show(visit)
        return text, 0.0, False, False, info

    def _show(self, visit: Visit) -> tuple[str, dict[str, Any]]:
        return observe(visit), {
            "state": state_text(visit, self._left),
            "candidates": thoughts(visit),
            "legal_actions": tuple(f"click[{label}]" for label in visit.buttons().values()),
            "goals": GOALS,
            "rules": RULES,
            "manual": MANUAL,
            "view": visit,
        }


def _errand(shop: Shop, instance: object, seed: int | None) -> Errand:
    if instance is None:
        return random.Random(f"webshop {seed}").choice(shop.errands["train"])
    if isinstance(instance, bool) or not isinstance(instance, int):
        raise ConfigError(f"instance must be a whole number, not {instance!r}")
    return shop.errand(instance)


def _bought(score: Score) -> tuple[str, float]:
    return f"Bought. It fits by {score.reward:.0%}.", score.reward


def _ending(score: Score | None, searches: int) -> dict[str, Any]:
    reward = score.reward if score else 0.0
    told = [(goal.text, reward >= at - 1e-9) for goal, at in zip(GOALS, LEVELS, strict=False)]
    told.append((NOTHING, score is None))
    facts: dict[str, Any] = {"bought": score is not None, "searches": searches}
    if score is not None:
        facts |= {
            "type": score.type,
            "attributes": score.attributes,
            "options": score.options,
            "price": score.price,
            "asked": score.asked,
        }
    outcome = Outcome(
        reward,
        reward >= 1.0,
        reason="terminated" if score else "truncated",
        reached=tuple(text for text, true in told if true),
        missed=tuple(text for text, true in told if not true),
        facts=facts,
    )
    return {"outcome": outcome, "goals": GOALS}


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any listed candidate, each as likely."""
    return rng.choice(observation.candidates)


def first_hit(observation: Observation, rng: random.Random) -> Candidate:
    """Search for everything, open the first result, select what is asked for, buy."""
    visit: Visit = observation.info["view"]
    if visit.page == "item":
        return _select_or_buy(observation)
    return observation.candidates[0]


def first_offering(
    observation: Observation, rng: random.Random, *, shortest: bool = False
) -> Candidate:
    """As `first_hit`, but leave a product that lacks an option asked for, and open the next.

    Args:
        observation: What is seen.
        rng: Not used.
        shortest: Search for the last listed search first, not for everything.
    """
    visit: Visit = observation.info["view"]
    reading, products = visit.reading, visit.shop.products
    if visit.page == "item":
        short = offered(reading, visit.product) < len(reading.options)
        others = [place for place in visit.listed if place not in visit.opened]
        if short and others and len(visit.opened) < _PATIENCE:
            return _click(observation, PREVIOUS)
        return _select_or_buy(observation)
    if visit.page == "results" and visit.listed:
        fresh = [place for place in visit.listed if place not in visit.opened]
        place = fresh[0] if fresh else visit.listed[0]
        return _click(observation, products[place].asin)
    return observation.candidates[-1 if shortest and visit.page == "search" else 0]


_PATIENCE = 5
"""Products that `first_offering` opens at most, so that there is time to buy."""


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


def _straying(inner: Bot, share: float) -> Bot:
    """A policy that does any listed thing in a share of its decisions.

    Every other time it is one of the last three: buying as it is, going back, going on.
    """

    def act(observation: Observation, rng: random.Random) -> Candidate:
        if rng.random() >= share:
            return inner(observation, rng)
        listed = observation.candidates
        return rng.choice(listed[-3:] if rng.random() < 0.5 else listed)

    return act


def careful(
    observation: Observation, rng: random.Random, *, patience: int = 6, by_words: bool = False
) -> Candidate:
    """As `first_offering`, but pass over what costs too much, and buy the best product opened.

    Args:
        observation: What is seen.
        rng: Not used.
        patience: Products opened at most, so that there is time to buy.
        by_words: Open the title with most words of the request first, not the first result.
    """
    visit: Visit = observation.info["view"]
    reading, products = visit.reading, visit.shop.products
    left = fresh(visit) if len(visit.opened) < patience else []
    if visit.page == "item":
        here = _failings(visit, visit.item)
        best = min(_failings(visit, place) for place in visit.opened)
        if here > best or (here and left):
            return _click(observation, PREVIOUS)
        return _select_or_buy(observation)
    if visit.page == "results" and visit.listed:
        if left and by_words:
            left.sort(key=lambda place: -covered(reading.words, products[place].title))
        opened = [place for place in visit.listed if place in visit.opened]
        opened.sort(key=partial(_failings, visit))
        return _click(observation, products[[*left, *opened, *visit.listed][0]].asin)
    return observation.candidates[0]


def _failings(visit: Visit, place: int) -> int:
    """Options that an opened product lacks, and whether it costs too much."""
    reading, product = visit.reading, visit.shop.products[place]
    return lacking(reading, product) + (not fits_price(reading, product))


_SHOPPERS: tuple[Bot, ...] = (careful, first_offering, partial(careful, by_words=True))
COLLECTORS = tuple(
    _straying(shopper, share) for share in (0.02, 0.1, 0.2, 0.3) for shopper in _SHOPPERS
)
"""Shoppers that look at several products, straying seldom or often."""

SPLITS = MappingProxyType(
    {
        "train": range(4658),
        "validation": range(1_000_000, 1_001_391),
        "test": range(2_000_000, 2_000_861),
    }
)
"""Errands of WebShop's small release; known here so that nothing has to be read to plan."""

WORLD = World(
    id="webshop-v0",
    summary="Find and buy what an instruction asks for (WebShop, 1,000 products)",
    make=WebShop,
    success="the purchase fits in everything (reward 1)",
    unguided="a random listed search or click",
    bots={
        "heuristic": first_hit,
        "unguided": unguided,
        "first-offering": first_offering,
        "best-words": best_words,
        "careful": careful,
    },
    collectors=COLLECTORS,
    splits=SPLITS,
)


def webshop_world(folder: str | os.PathLike[str]) -> World:
    """The same world over the products of a folder, with that folder's own splits.

    Args:
        folder: Holds files of the form of `products_1000.json` and `items_ins_v2_1000.json`, under
            these names.

    Raises:
        DataError: If a file cannot be read, or is not of that form.
        MissingExtra: If bm25s is not installed.
    """
    splits = open_shop(folder).splits
    return replace(WORLD, make=partial(WebShop, folder), splits=splits)
