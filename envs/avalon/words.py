"""The words of Avalon: the outcome vocabulary, names of players, actions and reading them back.

Players are numbered from 1 in words, from 0 everywhere else.
"""

import re
from functools import cache, lru_cache

from forethought.agent.types import Goal
from forethought.envs.avalon.rules import MOST_REJECTED, NEEDED, Table, members

WIN = "My side wins."
_PASS = "Three quests pass."
_FAIL = "Three quests fail."
_REJECTED = "Five proposals in a row are rejected."
_NAMED = "The Assassin names Merlin."
TALK = "talk"
"""The phase before a quest's first proposal, where players talk; the rules know nothing of it."""
APPROVE, REJECT = "I approve.", "I reject."
SUCCEED, FAIL = "I play success.", "I play fail."
NOTHING = "I have nothing to say."
_PARTS = tuple(f"{count} in 20" for count in range(21))
LONGEST_SPEECH = 500
"""Characters."""
_CLAIM = re.compile(r"i (trust|suspect) player (\d{1,2})\.?", re.IGNORECASE)
_TEAM = re.compile(r"i propose players? ([\d, and]+)\.?", re.IGNORECASE)
_NAMING = re.compile(r"i name player (\d{1,2})(?: as merlin)?\.?", re.IGNORECASE)


@cache
def goals(evil: bool) -> tuple[Goal, ...]:
    """The outcome vocabulary of one side; winning alone is worth anything."""
    good, bad = (_PASS,), (_FAIL, _REJECTED, _NAMED)
    hoped, feared = (bad, good) if evil else (good, bad)
    return (
        Goal(WIN, weight=1.0),
        *(Goal(text, weight=0.0) for text in hoped),
        *(Goal(text, kind="feared", weight=0.0) for text in feared),
    )


def reached(table: Table, won: bool, named: bool) -> tuple[str, ...]:
    """The goals that a finished game came to.

    Args:
        table: After its end.
        won: Whether this player's side won.
        named: Whether the Assassin named Merlin.
    """
    told = {
        WIN: won,
        _PASS: table.passed == NEEDED,
        _FAIL: table.failed == NEEDED,
        _REJECTED: table.rejected == MOST_REJECTED,
        _NAMED: named,
    }
    return tuple(text for text, true in told.items() if true)


@lru_cache(maxsize=4096)
def name_players(team: int) -> str:
    """A set of players in words, as in `players 1, 2 and 5`."""
    names = [str(player + 1) for player in members(team)]
    if len(names) < 2:
        return f"player {names[0]}" if names else "nobody"
    return f"players {', '.join(names[:-1])} and {names[-1]}"


@cache
def say_team(team: int) -> str:
    """The action that proposes a team."""
    return f"I propose {name_players(team)}."


@cache
def say_name(player: int) -> str:
    """The action that names a player as Merlin."""
    return f"I name player {player + 1} as Merlin."


@cache
def say_suspect(player: int) -> str:
    """The claim that a player is evil."""
    return f"I suspect player {player + 1}."


@cache
def say_trust(player: int) -> str:
    """The claim that a player is good."""
    return f"I trust player {player + 1}."


def parse_team(text: str) -> int:
    """Read a proposed team back; players may come in any order, each once.

    Raises:
        ValueError: If the text proposes no team.
    """
    match = _TEAM.fullmatch(" ".join(text.split()))
    named = re.findall(r"\d+", match[1]) if match else []
    numbers = [int(number) for number in named if len(number) < 3]
    if not named or len(set(numbers)) != len(named) or 0 in numbers:
        raise ValueError("propose a team as in 'I propose players 1 and 2.', each player once")
    return sum(1 << number - 1 for number in numbers)


def parse_name(text: str) -> int:
    """Read back whom the Assassin names.

    Raises:
        ValueError: If the text names nobody.
    """
    match = _NAMING.fullmatch(" ".join(text.split()))
    if match is None or int(match[1]) == 0:
        raise ValueError("name a player as in 'I name player 2 as Merlin.'")
    return int(match[1]) - 1


def claim(text: str) -> tuple[str, int] | None:
    """Read a claim: `trust` or `suspect` and the player; `None` for other words."""
    match = _CLAIM.fullmatch(" ".join(text.split()))
    return (match[1].lower(), int(match[2]) - 1) if match else None


def part(chance: float) -> str:
    """A chance in twentieths, as in `12 in 20`."""
    return _PARTS[round(20 * chance)]
