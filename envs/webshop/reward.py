"""WebShop's reward: how well a purchase fits what was asked for. Pure; shows nothing to anybody.

`reward = type * (attributes met + options met + price met) / (attributes + options + 1)`, in [0, 1]
(Yao et al. 2022, section 3.2). Success is a reward of 1.

Departures from WebShop's program:

1. It takes the nouns of both titles from a tagger with a large model; here they are all words of
   letters but function words.
2. The list of colours that a colour's name is cut down to is our own.
3. Options met are counted at most once each and never beyond those asked for, so that the reward
   cannot exceed 1.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from forethought.envs.webshop.products import Product

ALIKE = 85
"""Likeness, 0 to 100, above which two phrases count as the same."""
EXACT = frozenset({"size"})
"""Options whose value must be the same word by word."""
_WORD = re.compile(r"[a-z]{2,}")
_ANY_WORD = re.compile(r"[^\W_]+")
_SAID_OFTEN = """
a about above after all also an and any are as at be been but by can do for from has have he her his
how i if in into is it its just may more most my no nor not of off on only or other our out over own
per she so some such than that the their them then there these they this those through to too under
until up us use very via was we were what when where which while who will with without you your
"""
FUNCTION_WORDS = frozenset(_SAID_OFTEN.split())
"""Words that say nothing of a product."""
_NAMED = """
amber apricot aqua ash azure beige black blue blush bronze brown burgundy camel camo champagne
charcoal chocolate coffee copper coral cranberry cream crystal dark denim espresso fuchsia gold
grape graphite gray green grey indigo ivory khaki lavender lemon leopard light lilac lime magenta
maroon mauve mint mocha multicolor mustard natural navy nude olive orange peach pink plum purple
rainbow red rose rust sand silver slate steel stone tan taupe teal tiger turquoise violet walnut
white wine yellow
"""
COLOURS = tuple(_NAMED.split())
"""In alphabetical order: the first one that occurs anywhere in a name stands for it."""


@dataclass(frozen=True, slots=True)
class Score:
    """A purchase, judged part by part."""

    type: float
    """Whether it is that kind of thing at all: 1, 0.5, 0.1 or 0."""
    attributes: int
    """Attributes met."""
    options: int
    """Options met."""
    price: bool
    """Whether it costs no more than the limit."""
    asked: int
    """Attributes and options asked for, and the price."""

    @property
    def reward(self) -> float:
        """In [0, 1]; 1 only where everything is met."""
        return self.type * (self.attributes + self.options + self.price) / self.asked


def judge(
    bought: Product,
    chosen: Mapping[str, str],
    target: Product,
    wanted: Mapping[str, str],
    limit: float | None,
) -> Score:
    """Judge a purchase.

    Args:
        bought: What was bought.
        chosen: Its options, value by name.
        target: What the instruction was written for.
        wanted: The options that the instruction asks for.
        limit: Most it may cost, dollars; `None` where any price will do.
    """
    return Score(
        type=type_match(bought, target),
        attributes=sum(has_attribute(bought, attribute) for attribute in target.wanted),
        options=options_met(bought, chosen, tuple(wanted.values())),
        price=limit is None or bought.price <= limit,
        asked=len(target.wanted) + len(wanted) + 1,
    )


@lru_cache(maxsize=65536)
def _title_words(title: str) -> frozenset[str]:
    return frozenset(_WORD.findall(title.lower())) - FUNCTION_WORDS


def type_match(bought: Product, target: Product) -> float:
    """Whether two products are of one kind: 1, 0.5, 0.1 or 0.

    Goes by the share of the target's title words that the bought title has, and by the search and
    the categories that both were found under.
    """
    asked = _title_words(target.title)
    shared = len(asked & _title_words(bought.title)) / len(asked) if asked else 0.2
    if shared == 0:
        return 0.0
    if shared < 0.1:
        return 0.1
    alike = bought.query == target.query or len(bought.path & target.path) >= 2
    return 1.0 if alike or shared > 0.2 else 0.5


def has_attribute(product: Product, attribute: str) -> bool:
    """Whether a product's mined attributes, or its text, have an attribute."""
    if any(likeness(own, attribute) > ALIKE for own in product.attributes):
        return True
    return attribute in product.text


def options_met(product: Product, chosen: Mapping[str, str], wanted: Sequence[str]) -> int:
    """How many chosen options are among those wanted, or stand in the product's text."""
    asked = [plain_colour(value) for value in wanted]
    met = 0
    for name, value in chosen.items():
        plain = plain_colour(value)
        if name in EXACT:
            found = plain in asked
        else:
            found = any(likeness(one, plain) > ALIKE for one in asked)
        met += found or plain in product.text
    return min(met, len(asked))


@lru_cache(maxsize=65536)
def plain_colour(value: str) -> str:
    """The first colour that occurs in a text, or the text itself."""
    return next((colour for colour in COLOURS if colour in value), value)


@lru_cache(maxsize=262_144)
def likeness(one: str, other: str) -> int:
    """How alike two phrases are as sets of words, 0 to 100 (fuzzywuzzy's `token_set_ratio`).

    100 where the words of one are all among the other's.
    """
    mine, theirs = (frozenset(_ANY_WORD.findall(text.lower())) for text in (one, other))
    if not mine or not theirs:
        return 0
    both = " ".join(sorted(mine & theirs))
    rest, other_rest = (" ".join(sorted(words)) for words in (mine - theirs, theirs - mine))
    if both and not (rest and other_rest):
        return 100
    shared = len(both)
    gap = 1 if both else 0
    total = 2 * (shared + gap) + len(rest) + len(other_rest)
    best = 2 * (shared + gap + _common(rest, other_rest)) / total
    if both:
        best = max(best, *(2 * shared / (2 * shared + 1 + len(r)) for r in (rest, other_rest)))
    return round(100 * best)


def _common(one: str, other: str) -> int:
    """Length of the longest common subsequence of letters."""
    row = [0] * (len(other) + 1)
    for letter in one:
        corner = 0
        for place, against in enumerate(other, start=1):
            above = row[place]
            row[place] = corner + 1 if letter == against else max(above, row[place - 1])
            corner = above
    return row[-1]
