"""What an Avalon player may do, and the thoughts behind it with what is to be expected of them."""

from collections.abc import Sequence
from functools import cache

from forethought.agent.types import Candidate
from forethought.envs.avalon.ahead import Prospect
from forethought.envs.avalon.notes import Notes
from forethought.envs.avalon.rules import MOST_REJECTED, NAME, PROPOSE, VOTE, members, teams
from forethought.envs.avalon.words import (
    APPROVE,
    FAIL,
    NOTHING,
    REJECT,
    SUCCEED,
    TALK,
    name_players,
    part,
    say_name,
    say_suspect,
    say_team,
    say_trust,
)

MOST_TEAMS = 24
"""Teams offered as candidates; where there are more, the most promising ones."""


def legal_actions(notes: Notes, phase: str) -> tuple[str, ...]:
    """Every action accepted now; none are listed for talking, where any words are."""
    seen = notes.seen
    if phase == PROPOSE:
        return _all_teams(seen.table.players, seen.table.size)
    if phase == VOTE:
        return (APPROVE, REJECT)
    if phase == NAME:
        return tuple(say_name(player) for player in members(seen.others & ~seen.known.evil))
    return () if phase == TALK else (SUCCEED, FAIL)


@cache
def _all_teams(players: int, size: int) -> tuple[str, ...]:
    return tuple(say_team(team) for team in teams(players, size))


def thoughts(notes: Notes, phase: str) -> tuple[Candidate, ...]:
    """Thoughts bound to actions, with what is to be expected of them."""
    if phase == PROPOSE:
        return tuple([_proposing(notes, team) for team in promising(notes)])
    if phase == VOTE:
        return _voting(notes)
    if phase == NAME:
        return tuple(
            Candidate(
                f"I name player {player + 1}, who looks like Merlin"
                f" {part(notes.belief.merlin[player])}.",
                action=say_name(player),
            )
            for player in members(notes.seen.others & ~notes.seen.known.evil)
        )
    return _talking(notes) if phase == TALK else _playing(notes)


def promising(notes: Notes) -> Sequence[int]:
    """The teams worth a thought: all, or for large tables the likeliest to please and to serve."""
    if len(notes.choices) <= MOST_TEAMS:
        return notes.choices
    sign = -1 if notes.seen.known.is_evil else 1
    ranked = sorted(notes.choices, key=lambda team: -sign * notes.by_votes[team])
    return sorted(ranked[:MOST_TEAMS])


def _proposing(notes: Notes, team: int) -> Candidate:
    known, safe = notes.seen.known, notes.by_votes[team]
    return Candidate(
        f"I propose {name_players(team)}, safe {part(safe)} by votes, below the best by"
        f" {round(20 * (notes.best - safe))}, safe {part(notes.by_quests[team])} by quests, with"
        f" me {team >> known.me & 1}, known evil {(team & known.evil).bit_count()}, approvals"
        f" {round(notes.approvals(team))} of {notes.seen.table.players}, a Servant would"
        f" {int(notes.likes(team))}{_outlook(notes.ahead(team), False, True)}.",
        action=say_team(team),
    )


def _outlook(prospects: tuple[Prospect, Prospect] | None, *votes: bool) -> str:
    """What lies ahead with one of some votes, the best of them."""
    if prospects is None:
        return ""
    best = max(prospects[vote] for vote in votes)
    return f"; this quest passes {part(best.this)}, this and the next {part(best.both)}"


def _voting(notes: Notes) -> tuple[Candidate, ...]:
    table = notes.seen.table
    safe = notes.by_votes[table.team]
    worth = (
        f"safe {part(safe)} by votes, below the best by {round(20 * (notes.best - safe))},"
        f" safe {part(notes.by_quests[table.team])} by quests,"
        f" a Servant would approve {int(notes.likes(table.team))}"
    )
    ahead = notes.ahead(table.team)
    following = (table.leader + 1) % table.players
    return (
        Candidate(f"I approve this team, {worth}{_outlook(ahead, True)}.", action=APPROVE),
        Candidate(
            f"I reject this team, {worth}; the next leader is evil"
            f" {part(notes.belief.evil[following])}, its team safe {part(notes.led_by(following))},"
            f" rejections would be {table.rejected + 1} of {MOST_REJECTED}"
            f"{_outlook(ahead, False)}.",
            action=REJECT,
        ),
    )


def _playing(notes: Notes) -> tuple[Candidate, ...]:
    table, known = notes.seen.table, notes.seen.known
    case = (
        f"evil on the team {(table.team & known.evil).bit_count()}, fails needed {table.needed},"
        f" failed so far {table.failed}"
    )
    return (
        Candidate(f"I play success to be trusted; {case}.", action=SUCCEED),
        Candidate(f"I play fail to sink the quest; {case}.", action=FAIL),
    )


def _talking(notes: Notes) -> tuple[Candidate, ...]:
    said = [Candidate("I keep to myself what I think.", action=NOTHING)]
    for player in members(notes.seen.others):
        likely = part(notes.belief.evil[player])
        for verb, words in (("trust", say_trust(player)), ("suspect", say_suspect(player))):
            thought = f"I {verb} player {player + 1}, who is evil {likely}, and say so."
            said.append(Candidate(thought, action=words))
    return tuple(said)
