"""The shop in words: pages, state, thoughts and the outcome vocabulary.

The state and the thoughts count what can be seen: words of the request that a product's seen text
has, options asked for and offered, the price against the limit. A value head reads them instead of
the products' own words, so that it can judge products it was never trained on. Nothing here knows
the target.
"""

from functools import lru_cache

from forethought.agent.types import Candidate, Goal
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
from forethought.envs.webshop.reading import Reading, word_set
from forethought.envs.webshop.reward import likeness

LEVELS = tuple(level / 10 for level in range(1, 11))
GOALS = (
    *(Goal(f"The purchase fits by at least {level:.0%}.", weight=0.1) for level in LEVELS),
    Goal("Nothing is bought.", kind="feared", weight=0.0),
)
"""The outcome vocabulary. Summed over the levels, weight times chance is nearly the reward."""
NOTHING = GOALS[-1].text
NEAREST = 3
"""Values of an option that are put forward where the one asked for is not on offer."""
RULES = (
    "You are sent to buy one product that fits an instruction as well as possible: the kind of"
    " thing, what it must be like, the options asked for, and the price. Search, open results,"
    " select the options on the item page and buy. Buying ends the errand."
)
MANUAL = (
    "Answer search[words] on the search page, and click[button] everywhere else, with the button"
    " exactly as it is shown, as in click[Buy Now] or click[< Prev]."
)


def observe(visit: Visit) -> str:
    """What is seen: the instruction, the page and its buttons."""
    return "\n".join([f"Instruction: {visit.reading.text}", *_PAGES[visit.page](visit)])


def _search_page(visit: Visit) -> list[str]:
    return ["Search page. [Search]"]


def _results_page(visit: Visit) -> list[str]:
    lines = [f"Page {visit.window + 1} of {visit.windows}, {len(visit.hits)} results."]
    for place in visit.listed:
        product = visit.shop.products[place]
        lines.append(f"[{product.asin}] {product.title} ${product.price:.2f}")
    return [*lines, _buttons(visit, (NEXT, PREVIOUS, BACK))]


def _item_page(visit: Visit) -> list[str]:
    product = visit.product
    rating = "none" if product.rating is None else f"{product.rating:g}"
    lines = [product.title, f"Price: ${product.price:.2f}", f"Rating: {rating}"]
    by_name: dict[str, list[str]] = {}
    for label, (name, value) in option_labels(product).items():
        mark = " (selected)" if visit.chosen.get(name) == value else ""
        by_name.setdefault(name, []).append(f"[{label}]{mark}")
    lines += [f"{name}: {' '.join(labels)}" for name, labels in by_name.items()]
    return [*lines, _buttons(visit, (DESCRIPTION, FEATURES, PREVIOUS, BACK, BUY))]


def _description_page(visit: Visit) -> list[str]:
    return [visit.product.description, _buttons(visit, (PREVIOUS, BACK))]


def _features_page(visit: Visit) -> list[str]:
    return [*visit.product.features, _buttons(visit, (PREVIOUS, BACK))]


def _buttons(visit: Visit, names: tuple[str, ...]) -> str:
    shown = visit.buttons()
    return " ".join(f"[{name}]" for name in names if name.lower() in shown)


_PAGES = {
    "search": _search_page,
    "results": _results_page,
    "item": _item_page,
    "description": _description_page,
    "features": _features_page,
}


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


def fits_price(reading: Reading, product: Product) -> bool:
    """Whether it costs no more than the instruction allows."""
    return reading.limit is None or product.price <= reading.limit


