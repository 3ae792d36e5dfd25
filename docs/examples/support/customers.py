"""A simulated customer: what nobody is told, and how it decides a talk.

No model and no person. A customer has a wish, patience and a few traits, all drawn beforehand; what
the agent says is read by its words alone. Real customers are not like this: a head that has learned
from these talks knows these rules and nothing of people.
"""

import random
from dataclasses import dataclass

from support.shop import Order, Shop

NEWS, NEW_ONE, MONEY = "news", "a new one", "money"
ITEMS = ("desk lamp", "kettle", "rucksack", "radio", "clock", "chess set")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
WANTS = {
    NEWS: "When do I get it?",
    NEW_ONE: "I need one, so please send another.",
    MONEY: "I would rather have my money back.",
}
"""How each wish is said."""
GONE, THANKS = "Forget it, I am leaving.", "Thank you, that settles it."
_WISHES = {
    "on its way": ((NEWS, 0.55), (NEW_ONE, 0.25), (MONEY, 0.2)),
    "lost": ((NEW_ONE, 0.55), (MONEY, 0.45)),
    "delivered": ((NEW_ONE, 0.5), (MONEY, 0.5)),
    "at the neighbour's": ((NEWS, 0.6), (MONEY, 0.4)),
}
"""Wishes by what has become of the order, with their chances. Who wants money for what a neighbour
took in has it already."""
_TOLD = {"on its way": ("arrives", "on its way"), "at the neighbour's": ("neighbour",)}
"""Words by which a customer sees that the question is answered."""


@dataclass(frozen=True, slots=True)
class Case:
    """What nobody is told."""

    order: Order
    units: int
    wish: str
    patience: float
    """How much can go wrong before the customer leaves, about 2 to 6 turns."""
    flexible: bool
    """Whether a new one does instead of the money, and the money instead of a new one."""
    modest: bool
    """Whether half of the money does."""
    outspoken: bool
    """Whether the wish is said at once."""

    @property
    def honest(self) -> bool:
        """False for who wants money for what a neighbour took in."""
        return self.order.status != "at the neighbour's" or self.wish == NEWS

    @property
    def opening(self) -> str:
        """What the customer writes first."""
        trouble = "is broken" if self.order.status == "delivered" else "has not come"
        wish = f" {WANTS[self.wish]}" if self.outspoken else ""
        return f"My order {self.order.number}, a {self.order.item}, {trouble}.{wish}"

    @property
    def fair(self) -> float:
        """The least that had to be paid, euros; a new one costs the shop half its price."""
        if self.wish == NEWS or not self.honest:
            return 0.0
        new_one = self.units and (self.wish == NEW_ONE or self.flexible)
        half = self.wish == MONEY and self.modest
        return self.order.euros / 2 if new_one or half else self.order.euros


def draw_case(rng: random.Random) -> Case:
    """A case by lot."""
    status = rng.choices(list(_WISHES), [3, 2, 3, 2])[0]
    wishes, chances = zip(*_WISHES[status], strict=True)
    order = Order(
        rng.randrange(1000, 10_000),
        rng.choice(ITEMS),
        rng.randrange(20, 121, 2),
        status,
        rng.choice(DAYS),
    )
    return Case(
        order,
        units=rng.choice((0, 0, 1, 3, 8)),
        wish=rng.choices(wishes, chances)[0],
        patience=rng.uniform(2.0, 6.0),
        flexible=rng.random() < 0.5,
        modest=rng.random() < 0.4,
        outspoken=rng.random() < 0.6,
    )


class Simulated:
    """A customer that follows the rules of its case.

    Args:
        case: What nobody is told.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.content = False
        self.asked = False
        """Whether somebody asked for the wish; once is welcome."""
        self._patience = case.patience
        self._heard: set[str] = set()

    @property
    def fair(self) -> float:
        """The least that had to be paid, euros."""
        return self.case.fair

    @property
    def gone(self) -> bool:
        """Whether patience has run out."""
        return self._patience <= 0 and not self.content

    @property
    def mood(self) -> str:
        """How they sound."""
        if self._patience > 2.5:
            return "calm"
        return "impatient" if self._patience > 1.2 else "angry"

    def wait(self, shop: Shop) -> str:
        """The agent did something unseen, but for money and parcels. What is said, if anything."""
        self._patience -= 0.4
        order = shop.order(self.case.order.number)
        paid, anew = order.paid_back, order.sent_anew
        if (paid, anew) == (0, False):
            return self._say("")
        self.content = self._enough(paid, anew)
        return THANKS if self.content else self._say(WANTS[self.case.wish])

    def hear(self, text: str, shop: Shop) -> str:
        """The agent said something; what is said to that."""
        plain = text.lower()
        order = shop.order(self.case.order.number)
        kind = "nothing"
        if order.looked_up and any(word in plain for word in _TOLD.get(order.status, ())):
            if self.case.wish == NEWS:
                self.content = True
                return THANKS
            kind = "news"
        elif order.looked_up and "lost" in plain:
            kind = "news"
        elif "?" in plain and "number" not in plain:
            kind, self.asked = "asked", True
        elif "sorry" in plain or "apolog" in plain:
            kind = "sorry"
        return self._react(kind)

    def _react(self, kind: str) -> str:
        """Once each is fine; twice is not, and nothing never is."""
        again = kind in self._heard or kind == "nothing"
        self._heard.add(kind)
        self._patience -= 1.5 if again else {"news": 0.3, "asked": 0.4, "sorry": -0.3}[kind]
        if again:
            return self._say("That does not help me.")
        return self._say("Good to hear that." if kind == "sorry" else WANTS[self.case.wish])

    def _say(self, text: str) -> str:
        return GONE if self.gone else text

    def _enough(self, paid: int, anew: bool) -> bool:
        case = self.case
        if anew and (case.wish == NEW_ONE or case.flexible or not case.honest):
            return True
        if paid >= case.order.euros:
            return case.wish != NEW_ONE or case.flexible
        return paid * 2 >= case.order.euros and case.wish == MONEY and case.modest
