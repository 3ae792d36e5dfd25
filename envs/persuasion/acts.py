"""What people do with words when one asks the other for a donation: plain patterns, no model.

An act is a named pattern. `acts` says which of them an utterance contains, `dollars` reads the
amounts it names. Counting over a dialogue, and putting it into words, is `text`'s part.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

_GIVE = r"(donat\w*|giv\w*|contribut\w*)"
_WILLING = (
    r"\b(i will|i'll|ill|i am going to|i'm going to|i can|i would|i'd|i could|i want to|happy to|"
    r"glad to|gladly|willing to|love to|like to|i guess i|interested in|let me|decided to)\b"
)
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "offer": rf"{_WILLING}[^.?!]{{0,40}}\b({_GIVE}|help|do)\b",
        "promise": r"\b(i will|i'll|ill|gladly|definitely|i am going to|i'm going to)\b"
        rf"[^.?!]{{0,25}}\b{_GIVE}\b",
        "yes": r"\b(yes|yeah|sure|absolutely|definitely|of course|ok|okay|yep|certainly)\b",
        "no": r"\b(no|nope|not|cannot|can't|cant|won't|don't|dont|unable|unfortunately|sorry|"
        r"isn't|didn't|doesn't)\b",
        "refuse": r"(not|n't|cannot|unable|rather not|\bno) [^.?!]{0,30}"
        rf"({_GIVE}|afford|money|right now|at this time|today|interested|able)",
        "poor": r"\b(afford|bills?|tight|broke|poor|struggl\w*|income|unemployed|budget|student|"
        r"need the money|low on|paycheck)\b",
        "later": r"\b(look(ing)? into|research|website|consider|think about|later|maybe|not sure|"
        r"future|next time|another time|sometime|more information|check (it )?out|learn more|"
        r"decide)\b",
        "already": r"\b(already|i (have |'ve )?donate\w*|usually donate|i give|monthly|every month|"
        r"church|volunteer\w*)\b",
        "doubt": r"\b(scam|legit\w*|trust|how do i know|where does|percent(age)?|overhead|ceo|"
        r"goes to|actually go|administrat\w*|corrupt\w*|transparent|skeptical|wary)\b",
        "thanks": r"\b(thank|thanks|welcome|pleasure|(nice|great|good) day|bye|goodbye)\b",
        "praise": r"\b(great|wonderful|good|amazing|awesome|excellent|nice|important|worthy|"
        r"love)\b",
        "family": r"\b(my (kids?|children|son|daughter|grand\w*|nephew|niece|family)|father|mother|"
        r"parent)\b",
        "task": r"\b(task|hit|mturk|survey|payment|turk|bonus|reward|deducted)\b",
        "know": r"\b(heard of|familiar|know about|know of)\b",
        "donation": r"\bdonat\w*",
        "price": r"\bhow much\b",
        "match": r"\b(match|also donat\w*|i('m| am) donating|i donated|my own|i plan)\b",
        "collected": r"research team will collect|collect all donations",
        "reason": r"\bwhy\b|\breason\b|what would (it take|help)",
        "pity": r"\b(sad|heartbreaking|feel bad|terrible|awful|sorry)\b",
        "more": r"\b(more|increase|higher|full|up to|additional)\b",
        "little": r"\b(little|small|few|any amount|every (bit|penny|cent)|even)\b",
        "question": r"\?",
        "exclaim": r"!",
        "link": r"\burl\b|http|www",
        "greet": r"\b(hi|hello|hey|morning|afternoon|evening|how are you)\b",
        "ask": r"(donat|give|contribut|willing|would you)[^.]*\?|how much",
    }
)
_COMPILED = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}
ACTS = tuple(_PATTERNS)
"""Names of the acts."""
MOST = 2.0
"""The whole payment of the task, dollars: what could be given."""

_SUM = re.compile(
    r"\$\s?(?P<sign>\d*\.?\d+)"
    r"|(?P<number>\d*\.?\d+)\s?(?P<unit>dollars?|bucks?|cents?|\$|¢)"
    r"|\b(?P<word>zero|one|two|a|half|fifty|twenty|ten|five)\s?(?:of )?(?:a |whole )?"
    r"(?P<of>dollars?|bucks?|cents?)\b"
    r"|\b(?P<bare>0?\.\d\d?)\b"
)
_WORDS = {"zero": 0, "one": 1, "two": 2, "a": 1, "half": 0.5}
_WORDS |= {"fifty": 50, "twenty": 20, "ten": 10, "five": 5}
_WHOLE = re.compile(r"\b(all|entire|full|whole)( of)?( my| the)? (payment|amount|reward|earnings)")
_HALF = re.compile(r"\bhalf( of)?( my| the)? (payment|amount|reward|earnings)")


def acts(text: str) -> frozenset[str]:
    """Names of the acts that an utterance contains."""
    plain = text.lower().replace("\u2019", "'")
    return frozenset(name for name, pattern in _COMPILED.items() if pattern.search(plain))


def dollars(text: str) -> tuple[float, ...]:
    """Amounts that an utterance names, in dollars, in order; a share of the payment counts too."""
    plain = text.lower()
    found = [_amount(match) for match in _SUM.finditer(plain)]
    if _WHOLE.search(plain):
        found.append(MOST)
    if _HALF.search(plain):
        found.append(MOST / 2)
    return tuple(found)


def _amount(match: re.Match[str]) -> float:
    part = match.groupdict()
    if part["sign"] or part["bare"]:
        return float(part["sign"] or part["bare"])
    value = float(part["number"]) if part["number"] else float(_WORDS[part["word"]])
    unit = part["unit"] or part["of"]
    return value / 100 if unit[0] in "c¢" and value >= 1 else value
