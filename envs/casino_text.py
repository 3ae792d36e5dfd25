"""What one negotiator knows, in words: own priorities and the talk so far, numbers spelled out.

Reads offers out of the utterances (`casino_offers`), keeps what is on the table, and writes the
state text of one seat. It never sees the other's priorities, a submitted deal or any points scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from forethought.envs.casino_data import ITEMS, PACKAGES, POINTS, Dialogue
from forethought.envs.casino_moods import Stance, stance, wishes
from forethought.envs.casino_offers import Amount, amounts, tokens

T = TypeVar("T")
Named = tuple[int | None, int | None, int | None]
"""Packages of food, water and firewood for seat 0; `None` where nobody named an amount."""
_NOTHING: Named = (None, None, None)


@dataclass(frozen=True, slots=True)
class Talk:
    """What a reader of the utterances knows after some of them; nothing private."""

    turns: int = 0
    table: Named = _NOTHING
    """The last amounts named for each item, whoever named them."""
    asks: tuple[Named, Named] = (_NOTHING, _NOTHING)
    """The last amounts that each seat itself named."""
    offers: tuple[int, int] = (0, 0)
    """How many utterances of each seat named an amount."""
    offered_by: int | None = None
    """The seat that named an amount last."""
    since: int = 0
    """Turns since an amount was named."""
    yes: tuple[int, int] = (0, 0)
    """Agreeing utterances of each seat since then."""
    no: tuple[int, int] = (0, 0)
    """Refusing utterances of each seat since then."""
    wishes: tuple[tuple[int, int, int], tuple[int, int, int]] = ((0, 0, 0), (0, 0, 0))
    """How much each seat has sounded in need of food, water and firewood."""
    topic: str = ""
    """The item spoken of last."""
    stances: tuple[Stance, Stance] = ("neither", "neither")
    """Whether the last utterance of each seat sounded like a yes or a no."""


def _laid(table: Named, seat: int, named: Sequence[Amount]) -> Named:
    """The table after a seat named amounts."""
    result = list(table)
    for amount in named:
        at = ITEMS.index(amount.item)
        for_seat_0 = (amount.receiver == "speaker") == (seat == 0)
        before = result[at]
        if amount.relative and before is not None:
            step = amount.quantity if for_seat_0 else -amount.quantity
            result[at] = min(PACKAGES, max(0, before + step))
        elif not amount.relative:
            result[at] = amount.quantity if for_seat_0 else PACKAGES - amount.quantity
    food, water, firewood = result
    return food, water, firewood


def _put(pair: tuple[T, T], seat: int, value: T) -> tuple[T, T]:
    return (value, pair[1]) if seat == 0 else (pair[0], value)


@lru_cache(maxsize=4096)
def _read(text: str, topic: str) -> tuple[tuple[Amount, ...], Stance, tuple[int, ...], str]:
    """Amounts, mood, needs by item and the item named last (or nothing) of an utterance."""
    wish = wishes(text)
    mentioned = [word for word in tokens(text) if word in ITEMS]
    return (
        tuple(amounts(text, topic)),
        stance(text),
        tuple(wish.get(item, 0) for item in ITEMS),
        mentioned[-1] if mentioned else "",
    )


def hear(talk: Talk, seat: int, text: str) -> Talk:
    """What is known after one more utterance."""
    named, mood, wish, mentioned = _read(text, talk.topic)
    food, water, firewood = (old + new for old, new in zip(talk.wishes[seat], wish, strict=True))
    talk = replace(
        talk,
        turns=talk.turns + 1,
        since=talk.since + 1,
        topic=mentioned or talk.topic,
        wishes=_put(talk.wishes, seat, (food, water, firewood)),
        stances=_put(talk.stances, seat, mood),
    )
    if not named:
        return replace(
            talk,
            yes=_put(talk.yes, seat, talk.yes[seat] + (mood == "agrees")),
            no=_put(talk.no, seat, talk.no[seat] + (mood == "refuses")),
        )
    return replace(
        talk,
        table=_laid(talk.table, seat, named),
        asks=_put(talk.asks, seat, _laid(talk.asks[seat], seat, named)),
        offers=_put(talk.offers, seat, talk.offers[seat] + 1),
        offered_by=seat,
        since=0,
        yes=(0, 0),
        no=(0, 0),
    )


def follow(dialogue: Dialogue) -> list[Talk]:
    """What is known after 0, 1, ... utterances."""
    talks = [Talk()]
    for turn, text in enumerate(dialogue.turns):
        talks.append(hear(talks[-1], dialogue.speaker(turn), text))
    return talks


def worth(named: Named, seat: int, priorities: Sequence[str]) -> tuple[float, float, float]:
    """Points that a table gives a seat: least, about (half of what is open) and most."""
    least = about = most = 0.0
    for item, points in zip(priorities, POINTS, strict=True):
        amount = named[ITEMS.index(item)]
        if amount is None:
            about += points * PACKAGES / 2
            most += points * PACKAGES
        else:
            mine = points * (amount if seat == 0 else PACKAGES - amount)
            least, about, most = least + mine, about + mine, most + mine
    return least, about, most


_LEVELS = ("top", "middle", "bottom")
_MARK = 19
"""The points that `success` asks for; the state says whether the table reaches them."""
_WORDS = {"agrees": "sounded willing", "refuses": "sounded unwilling", "neither": "said neither"}


def in_levels(text: str, priorities: Sequence[str]) -> str:
    """An utterance with each item called by what it is to the reader: top, middle or bottom."""
    level = dict(zip(priorities, _LEVELS, strict=True))
    return " ".join(level.get(word, word) for word in tokens(text))


def _line(key: str, named: Named, seat: int, priorities: Sequence[str]) -> str:
    """Amounts and worth of one table, every number behind two words found nowhere else."""
    parts = []
    for level, item in zip(_LEVELS, priorities, strict=True):
        amount = named[ITEMS.index(item)]
        if amount is not None:
            amount = amount if seat == 0 else PACKAGES - amount
        parts.append(f"{key} {level} {'open' if amount is None else amount}")
    least, about, most = worth(named, seat, priorities)
    reach = "yes" if least >= _MARK else "no" if most < _MARK else "open"
    mark = f"{key} reach {reach}"
    if named == _NOTHING:
        return f"{key} nothing"
    return (
        f"{', '.join(parts)}; {key} about {about:g} points, {key} least {least:g}, "
        f"{key} most {most:g}; {mark}"
    )


def _moods(talk: Talk, seat: int) -> str:
    if talk.offered_by is None:
        return "Nobody has named an amount."
    who = "I" if talk.offered_by == seat else "They"
    other = 1 - seat
    return (
        f"{who} named an amount last, turns since {talk.since}: they agreed {talk.yes[other]}, "
        f"they refused {talk.no[other]}, I agreed {talk.yes[seat]}, I refused {talk.no[seat]}. "
        f"My offers {talk.offers[seat]}, their offers {talk.offers[other]}."
    )


def _wishes(key: str, wished: Sequence[int], priorities: Sequence[str]) -> str:
    parts = [
        f"{key} {level} {wished[ITEMS.index(item)]}"
        for level, item in zip(_LEVELS, priorities, strict=True)
    ]
    return ", ".join(parts)


def state_text(talk: Talk, seat: int, priorities: Sequence[str]) -> str:
    """The state of one seat: own priorities, what is on the table, moods and needs voiced.

    No utterance is quoted: on 1,030 dialogues a head learns more from these numbers alone than from
    the numbers and the last utterances together.

    Args:
        talk: What the utterances so far amount to.
        seat: Whose state it is, 0 or 1.
        priorities: That seat's items, dearest first.
    """
    other = 1 - seat
    high, medium, low = priorities
    lines = [
        f"My top item is {high} (5 points each), middle {medium} (4), bottom {low} (3).",
        f"Turns heard {talk.turns}.",
        f"On the table for me: {_line('table', talk.table, seat, priorities)}.",
        f"I asked for: {_line('asked', talk.asks[seat], seat, priorities)}.",
        f"They would leave me: {_line('left', talk.asks[other], seat, priorities)}.",
        _moods(talk, seat),
        f"I {_WORDS[talk.stances[seat]]} last, they {_WORDS[talk.stances[other]]} last.",
        f"Needs voiced: {_wishes('mine', talk.wishes[seat], priorities)}; "
        f"{_wishes('theirs', talk.wishes[other], priorities)}.",
    ]
    return "\n".join(lines)


def thought_text(after: Talk, seat: int, priorities: Sequence[str], text: str) -> str:
    """An utterance as a thought: what it would leave its speaker, and the words themselves."""
    said = in_levels(text, priorities)
    if after.since:
        return f"I say: {said}"
    return f"I would settle for: {_line('settle', after.table, seat, priorities)}. I say: {said}"
