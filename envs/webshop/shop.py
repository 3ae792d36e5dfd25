"""A shop: products, a search, and the errands that people are sent on, split by product.

An errand is made as WebShop makes its synthetic goals: each of 415 products has an instruction, and
there is one errand for every way to choose among its options. Two products with the same title
stay in one split. Knows nothing of pages or of what a shopper sees.
"""

import hashlib
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, product, zip_longest
from pathlib import Path
from types import MappingProxyType

from forethought.agent.errors import DataError
from forethought.envs.options import find_number
from forethought.envs.registry import SPLITS
from forethought.envs.webshop.products import Product, read_products, shop_folder
from forethought.envs.webshop.search import Index

SHARES: Mapping[str, float] = MappingProxyType({"train": 0.6, "validation": 0.15, "test": 0.25})
"""Part of the products in each split."""
_DEAREST = 990
"""Highest price limit that is ever set, dollars."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What somebody is sent to buy."""

    target: Product
    options: Mapping[str, str]
    """The options asked for, value by name."""
    limit: float | None
    """Most it may cost, dollars; `None` where any price will do."""
    instruction: str
    """All that the shopper is told."""


def price_limit(target: Product) -> float | None:
    """A round sum above a product's price, drawn once from its id; `None` for the dearest ones."""
    above = [10.0 * step for step in range(1, _DEAREST // 10 + 1) if 10.0 * step > target.price][:4]
    if len(above) < 2:
        return None
    return max(random.Random(f"limit {target.asin}").sample(above, 2))


def errands_for(target: Product) -> Iterator[Errand]:
    """One for every way to choose among a product's options; none where it has no instruction."""
    if not target.wanted:
        return
    limit = price_limit(target)
    priced = "" if limit is None else f", and price lower than {limit:.2f} dollars"
    names = sorted(target.options)
    for values in product(*(target.options[name] for name in names)):
        options = dict(zip(names, values, strict=True))
        said = ", and ".join(f"{name}: {value}" for name, value in options.items())
        chosen = f" with {said}" if said else ""
        yield Errand(target, MappingProxyType(options), limit, f"{target.request}{chosen}{priced}")


@dataclass(frozen=True, slots=True)
class Shop:
    """All that does not change from episode to episode."""

    products: tuple[Product, ...]
    places: Mapping[str, int]
    """Place of a product by its id in lower case."""
    index: Index
    errands: Mapping[str, tuple[Errand, ...]]
    """By split."""

    @property
    def splits(self) -> Mapping[str, range]:
        """Instance numbers of each split."""
        return {
            name: range(SPLITS[name].start, SPLITS[name].start + len(errands))
            for name, errands in self.errands.items()
        }

    def errand(self, number: int) -> Errand:
        """The errand of an instance number.

        Raises:
            ConfigError: If there is no such number.
        """
        split, place = find_number("webshop-v0", number, self.splits)
        return self.errands[split][place]


def build_shop(products: Sequence[Product]) -> Shop:
    """Index the products and split the errands.

    Raises:
        DataError: If nobody is sent for any of the products.
        MissingExtra: If bm25s is not installed.
    """
    shelf = tuple(products)
    sent_for = sorted((p for p in shelf if p.wanted), key=lambda p: (_draw(p), p.asin))
    if not sent_for:
        raise DataError("no product has an instruction, so there is nothing to buy")
    return Shop(
        shelf,
        {product.asin.lower(): place for place, product in enumerate(shelf)},
        Index(shelf),
        MappingProxyType(_split(sent_for)),
    )


def _draw(product: Product) -> str:
    """Where a product comes in the drawing of the splits; the same for equal titles."""
    return hashlib.sha256(product.title.lower().encode()).hexdigest()


def _split(sent_for: Sequence[Product]) -> dict[str, tuple[Errand, ...]]:
    """Errands by split: whole groups of products are dealt until a split has its share.

    Within a split the products take turns, so that its first errands are for many products alike.
    """
    ends, reached = [], 0.0
    for share in SHARES.values():
        reached += share
        ends.append(reached * len(sent_for))
    dealt: dict[str, list[list[Errand]]] = {name: [] for name in SHARES}
    names, place, begun = list(SHARES), 0, 0
    for _, group in groupby(sent_for, key=_draw):
        while place < len(names) - 1 and begun >= ends[place] - 1e-9:
            place += 1
        for one in group:
            errands = list(errands_for(one))
            random.Random(f"errands {one.asin}").shuffle(errands)
            dealt[names[place]].append(errands)
            begun += 1
    return {name: tuple(_in_turns(lists)) for name, lists in dealt.items()}


def _in_turns(lists: Sequence[Sequence[Errand]]) -> Iterator[Errand]:
    """The first of each, then the second of each that has one, and so on."""
    for turn in zip_longest(*lists):
        yield from (errand for errand in turn if errand is not None)


def open_shop(folder: str | os.PathLike[str] | None = None) -> Shop:
    """The shop of a folder; read once in a process.

    Args:
        folder: Holds the two files; found through `FORETHOUGHT_DATA` when left out.

    Raises:
        ConfigError: If the data set cannot be found.
        DataError: If a file cannot be read, or is not of that form.
        MissingExtra: If bm25s is not installed.
    """
    place = Path(folder) if folder is not None else shop_folder()
    return _opened(place.resolve())


@lru_cache(maxsize=4)
def _opened(place: Path) -> Shop:
    return build_shop(read_products(place))
