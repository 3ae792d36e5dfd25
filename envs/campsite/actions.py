"""Camp-site moves in words: how each is written, and how what somebody wrote is read.

Whatever is not one of the four actions is a message. Who gets what by a message is read by
`casino_offers`; here only actions are read.
"""

import re
from functools import cache

from forethought.agent.errors import ConfigError
from forethought.envs.campsite.rules import Move
from forethought.envs.casino_data import ITEMS, PACKAGES, Amounts

ACCEPT = "Accept-Deal"
REJECT = "Reject-Deal"
WALK = "Walk-Away"
SUBMIT = "Submit-Deal"
LONGEST = 600
"""Longest message, characters."""
_BARE = {"accept deal": ACCEPT, "reject deal": REJECT, "walk away": WALK}
_KINDS = {ACCEPT: "accept", REJECT: "reject", WALK: "walk"}
_SUBMITS = re.compile(r"\W*submit[- ]deal\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_AMOUNT = re.compile(
    r"(\d+)\s*(?:packages? of |x )?(food|water|firewood)|(food|water|firewood)\s*[:=]?\s*(\d+)"
)
_EXAMPLE = f"{SUBMIT}: 2 food, 1 water, 0 firewood"
MANUAL = (
    f"Whatever you write is said to the other, except for four actions. '{_EXAMPLE}' submits a"
    " deal; the numbers say what you take, the other gets the rest."
    f" '{ACCEPT}' and '{REJECT}' answer a deal that the other has submitted."
    f" '{WALK}' ends the talk."
)
"""How actions are written, for the model."""


@cache
def name_bundle(take: Amounts) -> str:
    """A bundle in words, as in `2 food, 1 water and 0 firewood`."""
    food, water, firewood = (f"{count} {item}" for count, item in zip(take, ITEMS, strict=True))
    return f"{food}, {water} and {firewood}"


@cache
def say_offer(take: Amounts) -> str:
    """The message that proposes to take a bundle."""
    return f"I take {name_bundle(take)}, and you get the rest."


@cache
def submit(take: Amounts) -> str:
    """The action that submits a deal by which its author gets a bundle."""
    food, water, firewood = take
    return f"{SUBMIT}: {food} food, {water} water, {firewood} firewood"


def read_move(seat: int, text: str) -> Move:
    """What somebody does by writing a text.

    Raises:
        ConfigError: If it is empty, too long, or an action that is not well formed.
    """
    plain = " ".join(re.sub(r"[^a-z ]", " ", text.lower().replace("-", " ")).split())
    if plain in _BARE:
        kind = _KINDS[_BARE[plain]]
        return Move(seat, kind)  # type: ignore[arg-type]
    found = _SUBMITS.fullmatch(text)
    if found is not None:
        return Move(seat, "submit", take=_amounts(found["rest"]))
    said = " ".join(text.split())
    if not said:
        raise ConfigError("say something")
    if len(said) > LONGEST:
        raise ConfigError(f"a message has at most {LONGEST} characters, this one {len(said)}")
    return Move(seat, "say", said)


def _amounts(text: str) -> Amounts:
    """What a submitted deal gives its author.

    Raises:
        ConfigError: If it does not name each item once, with 0 to 3 packages.
    """
    named = [
        (before or after, int(count or behind))
        for count, before, after, behind in _AMOUNT.findall(text.lower())
    ]
    table = dict(named)
    if len(named) != len(ITEMS) or len(table) != len(ITEMS):
        raise ConfigError(f"name each of the three items once, as in '{_EXAMPLE}'")
    if any(count > PACKAGES for count in table.values()):
        raise ConfigError(f"there are {PACKAGES} packages of each item")
    return table["food"], table["water"], table["firewood"]
