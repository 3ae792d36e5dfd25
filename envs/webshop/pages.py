"""Searching and clicking: the pages of the shop and the ways between them. Pure rules, no text.

A visit begins on the search page. A search leads to results, ten a page; a result to its item page,
from where the description and the features can be read; buying ends the visit. Holds nothing of
what the purchase will be judged by.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from forethought.envs.webshop.products import Product
from forethought.envs.webshop.reading import Reading
from forethought.envs.webshop.shop import Shop

PageKind = Literal["search", "results", "item", "description", "features", "bought"]
WINDOW = 10
"""Results on a page."""
LONGEST = 300
"""Letters of a search that are read."""
BUY, BACK, NEXT, PREVIOUS = "Buy Now", "Back to Search", "Next >", "< Prev"
DESCRIPTION, FEATURES = "Description", "Features"
_ACTION = re.compile(r"(search|click)\s*\[(.*)\]", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class Visit:
    """Where a shopper is, and what the shopper has seen."""

    shop: Shop
    reading: Reading
    """The instruction, as read."""
    page: PageKind = "search"
    query: str = ""
    searched: list[str] = field(default_factory=list)
    """Searches made, oldest first."""
    hits: tuple[int, ...] = ()
    """Places of what the last search found, best first."""
    window: int = 0
    """Which page of results, counted from 0."""
    item: int = -1
    """Place of the product that is looked at."""
    chosen: dict[str, str] = field(default_factory=dict)
    """Options selected on this item page, value by name."""
    opened: dict[int, set[str]] = field(default_factory=dict)
    """Products looked at in this visit, with which of their two texts were read."""

    @property
    def product(self) -> Product:
        """The product that is looked at, or was bought."""
        return self.shop.products[self.item]

    @property
    def listed(self) -> tuple[int, ...]:
        """Places of the results on this page."""
        return self.hits[self.window * WINDOW : (self.window + 1) * WINDOW]

    @property
    def windows(self) -> int:
        """Pages of results."""
        return max(1, -(-len(self.hits) // WINDOW))

    def buttons(self) -> Mapping[str, str]:
        """What can be clicked here, as shown, by what it is in lower case."""
        if self.page == "item":
            return _on_item(self.product)
        if self.page in {"search", "bought"}:
            return {}
        labels = _on_results(self) if self.page == "results" else [PREVIOUS, BACK]
        return {label.lower(): label for label in labels}

    def act(self, action: str) -> None:
        """Search or click.

        Raises:
            ValueError: If that cannot be done here, in words; nothing has changed then.
        """
        match = _ACTION.fullmatch(action.strip())
        if match is None:
            raise ValueError("say search[words] on the search page, else click[button]")
        kind, argument = match[1].lower(), " ".join(match[2].split())
        if kind == "search":
            self._search(argument)
        else:
            self._click(argument)

    def _search(self, words: str) -> None:
        if self.page != "search":
            raise ValueError(f"a search begins on the search page: click[{BACK}]")
        if not words:
            raise ValueError("say what to search for")
        self.query = words[:LONGEST]
        self.searched.append(self.query)
        self.hits, self.window = self.shop.index.find(self.query), 0
        self.page = "results"

    def _click(self, argument: str) -> None:
        label = self.buttons().get(argument.lower())
        if label is None:
            raise ValueError(f"there is no button {argument!r} here")
        if label in _MOVES:
            _MOVES[label](self)
        elif self.page == "results":
            self.item = self.shop.places[label.lower()]
            self.opened.setdefault(self.item, set())
            self.page = "item"
        else:
            name, value = option_of(self.product, label)
            self.chosen[name] = value

    def _back(self) -> None:
        self.page = "search"
        self.chosen.clear()

    def _next(self) -> None:
        self.window += 1

    def _previous(self) -> None:
        if self.page == "results":
            self.window -= 1
        elif self.page == "item":
            self.page = "results"
            self.chosen.clear()
        else:
            self.page = "item"

    def _describe(self) -> None:
        self.opened[self.item].add(DESCRIPTION)
        self.page = "description"

    def _list_features(self) -> None:
        self.opened[self.item].add(FEATURES)
        self.page = "features"

    def _buy(self) -> None:
        self.page = "bought"


@lru_cache(maxsize=4096)
def option_labels(product: Product) -> Mapping[str, tuple[str, str]]:
    """The option buttons of a product: name and value by label.

    The label is the value, behind its name where two options share it.
    """
    labels: dict[str, tuple[str, str]] = {}
    for name, values in product.options.items():
        for value in values:
            label = value
            if value in labels and labels[value][0] != name:
                label = f"{name}: {value}"
            labels.setdefault(label, (name, value))
    return MappingProxyType(labels)


def option_of(product: Product, label: str) -> tuple[str, str]:
    """Name and value of an option button."""
    return option_labels(product)[label]


def _on_results(visit: Visit) -> list[str]:
    labels = [visit.shop.products[place].asin for place in visit.listed]
    if visit.window + 1 < visit.windows:
        labels.append(NEXT)
    if visit.window:
        labels.append(PREVIOUS)
    return [*labels, BACK]


@lru_cache(maxsize=4096)
def _on_item(product: Product) -> Mapping[str, str]:
    reserved = {label.lower() for label in _MOVES}
    labels = [label for label in option_labels(product) if label not in reserved]
    if product.description:
        labels.append(DESCRIPTION)
    if product.features:
        labels.append(FEATURES)
    labels += [PREVIOUS, BACK, BUY]
    return MappingProxyType({label.lower(): label for label in labels})


_MOVES = {
    BUY: Visit._buy,
    BACK: Visit._back,
    NEXT: Visit._next,
    PREVIOUS: Visit._previous,
    DESCRIPTION: Visit._describe,
    FEATURES: Visit._list_features,
}
