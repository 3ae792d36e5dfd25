"""What may come to mind in such a talk, sensible or poor, and how each is carried out.

`carry_out` does for a proposer without a language model what a language model does by itself: it
reads the talk and writes the action.
"""

import json
import re

LOOK = "I look the order up before I promise anything."
STOCK = "I check whether the item is in stock."
TELL = "I tell them what has become of the order."
ASK = "I ask what would help them most."
SORRY = "I say that I am sorry for the trouble."
ANEW = "I send a new one at once."
WHOLE = "I pay back all that they paid."
HALF = "I pay back half of what they paid."
HAND_OVER = "I hand this over to a colleague."
HELP_PAGES = "I point them to the help pages."
CARRIER = "I explain that the carrier is to blame."
NUMBER = "I ask for the number of the order again."

SENSIBLE = (LOOK, STOCK, TELL, ASK, SORRY, ANEW, WHOLE, HALF, HAND_OVER)
"""Right in some talks, and wrong in others."""
POOR = (HELP_PAGES, CARRIER, NUMBER)

GUESS = 50
"""Euros paid back by who has not seen the price."""
_OPENING = re.compile(r"My order (\d+), a ([a-z ]+?), (?:is|has)")
_ORDER = re.compile(r"order \d+: [a-z ]+, (\d+) euros, ([^\n]+)")
_PAID = re.compile(r"(\d+) euros are paid back")
_SAID = {
    ASK: "What would help you most?",
    SORRY: "I am sorry for the trouble.",
    HELP_PAGES: "Please read our help pages.",
    CARRIER: "The carrier is to blame for this.",
    NUMBER: "What is the number of your order?",
}


def carry_out(thought: str, talk: str) -> str:
    """The action of a thought.

    Args:
        thought: One of `THOUGHTS`; anything else is said as it stands.
        talk: What was said and done so far; the customer's first words are in it.
    """
    opening, found = _OPENING.search(talk), _ORDER.search(talk)
    number, item = (int(opening[1]), opening[2]) if opening else (0, "")
    euros, told = (int(found[1]), found[2]) if found else (GUESS, "")
    rest = euros - sum(int(paid) for paid in _PAID.findall(talk))
    tools = {
        LOOK: ("look_up_order", {"number": number}),
        STOCK: ("check_stock", {"item": item}),
        ANEW: ("send_anew", {"number": number}),
        WHOLE: ("refund", {"number": number, "euros": rest}),
        HALF: ("refund", {"number": number, "euros": (euros + 1) // 2}),
        HAND_OVER: ("open_ticket", {"number": number, "about": "see the talk"}),
    }
    if thought in tools:
        name, arguments = tools[thought]
        return f"{name} {json.dumps(arguments)}"
    if thought == TELL:
        return f"answer: Your {item} is {told}." if told else "answer: I do not know yet."
    return f"answer: {_SAID.get(thought, thought)}"


def kind_of(said: str) -> str:
    """What kind of thing the agent said, for the notes."""
    plain = said.lower()
    for kind, words in (
        ("the news", ("arrives", "on its way", "neighbour", "lost", "delivered")),
        ("sorry", ("sorry", "apolog")),
        ("a question", ("?",)),
    ):
        if any(word in plain for word in words):
            return kind
    return "other things"
