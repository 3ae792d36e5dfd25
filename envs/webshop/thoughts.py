"""What value heads read: the state, and the thoughts with what is known of each.

Both count what can be seen: words of the request that a product's seen text has, options asked for
that it lacks, the price against the limit, and what selecting an option would leave to be selected.
They hold no words of products or options, and shares of words in tenths rather than their number,
by which a head could tell the products it was trained on.
"""

from functools import lru_cache

from forethought.agent.types import Candidate
from forethought.envs.webshop.counts import (
    covered,
    fits_price,
    fresh,
    lacking,
    most_words,
    offered,
    seen_words,
    selected,
    tenths,
)
from forethought.envs.webshop.pages import (
    BACK,
    BUY,
    DESCRIPTION,
    FEATURES,
    NEXT,
    PREVIOUS,
    WINDOW,
    Visit,
    option_labels,
)
from forethought.envs.webshop.products import Product
from forethought.envs.webshop.reading import Reading
from forethought.envs.webshop.reward import likeness

NEAREST = 3
"""Values of an option that are put forward where the one asked for is not on offer."""


def state_text(visit: Visit, left: int) -> str:
    """The short account of what matters: where the shopper is, and counts of what was seen.

    Args:
        visit: The visit so far.
        left: Decisions left.
    """
    reading = visit.reading
    parts = [
        f"Asked for {len(reading.options)} options.",
        f"Decisions left {left}, searches made {len(visit.searched)}.",
        _STATES[visit.page](visit),
        _best_opened(visit),
    ]
    return " ".join(part for part in parts if part)


def _best_opened(visit: Visit) -> str:
    """The best of the products looked at before, other than the one looked at now."""
    here = visit.item if visit.page not in {"search", "results"} else -1
    others = [place for place in visit.opened if place != here]
    if not others:
        return "No other product was opened."
    reading, products = visit.reading, visit.shop.products
    lacks, words = min(
        (
            lacking(reading, products[p]) + (not fits_price(reading, products[p])),
            -seen_words(visit, p),
        )
        for p in others
    )
    return (
        f"Other products opened {len(others)}. The best of them fails in {lacks} of"
        f" {len(reading.options) + 1} options and price, and has words {tenths(visit, -words)}."
    )


def _state_search(visit: Visit) -> str:
    return "On the search page."


def _state_results(visit: Visit) -> str:
    return f"On results page {visit.window + 1} of {visit.windows}. {_others(visit)}"


def _others(visit: Visit) -> str:
    """What is left on the page of results."""
    there = fresh(visit)
    return (
        f"Results within the limit not opened {len(there)}, the best title has words"
        f" {tenths(visit, most_words(visit, there))}."
    )


def _state_item(visit: Visit) -> str:
    where = {"description": "Reading the description", "features": "Reading the features"}
    return f"{where.get(visit.page, 'On the item page')} of {_rank(visit)}. {_standing(visit)}"


def _rank(visit: Visit) -> str:
    return f"result {visit.hits.index(visit.item) + 1}"


def _standing(visit: Visit) -> str:
    """How the product that is looked at compares with what is asked for."""
    reading, product = visit.reading, visit.product
    asked, names, right = (
        len(reading.options),
        len(product.options),
        selected(reading, visit.chosen),
    )
    there = offered(reading, product)
    return (
        f"Lacks {asked - there} of {asked} options. Still to select {there - right}, selected as"
        f" asked {right} of {asked}, otherwise {len(visit.chosen) - right} of {names}. Has"
        f" words {tenths(visit, seen_words(visit, visit.item))}."
        f" {_price(reading, product)}"
    )


@lru_cache(maxsize=65536)
def _price_words(price: float, limit: float | None) -> str:
    if limit is None:
        return "Any price will do."
    return f"The price is {'within' if price <= limit else 'above'} the limit."


def _price(reading: Reading, product: Product) -> str:
    return _price_words(product.price, reading.limit)


_STATES = {
    "search": _state_search,
    "results": _state_results,
    "item": _state_item,
    "description": _state_item,
    "features": _state_item,
}


def thoughts(visit: Visit) -> tuple[Candidate, ...]:
    """What can sensibly be done here, each with what is known of it.

    Every button, save that of an option only the value asked for is put forward, or the nearest
    ones where that is not on offer.
    """
    return tuple(_THOUGHTS[visit.page](visit))


