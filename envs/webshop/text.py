"""The shop in words: its rules, its pages, and the outcome vocabulary.

What value heads read is made in `thoughts`. Nothing here knows the target.
"""

from forethought.agent.types import Goal
from forethought.envs.webshop.pages import (
    BACK,
    BUY,
    DESCRIPTION,
    FEATURES,
    NEXT,
    PREVIOUS,
    Visit,
    option_labels,
)

LEVELS = tuple(level / 10 for level in range(1, 11))
GOALS = (
    *(Goal(f"The purchase fits by at least {level:.0%}.", weight=0.1) for level in LEVELS[:-1]),
    Goal(f"The purchase fits by at least {LEVELS[-1]:.0%}.", weight=1.0),
    Goal("Nothing is bought.", kind="feared", weight=0.0),
)
"""The outcome vocabulary. With a tenth for every level, weight times chance would sum to nearly the
reward. A purchase that fits in everything, the success, counts as much as all levels together: what
is given up by buying what lacks something shows there first."""
NOTHING = GOALS[-1].text
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
