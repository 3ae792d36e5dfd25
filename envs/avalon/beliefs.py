"""What a player may know and conclude: by its role, by the quests, and by how the others behaved.

Three steps, each on public facts and the player's own role alone. `Knowledge` is what the role
shows, exactly as in the rule book. `possible` are the sets of evil players that fit it and the fail
cards. `Reading` weighs those sets by votes and proposals: it counts how often each player did
something else than an evil player, Merlin or a Servant of the published rules would have done, and
takes each such surprise to make the role nine times less likely.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from forethought.envs.avalon.rules import (
    EVIL_PLAYERS,
    EVIL_ROLES,
    MERLIN,
    MORDRED,
    MORGANA,
    MOST_REJECTED,
    OBERON,
    PERCIVAL,
    SERVANT,
    TEAM_SIZES,
    Mission,
    Proposal,
    Table,
    fails_needed,
    members,
    teams,
)

SURPRISE = 1 / 9
"""What one surprise does to the odds of a role: players stray one time in ten, say."""
_ODDS = tuple(SURPRISE**count for count in range(8))
"""Odds after so many surprises more than the likeliest case; with still more it is left out."""


class Knowledge(NamedTuple):
    """What one player knows before the first quest."""

    me: int
    role: str
    evil: int
    """Players known to be evil, oneself included where that is so."""
    merlins: int
    """For Percival: those who showed themselves as Merlin (Merlin, and Morgana if she plays)."""
    morgana: bool
    """Whether Morgana plays; everybody knows which roles do."""

    @property
    def is_evil(self) -> bool:
        """Whether this player is evil."""
        return self.role in EVIL_ROLES


Facts = tuple[tuple[int, int], ...]
"""Team and fail cards of every quest so far."""


def facts_of(missions: Sequence[Mission]) -> Facts:
    """The facts that quests are remembered by."""
    return tuple((mission.team, mission.fails) for mission in missions)


def knowledge(roles: Sequence[str], me: int) -> Knowledge:
    """What a player's role shows it, by the rule book."""
    role = roles[me]
    evil = merlins = 0
    if role == MERLIN:
        evil = _players(roles, set(EVIL_ROLES) - {MORDRED})
    elif role == OBERON:
        evil = 1 << me
    elif role in EVIL_ROLES:
        evil = _players(roles, set(EVIL_ROLES) - {OBERON})
    elif role == PERCIVAL:
        merlins = _players(roles, {MERLIN, MORGANA})
    return Knowledge(me, role, evil, merlins, MORGANA in roles)


def _players(roles: Sequence[str], wanted: set[str]) -> int:
    return sum(1 << place for place, role in enumerate(roles) if role in wanted)


@lru_cache(maxsize=4096)
def conceivable(players: int, known: Knowledge) -> tuple[int, ...]:
    """The sets of evil players that fit what a player knows by its role."""
    return tuple(evil for evil in teams(players, EVIL_PLAYERS[players]) if _fits(evil, known))


def _fits(evil: int, known: Knowledge) -> bool:
    if known.evil & ~evil or bool(evil >> known.me & 1) != known.is_evil:
        return False
    return (evil & known.merlins).bit_count() == int(known.morgana and known.role == PERCIVAL)


@lru_cache(maxsize=65536)
def possible(players: int, known: Knowledge, facts: Facts) -> tuple[int, ...]:
    """Those of them that fit the fail cards as well: a team holds as many evil players as fails."""
    return tuple(
        evil
        for evil in conceivable(players, known)
        if all((evil & team).bit_count() >= fails for team, fails in facts)
    )


@lru_cache(maxsize=65536)
def open_sets(players: int, facts: Facts) -> int:
    """How many sets of evil players fit the fail cards, to somebody who knows nothing else."""
    return sum(
        all((evil & team).bit_count() >= fails for team, fails in facts)
        for evil in teams(players, EVIL_PLAYERS[players])
    )


