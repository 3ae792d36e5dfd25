"""How the quest under way and the next one would go among players of the published rules.

A look two quests ahead, and no further: for each way that the roles may be dealt, the others
propose and vote by those rules, and the player itself as if it knew the deal. That flatters what is
still to be found out, which a player has to learn for itself.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from forethought.envs.avalon.beliefs import Facts, preferred, safety, servant
from forethought.envs.avalon.rules import (
    MOST_REJECTED,
    NEEDED,
    QUESTS,
    TEAM_SIZES,
    fails_needed,
    teams,
)


class Way(NamedTuple):
    """One way that the roles may be dealt, the looking player counted as the first."""

    players: int
    evil: int
    """The evil players."""
    merlin: int


class Prospect(NamedTuple):
    """Chances, 0 to 1."""

    this: float
    """That the quest under way passes."""
    both: float
    """That it passes and so does the next, or decides the game for good."""


SUNK = Prospect(0.0, 0.0)


@lru_cache(maxsize=65536)
def turned(team: int, me: int, players: int) -> int:
    """A set of players, with one of them counted as the first."""
    return (team >> me | team << (players - me)) & ((1 << players) - 1)


def passed(facts: Facts, players: int) -> int:
    """How many quests passed."""
    return sum(fails < fails_needed(players, quest) for quest, (_, fails) in enumerate(facts))


@lru_cache(maxsize=1 << 17)
def approvals(way: Way, facts: Facts, team: int) -> int:
    """How many of the others would approve a team that is not the fifth."""
    players, evil, merlin = way
    on_team = (team & evil).bit_count()
    unsafe = on_team >= fails_needed(players, len(facts))
    count = 0
    for player in range(1, players):
        if evil >> player & 1:
            count += unsafe
        elif player == merlin:
            count += not on_team
        else:
            count += team in preferred(players, servant(player), len(facts), facts)
    return count


@lru_cache(maxsize=1 << 17)
def proposals(way: Way, facts: Facts, leader: int) -> Sequence[int]:
    """The teams that a leader may propose by the published rules, each as likely.

    The looking player, where it is good, may propose any team that is safe.
    """
    players, evil, merlin = way
    quest = len(facts)
    if evil >> leader & 1:
        return _with(players, quest, leader, evil, fails_needed(players, quest))
    if leader == merlin:
        return _with(players, quest, leader, evil, 0)
    if leader == 0:
        every = teams(players, TEAM_SIZES[players][quest])
        return tuple(t for t, safe in zip(every, safety(players, quest, evil), strict=True) if safe)
    return tuple(preferred(players, servant(leader), quest, facts))


@cache
def _with(players: int, quest: int, leader: int, evil: int, count: int) -> tuple[int, ...]:
    """Teams with a player and so many evil ones."""
    every = teams(players, TEAM_SIZES[players][quest])
    return tuple(t for t in every if t >> leader & 1 and (t & evil).bit_count() == count)


def after_quest(way: Way, facts: Facts, team: int, leader: int, deep: bool) -> Prospect:
    """The prospect with a team on its way to a quest, led by a player."""
    fails = fails_needed(way.players, len(facts))
    if (team & way.evil).bit_count() >= fails:
        return SUNK
    after = (*facts, (team, 0))
    if not deep or passed(after, way.players) == NEEDED or len(after) == QUESTS:
        return Prospect(1.0, 1.0)
    return Prospect(1.0, before(way, after, (leader + 1) % way.players, 0, deep=False).this)


@lru_cache(maxsize=1 << 18)
def before(way: Way, facts: Facts, leader: int, rejected: int, deep: bool) -> Prospect:
    """The prospect before a proposal.

    Args:
        way: How the roles are dealt.
        facts: The quests so far.
        leader: Who proposes.
        rejected: Proposals rejected in a row.
        deep: Whether to look at the next quest; else `both` is as `this`.
    """
    may = proposals(way, facts, leader)
    each = [on_vote(way, facts, team, leader, rejected, deep) for team in may]
    if leader == 0 and not way.evil & 1:
        return max(each, key=_worth)
    return mean(each)


def on_vote(way: Way, facts: Facts, team: int, leader: int, rejected: int, deep: bool) -> Prospect:
    """The prospect before a vote, the looking player voting for what is best."""
    rejecting, approving = by_vote(way, facts, team, leader, rejected, deep)
    unsafe = (team & way.evil).bit_count() >= fails_needed(way.players, len(facts))
    if way.evil & 1:
        return approving if unsafe else rejecting
    return max(rejecting, approving, key=_worth)


def by_vote(
    way: Way, facts: Facts, team: int, leader: int, rejected: int, deep: bool = True
) -> tuple[Prospect, Prospect]:
    """The prospects of rejecting a team and of approving it."""
    going = after_quest(way, facts, team, leader, deep)
    count, needed = approvals(way, facts, team), way.players // 2 + 1
    if count >= needed or rejected == MOST_REJECTED - 1:  # everybody approves a fifth team
        return going, going
    rejecting = before(way, facts, (leader + 1) % way.players, rejected + 1, deep)
    return rejecting, going if count + 1 >= needed else rejecting


def mean(each: Sequence[Prospect]) -> Prospect:
    """The mean of prospects, each as likely."""
    if not each:
        return SUNK
    count = len(each)
    return Prospect(sum(p.this for p in each) / count, sum(p.both for p in each) / count)


def _worth(prospect: Prospect) -> float:
    return prospect.this + prospect.both