def _to_search(visit: Visit) -> list[Candidate]:
    reading = visit.reading
    found = []
    for what, query in reading.searches or (("the instruction", reading.text),):
        again = "again " if query in visit.searched else ""
        thought = f"I search {again}for {what}."
        found.append(Candidate(thought, action=f"search[{query}]"))
    return found


def _to_open(visit: Visit) -> list[Candidate]:
    products = visit.shop.products
    most = most_words(visit, fresh(visit))
    found = []
    for rank, place in enumerate(visit.listed, start=visit.window * WINDOW + 1):
        known = _known_of(visit, place, most)
        thought = f"I open result {rank}. {known} {_price(visit.reading, products[place])}"
        found.append(Candidate(thought, action=f"click[{products[place].asin}]"))
    ways = ((NEXT, "I look at the next page."), (PREVIOUS, "I go to the page before."))
    return [*found, *_ways(visit, ways), _leave(visit)]


def _known_of(visit: Visit, place: int, most: int) -> str:
    """What a result has, opened before or not.

    Args:
        visit: The visit so far.
        place: The product's place.
        most: The most words that the title of a result not opened has.
    """
    reading, product = visit.reading, visit.shop.products[place]
    if place not in visit.opened:
        has = covered(reading.words, product.title)
        return (
            f"Not opened, its title has words {tenths(visit, has)}, fewer than the best"
            f" {tenths(visit, most - has)}."
        )
    return (
        f"Opened before, it lacks {lacking(reading, product)} of {len(reading.options)} options and"
        f" has words {tenths(visit, seen_words(visit, place))}."
    )


def _ways(visit: Visit, ways: tuple[tuple[str, str], ...]) -> list[Candidate]:
    shown = visit.buttons()
    return [
        Candidate(thought, action=f"click[{label}]")
        for label, thought in ways
        if label.lower() in shown
    ]


def _leave(visit: Visit) -> Candidate:
    thought = f"I go back and search for something else, opened so far {len(visit.opened)}."
    return Candidate(thought, action=f"click[{BACK}]")


def _on_item(visit: Visit) -> list[Candidate]:
    standing = _standing(visit)
    found = [Candidate(thought, action=f"click[{label}]") for label, thought in _to_select(visit)]
    read = visit.opened[visit.item]
    lacks = lacking(visit.reading, visit.product)
    ways = [
        (label, f"I read the {label.lower()} of what lacks {lacks} options.")
        for label in (DESCRIPTION, FEATURES)
        if label not in read
    ]
    away = f"I leave {_rank(visit)} and look at the others. {_others(visit)} {standing}"
    ways.append((PREVIOUS, away))
    found += _ways(visit, tuple(ways))
    buy = Candidate(f"I buy {_rank(visit)} as it is. {standing}", action=f"click[{BUY}]")
    return [*found, _leave(visit), buy]


def _to_select(visit: Visit) -> list[tuple[str, str]]:
    """Option buttons worth a click, with the thought behind each."""
    wanted = visit.reading.options
    shown = visit.buttons()
    by_name: dict[str, list[tuple[str, str]]] = {}
    for label, (name, value) in option_labels(visit.product).items():
        if visit.chosen.get(name) != value and label.lower() in shown:
            by_name.setdefault(name, []).append((label, value))
    found = []
    for name, values in by_name.items():
        asked = wanted.get(name, "")
        if asked and visit.chosen.get(name) == asked:
            continue
        exact = [label for label, value in values if value == asked]
        if exact:
            found.append((exact[0], _selecting(visit)))
            continue
        alike = sorted(((likeness(value, asked), label) for label, value in values), reverse=True)
        change = " instead of another" if name in visit.chosen else ""
        for near, label in alike[:NEAREST]:
            how = f"alike by {round(near / 10)} in 10" if asked else "that nobody asked for"
            found.append((label, f"I select a value not asked for{change}, {how}."))
    return found


def _selecting(visit: Visit) -> str:
    """The thought of selecting one more option as it is asked for."""
    reading, right = visit.reading, selected(visit.reading, visit.chosen) + 1
    there = offered(reading, visit.product)
    return (
        f"I select an option as asked; still to select would be {there - right}, selected"
        f" {right} of {len(reading.options)}, lacking {len(reading.options) - there}."
    )


def _on_reading(visit: Visit) -> list[Candidate]:
    way = Candidate("I go back to the item page.", action=f"click[{PREVIOUS}]")
    return [way, _leave(visit)]


_THOUGHTS = {
    "search": _to_search,
    "results": _to_open,
    "item": _on_item,
    "description": _on_reading,
    "features": _on_reading,
}