@lru_cache(maxsize=65536)
def preferred(players: int, known: Knowledge, quest: int, facts: Facts) -> frozenset[int]:
    """The teams that a good player of the published rules proposes, and approves.

    They are those most likely to hold no evil player, every possible set of evil players being as
    likely. Where several are, those inside the largest team that passed without a fail count, or
    else those that contain it.
    """
    sets = possible(players, known, facts)
    counts = {
        team: sum(not team & evil for evil in sets)
        for team in teams(players, TEAM_SIZES[players][quest])
    }
    most = max(counts.values())
    best = frozenset(team for team, count in counts.items() if count == most)
    largest = 0
    for team, fails in facts:
        if fails == 0 and team.bit_count() > largest.bit_count():
            largest = team
    if largest == 0 or len(best) == 1:
        return best
    inside = frozenset(team for team in best if not team & ~largest)
    around = frozenset(team for team in best if not largest & ~team)
    return inside or around or best


@cache
def servant(me: int) -> Knowledge:
    """What a Servant knows."""
    return Knowledge(me, SERVANT, 0, 0, morgana=False)


@lru_cache(maxsize=65536)
def admirers(players: int, quest: int, facts: Facts) -> dict[int, int]:
    """For each team that a Servant would approve by the published rules: the players who would."""
    liked: dict[int, int] = {}
    for player in range(players):
        for team in preferred(players, servant(player), quest, facts):
            liked[team] = liked.get(team, 0) | 1 << player
    return liked


@cache
def safety(players: int, quest: int, evil: int) -> tuple[bool, ...]:
    """Whether each team of a quest holds fewer of these evil players than the fails needed.

    In the order of `teams`.
    """
    needed = fails_needed(players, quest)
    return tuple(
        (evil & team).bit_count() < needed for team in teams(players, TEAM_SIZES[players][quest])
    )


def shares(players: int, quest: int, sets: Iterable[tuple[int, float]]) -> dict[int, float]:
    """The chance of every team of a quest to be safe.

    Args:
        players: 5 to 10.
        quest: Which quest.
        sets: Sets of evil players with their chances.
    """
    choices = teams(players, TEAM_SIZES[players][quest])
    whole = [0.0] * len(choices)
    for evil, chance in sets:
        safe = safety(players, quest, evil)
        whole = [before + chance * each for before, each in zip(whole, safe, strict=True)]
    return dict(zip(choices, whole, strict=True))


@lru_cache(maxsize=65536)
def shares_by_quests(players: int, known: Knowledge, quest: int, facts: Facts) -> dict[int, float]:
    """The same chances, every possible set of evil players being as likely."""
    sets = possible(players, known, facts)
    return shares(players, quest, [(evil, 1 / len(sets)) for evil in sets])


class Belief(NamedTuple):
    """How likely a player should think it that others are evil, or Merlin."""

    sets: tuple[tuple[int, float], ...]
    """Sets of evil players with their chances, which add up to 1; hopelessly unlikely ones are
    left out."""
    evil: tuple[float, ...]
    """By player: the chance of being evil."""
    merlin: tuple[float, ...]
    """By player: the chance of being Merlin."""
    ways: tuple[tuple[int, int, float], ...]
    """Sets of evil players, each with who may be Merlin then, and the chance of both."""


