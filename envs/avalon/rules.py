"""The rules of The Resistance: Avalon for five to ten players, without any text or player.

`Table` is what everybody sees; `Game` adds the roles, which nobody sees whole. A team, or any other
set of players, is a whole number whose bit `i` says whether player `i` is in it. Quests and players
are counted from 0.

Left out: the Lady of the Lake, and targeting (choosing the order of the quests), which the rule
book offers as variants.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

from forethought.agent.errors import ConfigError

TEAM_SIZES: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        5: (2, 3, 2, 3, 3),
        6: (2, 3, 4, 3, 4),
        7: (2, 3, 3, 4, 4),
        8: (3, 4, 4, 5, 5),
        9: (3, 4, 4, 5, 5),
        10: (3, 4, 4, 5, 5),
    }
)
"""Players on each quest's team, by number of players."""
EVIL_PLAYERS: Mapping[int, int] = MappingProxyType({5: 2, 6: 2, 7: 3, 8: 3, 9: 3, 10: 4})
TWO_FAILS_FROM = 7
"""Players from which the fourth quest needs two fails."""
FOURTH = 3
QUESTS = 5
NEEDED = 3
"""Quests that decide the game."""
MOST_REJECTED = 5
"""Proposals rejected in a row that end the game for evil."""

MERLIN, PERCIVAL, SERVANT = "Merlin", "Percival", "Servant"
ASSASSIN, MORGANA, MORDRED, OBERON, MINION = "Assassin", "Morgana", "Mordred", "Oberon", "Minion"
GOOD_ROLES = (MERLIN, PERCIVAL, SERVANT)
EVIL_ROLES = (ASSASSIN, MORGANA, MORDRED, OBERON, MINION)
SPECIALS = (PERCIVAL, MORGANA, MORDRED, OBERON)
"""Roles that a game may add; Merlin and the Assassin are in every game."""

PROPOSE, VOTE, QUEST, NAME, OVER = "propose", "vote", "quest", "name", "over"
"""What the table waits for."""
GOOD, EVIL = "good", "evil"


class Proposal(NamedTuple):
    """One proposed team and how the vote on it went."""

    quest: int
    leader: int
    team: int
    approvals: int
    """The players who approved."""
    approved: bool


class Mission(NamedTuple):
    """One quest that was carried out."""

    team: int
    fails: int
    """Fail cards played."""
    passed: bool


@cache
def members(team: int) -> tuple[int, ...]:
    """The players of a set, in order."""
    return tuple(player for player in range(team.bit_length()) if team >> player & 1)


@cache
def teams(players: int, size: int) -> tuple[int, ...]:
    """Every team of a size."""
    return tuple(
        sum(1 << player for player in chosen) for chosen in combinations(range(players), size)
    )


def fails_needed(players: int, quest: int) -> int:
    """Fail cards that sink a quest."""
    return 2 if quest == FOURTH and players >= TWO_FAILS_FROM else 1


