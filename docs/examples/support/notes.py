"""What the agent sees of a talk: what was said, and the notes that a head is trained on.

Everything follows from a `View`, which holds only what the agent may know.
"""

from dataclasses import dataclass

from forethought.agent.types import Goal
from support.customers import MONEY, NEW_ONE, NEWS, WANTS
from support.shop import Order

TURNS = 10
SOLVED = Goal("The customer's problem is solved.", weight=1.0)
TOO_MUCH = Goal("The shop pays more than it had to.", kind="feared", weight=0.7)
LEAVES = Goal("The customer leaves.", kind="feared", weight=0.2)
HANDED_OVER = Goal("A colleague takes the talk over.", weight=0.4)
GOALS = (SOLVED, HANDED_OVER, TOO_MUCH, LEAVES)
"""How a talk may end. Summed, signed weights of what came true are the reward."""
RULES = (
    "You answer customers of a small shop. Find out what has become of an order before you promise"
    " anything, settle the matter before the customer loses patience, and pay no more than it"
    " takes. To speak to the customer, answer; the talk goes on until it is settled."
)
_SPOKEN = {NEWS: "to know when it comes", NEW_ONE: "a new one", MONEY: "the money back"}


@dataclass(frozen=True, slots=True)
class View:
    """What the agent may know."""

    turn: int
    """From 1."""
    said: tuple[str, ...]
    """Everything said and done, a line each."""
    mood: str
    order: Order
    """Only what was looked up is told of it."""
    units: int | None
    """In stock; `None` where nobody looked."""
    told: tuple[str, ...] = ()
    """What the agent has said, by kind, in order."""

    @property
    def wish(self) -> str:
        """What they said they want; empty where they did not say."""
        spoken = " ".join(line for line in self.said if line.startswith("Customer:"))
        return next((wish for wish, words in WANTS.items() if words in spoken), "")

    @property
    def broken(self) -> bool:
        """Whether they wrote that it is broken."""
        return "is broken" in self.said[0]


def transcript(view: View) -> str:
    """Everything said and done, as the agent sees it."""
    return "\n".join([*view.said, f"(turn {view.turn} of {TURNS}; they sound {view.mood})"])


def state_text(view: View) -> str:
    """The notes: what decides how the talk ends, as far as it is known."""
    order = view.order
    parts = [
        f"Turn {view.turn} of {TURNS}.",
        f"The {order.item} {'is broken' if view.broken else 'has not come'}.",
        f"They want {_SPOKEN[view.wish]}." if view.wish else "They did not say what they want.",
        f"They sound {view.mood}.",
        f"The order is {order.status}, {order.euros} euros."
        if order.looked_up
        else "The order was not looked up.",
        "The stock was not checked."
        if view.units is None
        else f"There are {view.units} in stock."
        if view.units
        else "None is in stock.",
    ]
    if view.told:
        parts.append(f"I said: {', '.join(view.told)}.")
    if order.paid_back:
        parts.append(f"I paid back {order.paid_back} euros.")
    if order.sent_anew:
        parts.append("I sent a new one.")
    if any(line.startswith("(") and ") error: " in line for line in view.said[-2:]):
        parts.append("My last call was refused.")
    return " ".join(parts)
