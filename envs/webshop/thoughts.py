"""What value heads read: the state, and the thoughts with what is known of each.

Both say what decides: what a product could meet of the demands (each option asked for, and the
price), what is still to be selected, whether a product seen before is better, and how many more
there is time to look at. A thought names what is done and to what kind of product in two words that
stand side by side (`buy failing`, `leave failing`), so that a head can learn of each pair by
itself. They hold no words of products or options, and shares of words in tenths rather than their
number, by which a head could tell the products it was trained on.
"""

from forethought.agent.types import Candidate
from forethought.envs.webshop.counts import (
    best_other,
    covered,
    demands,
    failings,
    fits_price,
    fresh,
    looks,
    most_words,
    seen_words,
    tenths,
    to_select,
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
from forethought.envs.webshop.reward import likeness

NEAREST = 3
"""Values of an option that are put forward where the one asked for is not on offer."""


def state_text(visit: Visit, left: int) -> str:
    """The short account of what matters: where the shopper is, and counts of what was seen.

    Args:
        visit: The visit so far.
        left: Decisions left.
    """
    parts = [
        _STATES[visit.page](visit),
        _best_opened(visit),
        f"Asked for {len(visit.reading.options)} options.",
        f"Decisions left {left}, searches made {len(visit.searched)}.",
        _ahead(visit, left),
    ]
    return " ".join(part for part in parts if part)


def _state_search(visit: Visit) -> str:
    return "On the search page."


def _state_results(visit: Visit) -> str:
    return f"On results page {visit.window + 1}."


def _state_item(visit: Visit) -> str:
    where = {"description": "Reading the description", "features": "Reading the features"}
    chosen = len(visit.chosen)
    return (
        f"{where.get(visit.page, 'On the page')} of {_goods(visit)}, {_compared(visit)}."
        f" Short of {failings(visit, visit.item)} of {demands(visit)} demands, to select"
        f" {to_select(visit)}, selected {chosen}. Has words"
        f" {tenths(visit, seen_words(visit, visit.item))}."
    )


def _goods(visit: Visit) -> str:
    """What kind of product is looked at: whether options are unset, and what it cannot meet."""
    if failings(visit, visit.item):
        return "unset failing goods" if to_select(visit) else "failing goods"
    return "unset goods" if to_select(visit) else "complete goods"


def _compared(visit: Visit) -> str:
    """The product that is looked at beside the best one opened before."""
    other = best_other(visit)
    if other < 0:
        return "the first opened"
    here = failings(visit, visit.item)
    if here == other:
        return "as good as another"
    return "better than any other" if here < other else "worse than another"


def _best_opened(visit: Visit) -> str:
    """The best of the products looked at before, other than the one looked at now."""
    other = best_other(visit)
    if other < 0:
        return "No other was opened."
    return f"The best other one is short of {other} of {demands(visit)} demands."


def _ahead(visit: Visit, left: int) -> str:
    """What there is to look at, and time for."""
    if visit.page == "search":
        return ""
    there = looks(visit, left)
    if not there:
        return "Nothing left to look at."
    words = tenths(visit, most_words(visit, fresh(visit)))
    return f"Looks left {there}, the best title has words {words}."


_STATES = {
    "search": _state_search,
    "results": _state_results,
    "item": _state_item,
    "description": _state_item,
    "features": _state_item,
}


def thoughts(visit: Visit, left: int) -> tuple[Candidate, ...]:
    """What can sensibly be done here, each with what is known of it.

    Every button, save that of an option only the value asked for is put forward, or the nearest
    ones where that is not on offer.

    Args:
        visit: The visit so far.
        left: Decisions left.
    """
    return tuple(_THOUGHTS[visit.page](visit, left))


def _to_search(visit: Visit, left: int) -> list[Candidate]:
    reading = visit.reading
    found = []
    for what, query in reading.searches or (("the instruction", reading.text),):
        again = "again " if query in visit.searched else ""
        thought = f"I search {again}for {what}."
        found.append(Candidate(thought, action=f"search[{query}]"))
    return found


def _to_open(visit: Visit, left: int) -> list[Candidate]:
    products = visit.shop.products
    most = most_words(visit, fresh(visit))
    found = []
    for rank, place in enumerate(visit.listed, start=visit.window * WINDOW + 1):
        thought = f"I {_known_of(visit, place, most)}, result {rank}."
        found.append(Candidate(thought, action=f"click[{products[place].asin}]"))
    ways = ((NEXT, "I look at the next page."), (PREVIOUS, "I go to the page before."))
    return [*found, *_ways(visit, ways), _leave(visit)]


def _known_of(visit: Visit, place: int, most: int) -> str:
    """What is done by opening a result, and what is known of it.

    Args:
        visit: The visit so far.
        place: The product's place.
        most: The most words that the title of a result not opened has.
    """
    reading, product = visit.reading, visit.shop.products[place]
    if place not in visit.opened:
        kind = "later" if fits_price(reading, product) else "dear"
        if place == next(iter(fresh(visit)), -1):
            kind = "next"
        fewer = tenths(visit, most - covered(reading.words, product.title))
        return f"open {kind} goods, words fewer than the best {fewer}"
    short = failings(visit, place)
    other = best_other(visit, place)
    kind = "failing" if short else "promising"
    beside = " and worse than another" if 0 <= other < short else ""
    return f"reopen {kind} goods{beside}, short of {short} of {demands(visit)} demands"


def _ways(visit: Visit, ways: tuple[tuple[str, str], ...]) -> list[Candidate]:
    shown = visit.buttons()
    return [
        Candidate(thought, action=f"click[{label}]")
        for label, thought in ways
        if label.lower() in shown
    ]


def _leave(visit: Visit) -> Candidate:
    what = _goods(visit) if visit.page not in {"search", "results"} else "these results"
    thought = f"I drop {what} and search again, opened so far {len(visit.opened)}."
    return Candidate(thought, action=f"click[{BACK}]")


def _on_item(visit: Visit, left: int) -> list[Candidate]:
    goods, beside, short = _goods(visit), _compared(visit), failings(visit, visit.item)
    about = f"{goods}, {beside}, short of {short} of {demands(visit)} demands"
    found = [Candidate(thought, action=f"click[{label}]") for label, thought in _to_set(visit)]
    read = visit.opened[visit.item]
    ways = [
        (label, f"I read {goods}, their {label.lower()}.")
        for label in (DESCRIPTION, FEATURES)
        if label not in read
    ]
    ways.append((PREVIOUS, f"I leave {about}. {_ahead(visit, left)}"))
    found += _ways(visit, tuple(ways))
    buy = f"I buy {about}, with {to_select(visit)} options to select. {_ahead(visit, left)}"
    return [*found, _leave(visit), Candidate(buy, action=f"click[{BUY}]")]


def _to_set(visit: Visit) -> list[tuple[str, str]]:
    """Option buttons worth a click, with the thought behind each."""
    wanted, goods = visit.reading.options, _goods(visit)
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
            after = to_select(visit) - 1
            found.append((exact[0], f"I set {goods} as asked, with {after} options to select."))
            continue
        alike = sorted(((likeness(value, asked), label) for label, value in values), reverse=True)
        change = " instead of another" if name in visit.chosen else ""
        for near, label in alike[:NEAREST]:
            how = f"alike by {round(near / 10)} in 10" if asked else "that nobody asked for"
            found.append((label, f"I give {goods} a value not asked for{change}, {how}."))
    return found


def _on_reading(visit: Visit, left: int) -> list[Candidate]:
    way = Candidate(f"I return to {_goods(visit)}.", action=f"click[{PREVIOUS}]")
    return [way, _leave(visit)]


_THOUGHTS = {
    "search": _to_search,
    "results": _to_open,
    "item": _on_item,
    "description": _on_reading,
    "features": _on_reading,
}
