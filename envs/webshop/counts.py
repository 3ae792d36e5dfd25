"""What a shopper can count: how far products meet a request, as far as was seen of them.

A result shows its title and its price; opened, its options too; its description and features once
they are read. Nothing here counts more than that, or knows the target.
"""

from collections.abc import Mapping
from functools import lru_cache

from forethought.envs.webshop.pages import DESCRIPTION, FEATURES, Visit
from forethought.envs.webshop.products import Product
from forethought.envs.webshop.reading import Reading, word_set


@lru_cache(maxsize=65536)
def covered(words: frozenset[str], text: str) -> int:
    """How many of the words a text has."""
    return len(words & word_set(text))


@lru_cache(maxsize=65536)
def _covered_by_all(words: frozenset[str], texts: tuple[str, ...]) -> int:
    return len(words & frozenset().union(*map(word_set, texts)))


def seen_words(visit: Visit, place: int) -> int:
    """Words of the request in what the shopper has read of a product."""
    product = visit.shop.products[place]
    read = visit.opened.get(place, ())
    texts = [product.title]
    if DESCRIPTION in read:
        texts.append(product.description)
    if FEATURES in read:
        texts += product.features
    return _covered_by_all(visit.reading.words, tuple(texts))


def offered(reading: Reading, product: Product) -> int:
    """How many of the options asked for a product has on offer, value for value."""
    return sum(value in product.options.get(name, ()) for name, value in reading.options.items())


def lacking(reading: Reading, product: Product) -> int:
    """How many of the options asked for it has not."""
    return len(reading.options) - offered(reading, product)


def selected(reading: Reading, chosen: Mapping[str, str]) -> int:
    """How many of the options asked for are selected as asked."""
    return sum(chosen.get(name) == value for name, value in reading.options.items())


def fits_price(reading: Reading, product: Product) -> bool:
    """Whether it costs no more than the instruction allows."""
    return reading.limit is None or product.price <= reading.limit


def fresh(visit: Visit) -> list[int]:
    """Places of the results on this page that are within the limit and were not opened."""
    products, reading = visit.shop.products, visit.reading
    return [
        place
        for place in visit.listed
        if place not in visit.opened and fits_price(reading, products[place])
    ]


def most_words(visit: Visit, places: list[int]) -> int:
    """The most words of the request that one of these titles has; 0 where there are none."""
    products, words = visit.shop.products, visit.reading.words
    return max((covered(words, products[place].title) for place in places), default=0)


def tenths(visit: Visit, words: int) -> str:
    """So many words of the request as a share of them, as in `4 in 10`."""
    return f"{round(10 * words / max(1, len(visit.reading.words)))} in 10"


def to_select(visit: Visit) -> int:
    """Options asked for that the product looked at has on offer and that are not selected yet."""
    reading = visit.reading
    return offered(reading, visit.product) - selected(reading, visit.chosen)


def demands(visit: Visit) -> int:
    """What a purchase can fail in: each option asked for, and the price."""
    return len(visit.reading.options) + 1


def failings(visit: Visit, place: int) -> int:
    """Options that a product lacks, and whether it costs too much."""
    reading, product = visit.reading, visit.shop.products[place]
    return lacking(reading, product) + (not fits_price(reading, product))


def best_other(visit: Visit, than: int | None = None) -> int:
    """The fewest failings of a product opened before; -1 where there is none.

    Args:
        visit: The visit so far.
        than: Place of a product that does not count; the one looked at by default.
    """
    if than is None:
        than = -1 if visit.page in {"search", "results"} else visit.item
    return min((failings(visit, place) for place in visit.opened if place != than), default=-1)


def looks(visit: Visit, left: int) -> int:
    """How many results of this page can still be opened with time left to select and buy.

    Args:
        visit: The visit so far.
        left: Decisions left.
    """
    spare = left - len(visit.reading.options) - (0 if visit.page == "results" else 1)
    return min(len(fresh(visit)), max(0, spare // 2))