@cache
def cast(players: int, specials: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The roles that are dealt, good ones first.

    Args:
        players: 5 to 10.
        specials: Roles added to Merlin and the Assassin; see `SPECIALS`.

    Raises:
        ConfigError: If there is no such game.
    """
    if players not in TEAM_SIZES:
        raise ConfigError(f"players must be 5 to 10, not {players}")
    if unknown := sorted(specials - set(SPECIALS)):
        raise ConfigError(f"roles may add {', '.join(SPECIALS)}, not {', '.join(unknown)}")
    evil = [ASSASSIN, *(role for role in EVIL_ROLES if role in specials)]
    good = [MERLIN, *(role for role in GOOD_ROLES if role in specials)]
    seats = EVIL_PLAYERS[players]
    if len(evil) > seats:
        raise ConfigError(f"{players} players have {seats} evil ones, too few for {evil}")
    good += [SERVANT] * (players - seats - len(good))
    return (*good, *evil, *[MINION] * (seats - len(evil)))


class Table:
    """What everybody at the table sees.

    Args:
        players: 5 to 10.
        leader: The player who proposes first.
    """

    __slots__ = (
        "leader",
        "missions",
        "named",
        "phase",
        "players",
        "proposals",
        "quest",
        "rejected",
        "said",
        "team",
        "winner",
    )

    def __init__(self, players: int, leader: int = 0) -> None:
        if players not in TEAM_SIZES:
            raise ConfigError(f"players must be 5 to 10, not {players}")
        if not 0 <= leader < players:
            raise ConfigError(f"leader must be 0 to {players - 1}, not {leader}")
        self.players = players
        self.leader = leader
        self.phase = PROPOSE
        self.quest = 0
        self.rejected = 0
        """Proposals rejected in a row for this quest."""
        self.team = 0
        """The team on the table; 0 before there is one."""
        self.proposals: list[Proposal] = []
        self.missions: list[Mission] = []
        self.said: list[tuple[int, int, str]] = []
        """Quest, player and words of everything said; the rules do not look at it."""
        self.named: int | None = None
        """Whom the Assassin named."""
        self.winner = ""

    @property
    def size(self) -> int:
        """Players on the team of the quest under way."""
        return TEAM_SIZES[self.players][self.quest]

    @property
    def needed(self) -> int:
        """Fail cards that sink the quest under way."""
        return fails_needed(self.players, self.quest)

    @property
    def passed(self) -> int:
        """Quests that passed so far."""
        return sum(mission.passed for mission in self.missions)

    @property
    def failed(self) -> int:
        """Quests that failed so far."""
        return len(self.missions) - self.passed


class Game:
    """One game: the table and the roles at it. Moves that the rules forbid raise `ConfigError`.

    Args:
        roles: The role of every player, as dealt from a `cast`.
        leader: The player who proposes first.
    """

    __slots__ = ("evil", "roles", "table")

    def __init__(self, roles: Sequence[str], leader: int = 0) -> None:
        self.table = Table(len(roles), leader)
        self.roles = tuple(roles)
        self.evil = sum(1 << place for place, role in enumerate(roles) if role in EVIL_ROLES)
        """The evil players."""
        odd = [role for role in self.roles if role not in GOOD_ROLES + EVIL_ROLES]
        if odd or self.roles.count(MERLIN) != 1 or self.roles.count(ASSASSIN) != 1:
            raise ConfigError("a game has known roles, one Merlin and one Assassin among them")
        if self.evil.bit_count() != EVIL_PLAYERS[len(roles)]:
            raise ConfigError(f"{len(roles)} players have {EVIL_PLAYERS[len(roles)]} evil ones")

    def propose(self, team: int) -> None:
        """The leader proposes a team."""
        table = self.table
        self._expect(PROPOSE)
        if team.bit_count() != table.size or not 0 < team < 1 << table.players:
            raise ConfigError(f"this quest takes {table.size} of the {table.players} players")
        table.team = team
        table.phase = VOTE

    def vote(self, approvals: int) -> bool:
        """Everybody votes at once; a team needs more than half of the votes.

        Args:
            approvals: The players who approve.

        Returns:
            Whether the team goes on the quest.
        """
        table = self.table
        self._expect(VOTE)
        if not 0 <= approvals < 1 << table.players:
            raise ConfigError(f"only the {table.players} players vote")
        approved = 2 * approvals.bit_count() > table.players
        table.proposals.append(Proposal(table.quest, table.leader, table.team, approvals, approved))
        table.leader = (table.leader + 1) % table.players
        if approved:
            table.rejected = 0
            table.phase = QUEST
            return True
        table.team = 0
        table.rejected += 1
        if table.rejected == MOST_REJECTED:
            self._end(EVIL)
        else:
            table.phase = PROPOSE
        return False

    def play(self, fails: int = 0) -> bool:
        """The team plays its cards.

        Args:
            fails: The players who play a fail card; evil members of the team alone may.

        Returns:
            Whether the quest passed.
        """
        table = self.table
        self._expect(QUEST)
        if fails & ~(table.team & self.evil):
            raise ConfigError("only evil players on the team may play a fail card")
        count = fails.bit_count()
        passed = count < table.needed
        table.missions.append(Mission(table.team, count, passed))
        table.team = 0
        if passed and table.passed == NEEDED:
            table.phase = NAME
        elif not passed and table.failed == NEEDED:
            self._end(EVIL)
        else:
            table.quest += 1
            table.phase = PROPOSE
        return passed

    def name(self, player: int) -> bool:
        """The Assassin names whom evil takes for Merlin; the game ends.

        Returns:
            Whether it was Merlin, which wins the game for evil.
        """
        self._expect(NAME)
        if not 0 <= player < self.table.players or self.roles[player] == ASSASSIN:
            raise ConfigError("the Assassin names one of the other players")
        self.table.named = player
        right = self.roles[player] == MERLIN
        self._end(EVIL if right else GOOD)
        return right

    def _end(self, winner: str) -> None:
        self.table.winner = winner
        self.table.phase = OVER

    def _expect(self, phase: str) -> None:
        if self.table.phase != phase:
            raise ConfigError(f"the table waits for {self.table.phase}, not for {phase}")
