"""Who is to get how many packages of what: offers read from what camp-site negotiators write.

Pure functions over the text of the utterances; no priorities, no points, no data files. It reads
amounts ("2 of the water", "all the food", "the rest"), whom they go to ("I take", "give me",
"2 for you"), and who gets what is left. It does not understand jokes,
conditions ("if it rains ...") or amounts spread over several utterances beyond carrying the last
amount named for an item.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from forethought.envs.casino_data import ITEMS, PACKAGES

Receiver = Literal["speaker", "listener"]

_OTHER: dict[Receiver, Receiver] = {"speaker": "listener", "listener": "speaker"}
_REWRITES = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"[\u2019`\u00b4]", "'"),
        (r"\bfire[ -]*wood?s?\b|\bfire ?woods?\b|\bwoods?\b|\blogs?\b|\bfirewod\b", "firewood"),
        (r"\bfoods\b|\bffod\b|\bfod\b|\bfoood\b|\bmeals?\b|\bmeat\b", "food"),
        (r"\bwaters\b|\bwater's\b|\bwatter\b|\bh2o\b|\bwate\b", "water"),
        (r"\bcannot\b|\bcan not\b", "can't"),
        (r"\b(i|you|we|they)'(ll|d|m|re|ve)\b", r"\1"),
        (r"\b(ill|im|id|ive)\b", "i"),
        (r"\b(u|ya|youll|your?self)\b", "you"),
        (r"\bur\b", "your"),
        (r"\bgimme\b", "give me"),
        (r"\b(\d)x\b|\bx(\d)\b", r"\1\2"),
        (r"\beverything else\b|\bremaining\b|\bremainder\b|\bleft ?overs?\b", "rest"),
        (r"\bin (exchange|return|trade) for\b|\bin place of\b|\binstead of\b", "swap"),
        (r"\b(part with|give up|give away|let go of|do without|spare|live without)\b", "lose"),
    )
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[.,;:!?&=-]")
_NUMBERS = {
    "0": 0, "1": 1, "2": 2, "3": 3, "zero": 0, "none": 0, "one": 1, "two": 2, "three": 3,
    "single": 1, "couple": 2, "both": 2, "to": -1, "too": -1, "tow": 2, "all": 3, "every": 3,
    "everything": 3, "thee": 3, "a": -2, "an": -2, "another": -3, "no": -4, "any": -5,
}  # fmt: skip
"""Amounts by word; below zero the word is an amount in some contexts only."""
_FILLER = _words(
    "of the my your our package packages pack packs packets packet bundle bundles extra more unit "
    "units item items additional piece pieces bottle bottles gallon gallons case cases supply "
    "supplies portion portions share shares full whole jug jugs set sets x pkgs pkg is are "
    "amount amounts things thing stacks bags bag them those these that some sources just"
)
_GET = _words(
    "get gets getting got take takes taking took have having has need needs needing needed want "
    "wants wanted wanting keep keeps keeping receive receiving like use grab ask asking asked "
    "request requesting accept prefer deserve require interested settle willing looking hoping "
    "claim do go add own"
)
_GIVE = _words(
    "give gives giving gave offer offers offering trade trading let lets letting leave leaves "
    "leaving allow allowing share sharing provide send exchange exchanging swapping afford "
    "concede hand lend donate"
)
_ME = _words("i me my mine we us our myself")
_YOU = _words("you yours your they")
_NEGATIONS = _words(
    "can't don't won't not wouldn't couldn't doesn't isn't never cant dont wont didn't"
)
_STOPS = _words(". ; ! ?")
_LEADS = _words(", . : ; ! and about then so ? but")
"""Words before "for me" that leave it free to say who gets the amounts named around it."""
_ENDS = _words(". , ; ! ? for and but if so then")


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount named in an utterance."""

    item: str
    """food, water or firewood."""
    quantity: int
    """Packages, 0 to 3."""
    receiver: Receiver
    relative: bool = False
    """True for "one more": on top of what was on the table."""


@dataclass(slots=True)
class _Clause:
    """What the reader remembers while it walks over the tokens."""

    subject: Receiver = "speaker"
    receiver: Receiver = "speaker"
    giving: bool = False
    dealing: bool = False
    """Whether a verb of giving or getting has been met since the subject."""
    negated: bool = False
    carried: tuple[int, bool] | None = None
    """The last amount, which "all the food and water" carries on to the next item."""
    topic: str = ""
    """The item spoken of last."""
    fresh: int = 0
    """Index of the first amount that a following "for me" or "for you" may still claim."""