class Reading:
    """Keeps count of surprises as a game goes on; `follow` it, then ask for a `belief`.

    Departures: Merlin is taken to know every evil player and evil players to know each other, also
    where Mordred or Oberon play; Percival is read as a Servant. Discussion is not read.
    """

    def __init__(self, players: int) -> None:
        self._players = players
        self._done = 0
        self._quest, self._tries = -1, 0
        """The quest of the last proposal, and its proposals so far."""
        self.proposed = [0] * players
        """Proposals made, by player; likewise below."""
        self.approved = [0] * players
        self._sets = teams(players, EVIL_PLAYERS[players])
        self._as_servant = [0] * players
        self._as_evil = [0] * len(self._sets)
        """By set: surprises of all its members, were they the evil ones."""
        self._as_merlin = [[0] * players for _ in self._sets]
        """By set and player: surprises of that player, were it Merlin."""
        self._place = {evil: place for place, evil in enumerate(self._sets)}

    def follow(self, table: Table) -> None:
        """Count what happened at the table since the last call."""
        news = table.proposals[self._done :]
        self._done += len(news)
        for proposal in news:
            facts = facts_of(table.missions[: proposal.quest])
            self._tries = self._tries + 1 if proposal.quest == self._quest else 1
            self._quest = proposal.quest
            self.proposed[proposal.leader] += 1
            for player in members(proposal.approvals):
                self.approved[player] += 1
            if self._tries < MOST_REJECTED:  # everybody approves the last one
                self._count_votes(facts, proposal)
            self._count_lead(facts, proposal)

    def _count_votes(self, facts: Facts, proposal: Proposal) -> None:
        quest, _, team, approvals, _ = proposal
        everyone = (1 << self._players) - 1
        wanted = admirers(self._players, quest, facts).get(team, 0)
        for player in members(wanted ^ approvals):
            self._as_servant[player] += 1
        needed = fails_needed(self._players, quest)
        dissent = everyone ^ approvals
        for place, evil in enumerate(self._sets):
            on_team = (evil & team).bit_count()
            strange = dissent if on_team >= needed else approvals
            self._as_evil[place] += (evil & strange).bit_count()
            as_merlin = self._as_merlin[place]
            for player in members((approvals if on_team else dissent) & ~evil):
                as_merlin[player] += 1

    def _count_lead(self, facts: Facts, proposal: Proposal) -> None:
        quest, leader, team, _, _ = proposal
        if not admirers(self._players, quest, facts).get(team, 0) >> leader & 1:
            self._as_servant[leader] += 1
        needed = fails_needed(self._players, quest)
        led, aboard = 1 << leader, team >> leader & 1
        for place, evil in enumerate(self._sets):
            on_team = (evil & team).bit_count()
            if evil & led:
                self._as_evil[place] += not (aboard and on_team == needed)
            elif on_team or not aboard:
                self._as_merlin[place][leader] += 1

    def belief(self, known: Knowledge, facts: Facts) -> Belief:
        """What a player of that knowledge should think now."""
        servants = self._as_servant
        base = sum(servants)
        found: list[tuple[int, int, int]] = []
        for evil in possible(self._players, known, facts):
            place = self._place[evil]
            as_merlin = self._as_merlin[place]
            count = base + self._as_evil[place] - sum([servants[p] for p in members(evil)])
            found += [
                (count + as_merlin[player] - servants[player], evil, player)
                for player in _merlins(self._players, known, evil)
            ]
        return self._weighed(found)

    def _weighed(self, found: Sequence[tuple[int, int, int]]) -> Belief:
        least = min([count for count, _, _ in found])
        weights: dict[int, float] = {}
        merlin = [0.0] * self._players
        whole = 0.0
        ways: list[tuple[int, int, float]] = []
        for count, evil, player in found:
            if count - least >= len(_ODDS):
                continue
            weight = _ODDS[count - least]
            weights[evil] = weights.get(evil, 0.0) + weight
            merlin[player] += weight
            whole += weight
            ways.append((evil, player, weight))
        chances = [0.0] * self._players
        for evil, weight in weights.items():
            for player in members(evil):
                chances[player] += weight
        return Belief(
            tuple([(evil, weight / whole) for evil, weight in weights.items()]),
            tuple([chance / whole for chance in chances]),
            tuple([chance / whole for chance in merlin]),
            tuple([(evil, player, weight / whole) for evil, player, weight in ways]),
        )

    def exposure(self, evil: int) -> tuple[float, ...]:
        """By player: the chance of being Merlin, to somebody who knows the evil players."""
        as_merlin, servants = self._as_merlin[self._place[evil]], self._as_servant
        good = members((1 << self._players) - 1 & ~evil)
        return self._weighed([(as_merlin[p] - servants[p], evil, p) for p in good]).merlin


@lru_cache(maxsize=65536)
def _merlins(players: int, known: Knowledge, evil: int) -> tuple[int, ...]:
    """Who may be Merlin, given the evil players."""
    if known.role == MERLIN:
        return (known.me,)
    others = (1 << players) - 1 & ~evil & ~(1 << known.me)
    return members(others & known.merlins if known.merlins else others)
