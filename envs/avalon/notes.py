"""What one player can work out before a decision: the numbers that texts and hand-written bots use.

Everything follows from what the player sees (`Seen`) and a `Reading` of public facts, so nothing
here can give away another player's role.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from forethought.envs.avalon.ahead import Prospect, Way, by_vote, turned
from forethought.envs.avalon.beliefs import (
    Belief,
    Facts,
    Reading,
    admirers,
    facts_of,
    possible,
    shares,
    shares_by_quests,
)
from forethought.envs.avalon.players import Seen
from forethought.envs.avalon.rules import MOST_REJECTED, NAME, OVER, members, teams

LOOKING = 6
"""Players of the largest table at which a player looks ahead."""


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
        self.needed = table.needed
        """Fails that sink the quest under way."""
        self.reading = reading

    @cached_property
    def by_quests(self) -> Mapping[int, float]:
        """How likely each team is safe, every possible set of evil players being as likely."""
        table = self.seen.table
        return shares_by_quests(table.players, self.seen.known, table.quest, self.facts)

    @cached_property
    def by_votes(self) -> Mapping[int, float]:
        """The same chances by the reading of votes and proposals."""
        table = self.seen.table
        return shares(table.players, table.quest, self.belief.sets)

    @cached_property
    def admirers(self) -> Mapping[int, int]:
        """For each team that any Servant would approve by the published rules: who would."""
        table = self.seen.table
        return admirers(table.players, table.quest, self.facts)

    def likes(self, team: int) -> bool:
        """Whether a Servant in this player's place would approve a team."""
        return bool(self.admirers.get(team, 0) >> self.seen.known.me & 1)

    def approvals(self, team: int) -> float:
        """Approvals to expect for a team, this player's included."""
        seen, chances, needed = self.seen, self.belief.evil, self.needed
        mine = 1 << seen.known.me
        expected = 1.0
        for player in members(self.admirers.get(team, 0) & seen.others):
            expected += 1 - chances[player]
        for evil, chance in self.belief.sets:
            if (evil & team).bit_count() >= needed:
                expected += chance * (evil & ~mine).bit_count()
        return expected

    def led_by(self, player: int) -> float:
        """How likely a team is safe when a player proposes it by the published rules.

        For this player itself: the safest team. Evil players propose none that is.
        """
        if player == self.seen.known.me:
            return self.best
        bit = 1 << player
        liked = [self.by_votes[team] for team, who in self.admirers.items() if who & bit]
        evil, merlin = self.belief.evil[player], self.belief.merlin[player]
        return merlin + (1 - evil - merlin) * sum(liked) / len(liked)

    def ahead(self, team: int) -> tuple[Prospect, Prospect] | None:
        """How this quest and the next are likely to go once a team is voted on.

        The mean over how the roles may be dealt, by the reading of votes; see the module `ahead`.

        Returns:
            With this player's rejection, and with its approval; `None` at tables of more than
            `LOOKING` players, where it takes too long.
        """
        if self.seen.table.players > LOOKING:
            return None
        table, me = self.seen.table, self.seen.known.me
        players, leader = table.players, (table.leader - me) % table.players
        turn = turned(team, me, players)
        rejecting, approving = [0.0, 0.0], [0.0, 0.0]
        for way, chance in self._ways:
            no, yes = by_vote(way, self._turned_facts, turn, leader, table.rejected)
            for place in (0, 1):
                rejecting[place] += chance * no[place]
                approving[place] += chance * yes[place]
        return Prospect(*rejecting), Prospect(*approving)

    @cached_property
    def _ways(self) -> Sequence[tuple[Way, float]]:
        me, players = self.seen.known.me, self.seen.table.players
        return [
            (Way(players, turned(evil, me, players), (merlin - me) % players), chance)
            for evil, merlin, chance in self.belief.ways
        ]

    @cached_property
    def _turned_facts(self) -> Facts:
        me, players = self.seen.known.me, self.seen.table.players
        return tuple((turned(team, me, players), fails) for team, fails in self.facts)

    @property
    def last_leader(self) -> int:
        """Who proposes the fifth team of this quest, should it come to that."""
        table = self.seen.table
        return (table.leader + MOST_REJECTED - 1 - table.rejected) % table.players

    @property
    def choices(self) -> tuple[int, ...]:
        """Every team the quest under way could take."""
        table = self.seen.table
        return teams(table.players, table.size)

    @cached_property
    def best(self) -> float:
        """The chance of the safest team by votes."""
        return max(self.by_votes.values())

    @cached_property
    def best_by_quests(self) -> float:
        """The chance of the safest team by quests alone."""
        return max(self.by_quests.values())

    @cached_property
    def exposure(self) -> tuple[float, ...]:
        """By player: how likely somebody who knows evil takes it for Merlin.

        Zero for everybody where this player does not know all evil players itself.
        """
        if len(self.sets) == 1:
            return self.reading.exposure(self.sets[0])
        return (0.0,) * self.seen.table.players

    @property
    def waiting(self) -> bool:
        """Whether a team is still to be chosen in this game."""
        return self.seen.table.phase not in (NAME, OVER)
