"""Moods in what camp-site negotiators write: yes or no, and what they say they need.

Counts of words, and nothing more: amounts are read by `casino_offers`.
"""

import re
from typing import Literal

from forethought.envs.casino_data import ITEMS
from forethought.envs.casino_offers import tokens

Stance = Literal["agrees", "refuses", "neither"]

_NEGATIVE = re.compile(
    r"\b(no|not|nope|can't|won't|don't|wouldn't|isn't|sorry|unfortunately|however|but|unfair|"
    r"disagree|decline|reject|walk away|too much|instead|greedy|selfish|hmm)\b"
)
_POSITIVE = re.compile(
    r"\b(deal|agree|agreed|sounds? (good|great|fair|like)|works?|ok|okay|yes|yeah|yep|sure|perfect|"
    r"fair|awesome|great|fine|good|done|accept|excellent|wonderful|alright|absolutely|thank)\b"
)
_LOW = re.compile(
    r"(\b(don't|not|doesn't|won't|no|little|less) (really )?(\w+ ){0,2}?(need|want|care|"
    r"interested|worried|important|require|much|as much|any|all that)\b|"
    r"\b(least|lowest|enough|plenty|flexible|lower|low priority|last|already have|less|"
    r"spare|extra .{0,12}to give|lots of my own)\b)"
)
_MOST = re.compile(
    r"\b(most|top|main|highest|first|number one|essential|must|desperately|crucial)\b"
)
_WANT = re.compile(
    r"\b(need|needs|needed|want|wants|like|love|prefer|important|priority|could use|require|hoping|"
    r"necessary|crucial|essential|interested|value|looking for|more|must|without|short|ran out)\b"
)
_CLAUSES = re.compile(r"[.;!?\n]|\bbut\b|\band you\b|\bthough\b|, (?:so|while|and i|i|you)\b")


def stance(text: str) -> Stance:
    """Whether an utterance sounds like a yes or a no; only words are counted."""
    plain = " ".join(tokens(text))
    score = len(_POSITIVE.findall(plain)) - 2 * len(_NEGATIVE.findall(plain))
    return "agrees" if score > 0 else "refuses" if score < 0 else "neither"


def wishes(text: str) -> dict[str, int]:
    """How much the speaker sounds in need of each item named: 2 most, 1 yes, -1 can do without."""
    found: dict[str, int] = {}
    for clause in _CLAUSES.split(" ".join(tokens(text))):
        words = clause.split()
        if "you" in words and not {"i", "me", "my", "we"} & set(words):
            continue
        low, most, want = (bool(p.search(clause)) for p in (_LOW, _MOST, _WANT))
        score = -1 if low else 2 if most else 1 if want else 0
        for item in ITEMS:
            if item in words and score:
                found[item] = found.get(item, 0) + score
    return found
