"""What one player can work out before a decision: the numbers that texts and hand-written bots use.

Everything follows from what the player sees (`Seen`) and a `Reading` of public facts, so nothing
here can give away another player's role.
"""

from functools import cached_property

from forethought.envs.avalon.beliefs import (
    Belief,
    Reading,
    facts_of,
    possible,
    preferred,
    servant,
)
from forethought.envs.avalon.players import Seen
from forethought.envs.avalon.rules import NAME, OVER, members, teams


class Notes:
    """One player's notes at one moment.

    Args:
        seen: What the player sees.
        reading: How everybody has behaved so far, followed up to this moment.
    """

    def __init__(self, seen: Seen, reading: Reading) -> None:
        table = seen.table
        self.seen = seen
        self.facts = facts_of(table.missions)
        self.sets = possible(table.players, seen.known, self.facts)
        """Sets of evil players that fit the role and the fail cards."""
        self.belief: Belief = reading.belief(seen.known, self.facts)
        """The same sets, weighed by votes and proposals."""
        self._reading = reading
        self._likes: dict[int, int] = {}

    def by_quests(self, team: int) -> float:
        """The chance that a team is safe, every possible set of evil players being as likely."""
        needed = self.seen.table.needed
        return sum([(evil & team).bit_count() < needed for evil in self.sets]) / len(self.sets)

    def by_votes(self, team: int) -> float:
        """The same chance by the reading of votes and proposals."""
        return self.belief.safe(team, self.seen.table.needed)

    def likes(self, player: int, team: int) -> bool:
        """Whether a Servant in a player's place would approve a team by the published rules."""
        table = self.seen.table
        return team in preferred(table.players, servant(player), table.quest, self.facts)

    def approvals(self, team: int) -> float:
        """Approvals to expect for a team, this player's included."""
        seen, chances, needed = self.seen, self.belief.evil, self.seen.table.needed
        mine = 1 << seen.known.me
        expected = 1.0
        for player in members(seen.others):
            if chances[player] < 1 and self.likes(player, team):
                expected += 1 - chances[player]
        for evil, chance in self.belief.sets:
            if (evil & team).bit_count() >= needed:
                expected += chance * (evil & ~mine).bit_count()
        return expected

    @cached_property
    def choices(self) -> tuple[int, ...]:
        """Every team the quest under way could take."""
        table = self.seen.table
        return teams(table.players, table.size)

    @cached_property
    def best(self) -> float:
        """The chance of the safest team by votes."""
        return max([self.by_votes(team) for team in self.choices])

    @cached_property
    def best_by_quests(self) -> float:
        """The chance of the safest team by quests alone."""
        return max([self.by_quests(team) for team in self.choices])

    @cached_property
    def exposure(self) -> tuple[float, ...]:
        """By player: how likely somebody who knows evil takes it for Merlin.

        Zero for everybody where this player does not know all evil players itself.
        """
        if len(self.sets) == 1:
            return self._reading.exposure(self.sets[0])
        return (0.0,) * self.seen.table.players

    @property
    def waiting(self) -> bool:
        """Whether a team is still to be chosen in this game."""
        return self.seen.table.phase not in (NAME, OVER)