@lru_cache(maxsize=1024)
def tokens(text: str) -> tuple[str, ...]:
    """Words, numbers and marks in lower case, with the names of the items made uniform."""
    text = text.lower()
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return tuple(_TOKEN.findall(text))


def _quantity(words: Sequence[str], at: int) -> tuple[int, bool] | None:
    """The amount that stands before the item at `at`, and whether it is relative."""
    relative = False
    for back in range(at - 1, max(at - 7, -1), -1):
        word = words[back]
        relative = relative or word == "more"
        if word in _NUMBERS:
            return _plain(_NUMBERS[word], relative)
        if word == "each":
            continue
        if word not in _FILLER:
            return None
    return None


def _plain(number: int, relative: bool) -> tuple[int, bool] | None:
    if number >= 0:
        return number, relative and number == 1
    if number == -2:  # "a food", "an extra water"
        return 1, relative
    if number == -3:  # "another"
        return 1, True
    if number in {-4, -5}:  # "no food", "any food"
        return (0, False) if number == -4 else None
    return None


def _after(words: Sequence[str], at: int) -> int | None:
    """The amount right after the item, as in "food: 2" or "water 1"."""
    nearby = [word for word in words[at + 1 : at + 3] if word not in {":", "-", "="}]
    if not nearby or not nearby[0].isdigit() or int(nearby[0]) > PACKAGES:
        return None
    behind = words[at + 1 + words[at + 1 : at + 3].index(nearby[0]) + 1 :][:3]
    return None if any(word in ITEMS or word == "of" for word in behind) else int(nearby[0])


def amounts(text: str, topic: str = "") -> list[Amount]:
    """Every amount an utterance names, with its receiver, in order.

    Amounts that are refused ("I can't give you 2 water") are left out.

    Args:
        text: What was said.
        topic: The item spoken of last, which a bare "I take two" then means; empty for none.
    """
    words = tokens(text)
    found: list[Amount] = []
    clause = _Clause(topic=topic)
    for at, word in enumerate(words):
        if word in ITEMS:
            _item(words, at, clause, found)
        elif clause.topic and word in _NUMBERS and clause.dealing and _alone(words, at):
            if not clause.negated and (plain := _plain(_NUMBERS[word], False)) is not None:
                found.append(Amount(clause.topic, plain[0], clause.receiver))
        elif word in {"rest", "each"} and _sweeps(words, at, clause):
            found += _sweep(words, at, clause, found)
        else:
            _walk(words, at, clause, found)
    return found


def _item(words: Sequence[str], at: int, clause: _Clause, found: list[Amount]) -> None:
    """Note the amount of the item at `at`, if one is named before it, after it or for its list."""
    item = words[at]
    quantity = _quantity(words, at)
    if quantity is None and clause.carried is not None and _joined(words, at):
        quantity = clause.carried
    if quantity is None and (behind := _after(words, at)) is not None:
        quantity = (behind, False)
    if quantity is None and clause.dealing and found and words[at - 1] == "the":
        quantity = (_left(item, clause, found), False)
    clause.carried, clause.topic = quantity, item
    if quantity is not None and not clause.negated:
        found.append(Amount(item, quantity[0], clause.receiver, quantity[1]))


def _left(item: str, clause: _Clause, found: Sequence[Amount]) -> int:
    """What "the food" amounts to: all of it, or what others named before leave over."""
    taken = [a.quantity for a in found if a.item == item and a.receiver != clause.receiver]
    return PACKAGES - taken[-1] if taken else PACKAGES


def _alone(words: Sequence[str], at: int) -> bool:
    """Whether a number stands for packages of what is being talked of: "I will take two."."""
    if words[at] not in {"1", "2", "3", "one", "two", "three", "both", "all"}:
        return False
    if at and words[at - 1] in {"that", "this", "no", "which", "every", "only", "number", "at"}:
        return False
    ahead = at + 1
    while ahead < len(words) and words[ahead] in _FILLER and words[ahead] not in {"is", "are"}:
        ahead += 1
    if any(word in ITEMS for word in words[ahead : ahead + 2]):
        return False
    return ahead == len(words) or words[ahead] in _ENDS


def _number_before(words: Sequence[str], at: int) -> int | None:
    before = [word for word in words[max(0, at - 3) : at] if word not in _FILLER]
    number = _NUMBERS.get(before[-1], -1) if before else -1
    return number if number >= 0 else None


def _joined(words: Sequence[str], at: int) -> bool:
    """Whether the item continues a list that one amount governs: "all the food and water"."""
    before = words[max(0, at - 4) : at]
    links = [word for word in before if word not in _FILLER]
    if len(links) < 2 or links[-1] not in {"and", "&", ","} or links[-2] not in {*ITEMS, ","}:
        return False
    return "all" in words[max(0, at - 9) : at] or "each" in words[max(0, at - 9) : at]


