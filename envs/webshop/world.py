"""The `webshop-v0` environment: the pages behind text, a purchase judged at the end."""

import os
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Outcome
from forethought.envs.options import checked
from forethought.envs.registry import World
from forethought.envs.webshop.pages import Visit
from forethought.envs.webshop.reading import read_instruction
from forethought.envs.webshop.reward import Score, judge
from forethought.envs.webshop.shop import Errand, Shop, open_shop
from forethought.envs.webshop.shoppers import BOTS, COLLECTORS
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
        options = checked("webshop-v0", options)
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
            return *_bought(score), True, False, _ending(errand, score, len(visit.searched))
        if self._left == 0:
            self._visit = None
            return "Time is up.", 0.0, False, True, _ending(errand, None, len(visit.searched))
        text, info = self._show(visit)
        return text, 0.0, False, False, info

    def _show(self, visit: Visit) -> tuple[str, dict[str, Any]]:
        return observe(visit), {
            "state": state_text(visit, self._left),
            "candidates": thoughts(visit, self._left),
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


def _ending(errand: Errand, score: Score | None, searches: int) -> dict[str, Any]:
    reward = score.reward if score else 0.0
    told = [(goal.text, reward >= at - 1e-9) for goal, at in zip(GOALS, LEVELS, strict=False)]
    told.append((NOTHING, score is None))
    facts: dict[str, Any] = {
        "group": errand.target.asin,
        "bought": score is not None,
        "searches": searches,
    }
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


SPLITS = MappingProxyType(
    {
        "train": range(1207),
        "validation": range(1_000_000, 1_000_412),
        "test": range(2_000_000, 2_000_861),
    }
)
"""Errands of WebShop's small release; known here so that nothing has to be read to plan.

Every errand of the test split, and of the others at most 12 and 20 for one product: of all that
there are, eight products have half. The rest can be named by number (`Shop.splits`).
"""

WORLD = World(
    id="webshop-v0",
    summary="Find and buy what an instruction asks for (WebShop, 1,000 products)",
    make=WebShop,
    success="the purchase fits in everything (reward 1)",
    unguided="a random listed search or click",
    bots=BOTS,
    collectors=COLLECTORS,
    splits=SPLITS,
    texts=2,
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
