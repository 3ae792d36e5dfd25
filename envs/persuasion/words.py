"""How the simulated talk sounds: own sentences for every act and every answer.

None of them was said by a person. Each answer sounds like what moved the donor, with a reading
that is now and then off by one, since tones are not numbers.
"""

import random
from collections.abc import Mapping
from types import MappingProxyType

from forethought.envs.persuasion.rules import CLOSE, OPENS_UP

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "greet": "Hello, it is nice to talk to you today.",
        "source inquiry": "Do you know the children's charity I work with?",
        "task inquiry": "Have you given to a charity before?",
        OPENS_UP: "What matters to you when somebody asks you for help?",
        "information": "What you give is taken from your payment and goes to the charity whole.",
        "credibility": "The charity has worked for a hundred years and publishes its accounts.",
        "logic": "A meal costs little there, so that every cent does a lot.",
        "emotion": "Many of these children are hungry and afraid tonight.",
        "story": "As a child I was helped by strangers myself, and never forgot it.",
        "example": "I give a part of my own payment today.",
        "ask little": "Would you give 25 cents?",
        "ask half": "Would you give one dollar?",
        "ask all": "Would you give both dollars?",
        CLOSE: "Thank you for your time, goodbye.",
    }
)
"""What the persuader says for each act."""
TONES = ("cool", "flat", "mild", "warm")
MISREAD = 0.15
"""Chance that a tone sounds one step off."""
_REPLIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cool": ("I do not like to hear that.", "Please, not this again."),
        "flat": ("I see.", "All right."),
        "mild": ("That is good to know.", "Fair enough."),
        "warm": ("That really speaks to me.", "I am glad that you tell me this."),
        "settled": ("Good, then I am no longer troubled.", "That answers my worry."),
        "promised": ("Yes, I will give that.", "Sure, you can count on me."),
        "less": ("That is too much for me, I would give less.", "Not as much as that."),
        "refused": ("No, I would rather not.", "I do not want to give that."),
        "left": ("I said no. Goodbye.",),
        "closed": ("Goodbye.",),
        "doubt": ("How do I know that the money gets there?", "I am not sure I can trust it."),
        "later": ("I would have to think about it first.", "Maybe another time."),
        "money": ("I have very little money myself.", "My bills come first right now."),
        "already": ("I give to another charity already.", "I have done my share elsewhere."),
    }
)


def tone_of(moved: int, rng: random.Random) -> str:
    """How a change of willingness sounds: cool below 0, flat at 0, mild at 1, warm from 2 on."""
    place = max(0, min(moved, 2) + 1)
    if rng.random() < MISREAD:
        place = max(0, min(len(TONES) - 1, place + (1 if rng.random() < 0.5 else -1)))
    return TONES[place]


def reply(done: str, tone: str, objection: str, rng: random.Random) -> str:
    """What the donor says to something that it heard, refused or promised."""
    kind = {"heard": tone, "objected": objection}.get(done, done)
    ways = _REPLIES[kind]
    return ways[int(rng.random() * len(ways))]