def _sweeps(words: Sequence[str], at: int, clause: _Clause) -> bool:
    """Whether "the rest" or "2 of each" hands something out here."""
    if clause.negated or not clause.dealing:
        return False
    if words[at] == "each":
        return _number_before(words, at) in {1, 2}
    return words[at - 1] in {"the", "all", "you", "i"} or "of" in words[at + 1 : at + 2]


def _sweep(words: Sequence[str], at: int, clause: _Clause, found: list[Amount]) -> list[Amount]:
    """The amounts behind "the rest", "the rest of the food" and "2 of each"."""
    named = {amount.item: amount for amount in found}
    ahead = [word for word in words[at + 1 : at + 5] if word in ITEMS]
    if words[at] == "each":
        if ahead:
            return []
        number = _number_before(words, at) or 0
        return [Amount(item, min(number, PACKAGES), clause.receiver) for item in ITEMS]
    swept = []
    for item in [item for item in ITEMS if not ahead or item in ahead]:
        taken = 0
        if item in named:
            same = named[item].receiver == clause.receiver
            taken = PACKAGES - named[item].quantity if same else named[item].quantity
        swept.append(Amount(item, PACKAGES - taken, clause.receiver))
    return swept


def _walk(words: Sequence[str], at: int, clause: _Clause, found: list[Amount]) -> None:
    """Let one word that is no item change who gives and who gets."""
    word = words[at]
    if word in _STOPS:
        clause.negated = clause.dealing = clause.giving = False
        clause.subject = clause.receiver = "speaker"
        clause.fresh = len(found)
        clause.carried = None
    elif word in _ME or word in _YOU:
        _person("speaker" if word in _ME else "listener", words, at, clause, found)
    elif word == "lose":
        clause.receiver = _OTHER[clause.subject]
        clause.dealing = True
    elif word in _GIVE:
        clause.giving = clause.dealing = True
        clause.receiver = _OTHER[clause.subject]
    elif word in _GET:
        clause.dealing = True
        clause.receiver = clause.subject
    elif word in _NEGATIONS:
        clause.negated = True
    elif word == "swap" or (word == "for" and _turns_round(words, at, clause, found)):
        clause.receiver = _OTHER[clause.receiver]
        clause.fresh = len(found)
    elif word in {"but", "if", "then", "so", "how", "maybe"}:
        clause.negated = False


def _turns_round(words: Sequence[str], at: int, clause: _Clause, found: list[Amount]) -> bool:
    """Whether "for" exchanges one thing for another: "2 food for 2 water"."""
    ahead = words[at + 1 : at + 5]
    number = next((i for i, word in enumerate(ahead) if _NUMBERS.get(word, -1) >= 0), None)
    named = len(found) > clause.fresh or clause.giving
    people = any(word in _ME or word in _YOU for word in ahead[:1])
    return named and not people and number is not None and number <= 1


def _person(
    who: Receiver, words: Sequence[str], at: int, clause: _Clause, found: list[Amount]
) -> None:
    word, before = words[at], words[at - 1] if at else ""
    if word in {"my", "our", "your"}:
        return
    if before in {"for", "to"} and word in {"me", "you", "us", "myself"}:
        named = [w for w in words[max(0, at - 5) : at - 1] if w not in _FILLER][-1:]
        if not named or named[0] in ITEMS or named[0] in _NUMBERS or named[0] in _LEADS:
            _claim(who, words, at, clause, found)
        return
    acts = bool(set(words[at + 1 : at + 2]) & (_GET | _GIVE))
    objective = before in _GIVE or (word in {"me", "us"} and (clause.giving or before == "and"))
    if objective and not (acts and before not in _GIVE):
        clause.receiver = who
        if before in {"let", "lets", "letting", "leave", "leaving", "allow", "allowing", "leaves"}:
            clause.subject, clause.giving = who, False
        clause.fresh = len(found)
        return
    clause.subject = clause.receiver = who
    clause.giving = clause.dealing = False
    clause.negated = clause.negated and before == "think"
    clause.fresh = len(found)


def _claim(
    who: Receiver, words: Sequence[str], at: int, clause: _Clause, found: list[Amount]
) -> None:
    """Give the amounts just named to whom "for me" or "for you" says."""
    if len(found) > clause.fresh:
        found[clause.fresh :] = [
            Amount(a.item, a.quantity, who, a.relative) for a in found[clause.fresh :]
        ]
    clause.receiver = clause.subject = who
    clause.giving = False
    clause.dealing = True
    clause.fresh = len(found)