def state_text(visit: Visit, left: int) -> str:
    """The short account of what matters: where the shopper is, and counts of what was seen.

    Args:
        visit: The visit so far.
        left: Decisions left.
    """
    reading = visit.reading
    parts = [
        f"Asked for {len(reading.words)} words and {len(reading.options)} options.",
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
    options, words = max((offered(reading, products[p]), seen_words(visit, p)) for p in others)
    return (
        f"Other products opened {len(others)}. The best offers {options} of"
        f" {len(reading.options)} options and has {words} of {len(reading.words)} words."
    )


def _state_search(visit: Visit) -> str:
    return "On the search page."


def _state_results(visit: Visit) -> str:
    return f"On results page {visit.window + 1} of {visit.windows}."


def _state_item(visit: Visit) -> str:
    where = {"description": "Reading the description", "features": "Reading the features"}
    return f"{where.get(visit.page, 'On the item page')} of {_rank(visit)}. {_standing(visit)}"


def _rank(visit: Visit) -> str:
    return f"result {visit.hits.index(visit.item) + 1}"


def _standing(visit: Visit) -> str:
    """How the product that is looked at compares with what is asked for."""
    reading, product = visit.reading, visit.product
    asked, names = len(reading.options), len(product.options)
    right = sum(visit.chosen.get(name) == value for name, value in reading.options.items())
    unasked = len(visit.chosen) - right
    return (
        f"Offers {offered(reading, product)} of {asked} options. Selected as asked {right} of"
        f" {asked}, otherwise {unasked} of {names}. Has {seen_words(visit, visit.item)} of"
        f" {len(reading.words)} words. {_price(reading, product)}"
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
        thought = f"I search {again}for {what}, {len(word_set(query))} words."
        found.append(Candidate(thought, action=f"search[{query}]"))
    return found


def _to_open(visit: Visit) -> list[Candidate]:
    reading, products = visit.reading, visit.shop.products
    total = len(reading.words)
    found = []
    for rank, place in enumerate(visit.listed, start=visit.window * WINDOW + 1):
        product = products[place]
        if place in visit.opened:
            known = (
                f"Opened before, it offers {offered(reading, product)} of {len(reading.options)}"
                f" options and has {seen_words(visit, place)} of {total} words."
            )
        else:
            known = f"Its title has {covered(reading.words, product.title)} of {total} words."
        thought = f"I open result {rank}. {known} {_price(reading, product)}"
        found.append(Candidate(thought, action=f"click[{product.asin}]"))
    ways = ((NEXT, "I look at the next page."), (PREVIOUS, "I go to the page before."))
    return [*found, *_ways(visit, ways), _leave()]


def _ways(visit: Visit, ways: tuple[tuple[str, str], ...]) -> list[Candidate]:
    shown = visit.buttons()
    return [
        Candidate(thought, action=f"click[{label}]")
        for label, thought in ways
        if label.lower() in shown
    ]


def _leave() -> Candidate:
    return Candidate("I go back and search for something else.", action=f"click[{BACK}]")


def _on_item(visit: Visit) -> list[Candidate]:
    standing = _standing(visit)
    found = [Candidate(thought, action=f"click[{label}]") for label, thought in _to_select(visit)]
    read = visit.opened[visit.item]
    ways = [
        (label, f"I read the {label.lower()}.")
        for label in (DESCRIPTION, FEATURES)
        if label not in read
    ]
    ways.append((PREVIOUS, f"I leave {_rank(visit)} and look at the others. {standing}"))
    found += _ways(visit, tuple(ways))
    buy = Candidate(f"I buy {_rank(visit)} as it is. {standing}", action=f"click[{BUY}]")
    return [*found, _leave(), buy]


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
            found.append((exact[0], f"I select the {name} that is asked for."))
            continue
        alike = sorted(((likeness(value, asked), label) for label, value in values), reverse=True)
        for near, label in alike[:NEAREST]:
            how = f"alike by {near} percent" if asked else "that nobody asked for"
            found.append((label, f"I select another {name}, {how}."))
    return found


def _on_reading(visit: Visit) -> list[Candidate]:
    way = Candidate("I go back to the item page.", action=f"click[{PREVIOUS}]")
    return [way, _leave()]


_THOUGHTS = {
    "search": _to_search,
    "results": _to_open,
    "item": _on_item,
    "description": _on_reading,
    "features": _on_reading,
}
