"""Persuasion strategies as plain patterns: what a persuader does with an utterance.

The families are those that Wang et al. (2019, arXiv 1906.06725) name, with a greeting, three ways
to ask, and an end beside them. Their hand annotations are not in the release that is read here, so
how far these patterns agree with them is not known. Used to count how often people do what; nothing
is said about what works.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from forethought.envs.persuasion.acts import MOST, dollars

STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "greet": r"\b(hi|hello|hey|good (morning|afternoon|evening|day)|how are you)\b",
        "source inquiry": r"\b(heard of|familiar with|know (anything |much |a lot )?about)\b.*\?",
        "task inquiry": r"\b(have you|do you|did you|ever)\b[^.?!]*\b(donat\w*|charit\w*|giv\w*|"
        r"volunteer\w*)\b[^.?!]*\?",
        "personal inquiry": r"\b(do you have|are you a|your (kids?|children|family|own)|"
        r"what do you|where are you|do you like|tell me about you)\b[^.?!]*\?",
        "information": r"\b(research team|collect\w* all|deduct\w*|payment|directly to|your task|"
        r"any amount (between|from|you)|\$0)\b",
        "credibility": r"\b(organi[sz]ation|non-?profit|non-?governmental|international|reputable|"
        r"legit\w*|website|url|founded|since 19|trust\w*|rating|percent|transparen\w*)\b",
        "logic": r"\b(every (dollar|penny|cent|bit)|would help|can help|makes? a difference|"
        r"helps? (to )?(provide|feed|save|children|kids)|because|impact|ensure\w*|in need)\b",
        "emotion": r"\b(suffer\w*|dying|die|died|starv\w*|hunger|hungry|war|violence|syria\w*|"
        r"killed|sad|heartbreaking|imagine|poor children|poverty|innocent)\b",
        "story": r"\b(my (own )?(son|daughter|kids?|children|friend|family|mother|father|parents|"
        r"brother|sister|nephew|niece)|when i was|i (once|used to|grew up)|i've (been|seen))\b",
        "example": r"\b(i('m| am| will be|'ll be)? (also |going to |planning to )*"
        r"(donat\w*|giv\w*)|i (already |have |usually )*(donate|donated|give|gave)|match\w*|"
        r"i('ll| will) (also )?(donate|give))\b",
        "close": r"\b(goodbye|bye|(have|enjoy) (a |your )(nice|great|good|wonderful)|"
        r"thanks? (you )?(so much )?for (your )?(time|donat\w*|giv\w*|chat\w*))\b",
    }
)
"""Family to pattern, in the order in which families are told; `ask` goes by more than words."""
_ASK = re.compile(
    r"\b(donat\w*|giv\w*|contribut\w*|willing|spare)\b(?:[^.]|\.\d)*\?|\bhow much\b|"
    r"\bplease (consider|donate|give|help)\b"
)
_PAST = re.compile(r"\b(have you|did you|ever|in the past|before|do you (usually|often|donate))\b")
_LITTLE = re.compile(r"\b(small|little|few|cents?|penny|pennies|any amount|even|just)\b")
_COMPILED = {name: re.compile(pattern) for name, pattern in STRATEGIES.items()}
ASKS = ("ask little", "ask half", "ask all")
FAMILIES = (*STRATEGIES, *ASKS)
_HALF = MOST / 2


def strategies(text: str) -> frozenset[str]:
    """Families that an utterance of a persuader belongs to; none where no pattern is met."""
    plain = text.lower().replace("\u2019", "'")
    found = {name for name, pattern in _COMPILED.items() if pattern.search(plain)}
    if _ASK.search(plain) and not _PAST.search(plain):
        found.add(_asked(plain))
    return frozenset(found)


def _asked(plain: str) -> str:
    """Which of `ASKS`: by the sum it names, else by whether it says that little is enough."""
    sums = dollars(plain)
    if sums and max(sums) > _HALF:
        return "ask all"
    if (sums and max(sums) < _HALF / 2) or (not sums and _LITTLE.search(plain)):
        return "ask little"
    return "ask half"
