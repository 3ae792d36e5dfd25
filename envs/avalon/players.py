"""Rule-based players: the naive ones of AvalonBench, and an Assassin that reads the table.

The naive rules are those that Light et al. describe (AvalonBench, arXiv 2310.05036), carried over
to the roles that paper leaves out. A player sees a `Seen` and nothing else.

Merlin: proposes itself with players it knows no evil of; approves exactly such teams.
Servant, Percival: see `preferred`. Percival counts only sets that fit what it saw.
Evil: proposes itself with as many known evil players as the fails need; approves teams that hold
    so many; plays a fail when they do. With more than enough at hand and one fail needed, the
    Assassin fails and the others pass.
Assassin: names any player it does not know to be evil.
Everybody approves a fifth proposal: good players because its rejection loses the game, evil ones so
    as not to stand out. (AvalonBench's engine lets a fifth team go without regard to the votes, so
    its games end alike; by the rule book five rejections end the game, and here they do.)
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.envs.avalon.beliefs import (
    Knowledge,
    Reading,
    facts_of,
    knowledge,
    possible,
    preferred,
)
from forethought.envs.avalon.rules import (
    ASSASSIN,
    MERLIN,
    MOST_REJECTED,
    NAME,
    OVER,
    PROPOSE,
    VOTE,
    Game,
    Table,
    members,
)
from forethought.envs.avalon.words import NOTHING, say_suspect


@dataclass(frozen=True, slots=True)
class Seen:
    """What one player sees: the table, and what its role told it."""

    table: Table
    known: Knowledge

    @property
    def others(self) -> int:
        """Everybody but this player."""
        return (1 << self.table.players) - 1 & ~(1 << self.known.me)


class Naive:
    """The players of the published rules; one object plays any seat."""

    def propose(self, seen: Seen, rng: random.Random) -> int:
        """A team for the quest under way."""
        table, known = seen.table, seen.known
        if known.is_evil:
            mates = members(known.evil & seen.others)
            wanted = min(table.needed - 1, len(mates))
            team = 1 << known.me | _some(mates, wanted, rng)
            return team | _some(members(seen.others & ~known.evil), table.size - 1 - wanted, rng)
        if known.role == MERLIN:
            clean = members(seen.others & ~known.evil)
            return 1 << known.me | _some(clean, table.size - 1, rng)
        return rng.choice(sorted(self._preferred(seen)))

    def vote(self, seen: Seen, rng: random.Random) -> bool:
        """Whether it approves the team on the table."""
        table, known = seen.table, seen.known
        if table.rejected == MOST_REJECTED - 1:
            return True
        if known.is_evil:
            return (table.team & known.evil).bit_count() >= table.needed
        if known.role == MERLIN:
            return not table.team & known.evil
        return table.team in self._preferred(seen)

    def fail(self, seen: Seen, rng: random.Random) -> bool:
        """Whether an evil player on the team plays a fail card."""
        table, known = seen.table, seen.known
        evil = (table.team & known.evil).bit_count()
        if known.role != ASSASSIN and evil > table.needed == 1 and known.evil.bit_count() == 2:
            return False
        return evil >= table.needed

    def name(self, seen: Seen, rng: random.Random) -> int:
        """Whom the Assassin takes for Merlin."""
        return rng.choice(members(seen.others & ~seen.known.evil))

    def speak(self, seen: Seen, rng: random.Random) -> str:
        """What it says before a quest; see the module `words` for how claims are put.

        Evil players suspect somebody they know to be good, Merlin somebody evil, and the others
        whoever failed quests make likeliest to be evil, if they do.
        """
        known = seen.known
        if known.is_evil:
            suspects = members(seen.others & ~known.evil)
        elif known.role == MERLIN:
            suspects = members(known.evil)
        else:
            suspects = self._suspects(seen)
        return say_suspect(rng.choice(suspects)) if suspects else NOTHING

    def _suspects(self, seen: Seen) -> tuple[int, ...]:
        table = seen.table
        sets = possible(table.players, seen.known, facts_of(table.missions))
        counts = {p: sum(evil >> p & 1 for evil in sets) for p in members(seen.others)}
        most = max(counts.values())
        found = tuple(player for player, count in counts.items() if count == most)
        return found if len(found) < len(counts) else ()

    def _preferred(self, seen: Seen) -> frozenset[int]:
        table = seen.table
        return preferred(table.players, seen.known, table.quest, facts_of(table.missions))


class Tracking(Naive):
    """Plays naively, but names the player whose votes and proposals fit Merlin best."""

    def name(self, seen: Seen, rng: random.Random) -> int:
        """The most likely Merlin; ties are drawn."""
        table, known = seen.table, seen.known
        reading = Reading(table.players)
        reading.follow(table)
        chances = reading.belief(known, facts_of(table.missions)).merlin
        most = max(chances)
        return rng.choice([p for p, chance in enumerate(chances) if chance >= most - 1e-12])


def _some(of: tuple[int, ...], count: int, rng: random.Random) -> int:
    return sum(1 << player for player in rng.sample(of, count))


PLAYERS: Mapping[str, Naive] = MappingProxyType({"naive": Naive(), "tracking": Tracking()})
"""How the others at a table play, by opponent name."""
TRAINING = ("naive",)
UNSEEN = ("tracking",)


def advance(
    game: Game, seen: tuple[Seen, ...], players: tuple[Naive, ...], rng: random.Random
) -> None:
    """Let rule-based players make the next move of a game, whatever it is."""
    table = game.table
    if table.phase == PROPOSE:
        game.propose(players[table.leader].propose(seen[table.leader], rng))
    elif table.phase == VOTE:
        game.vote(sum(1 << i for i, each in enumerate(seen) if players[i].vote(each, rng)))
    elif table.phase == NAME:
        assassin = game.roles.index(ASSASSIN)
        game.name(players[assassin].name(seen[assassin], rng))
    else:
        evil = members(table.team & game.evil)
        game.play(sum(1 << i for i in evil if players[i].fail(seen[i], rng)))


def play_out(game: Game, players: tuple[Naive, ...], rng: random.Random) -> str:
    """Play a game between rule-based players to its end.

    Returns:
        The side that won: `good` or `evil`.
    """
    seen = tuple(
        Seen(game.table, knowledge(game.roles, player)) for player in range(game.table.players)
    )
    while game.table.phase != OVER:
        advance(game, seen, players, rng)
    return game.table.winner
