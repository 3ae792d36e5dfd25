"""What an Avalon player is shown: the rules, its role, the story so far, and the state.

Chances are told in twentieths ("12 in 20"), so that small steps of them can be learned. The state
follows from a player's `Notes` alone.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from forethought.envs.avalon.beliefs import open_sets
from forethought.envs.avalon.notes import Notes
from forethought.envs.avalon.players import Seen
from forethought.envs.avalon.rules import (
    EVIL_PLAYERS,
    FOURTH,
    MERLIN,
    MOST_REJECTED,
    NAME,
    PERCIVAL,
    PROPOSE,
    QUESTS,
    TEAM_SIZES,
    TWO_FAILS_FROM,
    VOTE,
    Proposal,
    Table,
    members,
)
from forethought.envs.avalon.words import TALK, claim, name_players, part


@cache
def rules_text(cast: Sequence[str], discussion: bool) -> str:
    """The rules of a game, for the model."""
    count = len(cast)
    sizes = ", ".join(map(str, TEAM_SIZES[count]))
    parts = [
        f"You play The Resistance: Avalon with {count} players, {EVIL_PLAYERS[count]} of them evil."
        f" The roles are: {', '.join(cast)}.",
        f"There are up to five quests, with teams of {sizes}. In turn a leader proposes a team, all"
        " vote at once, and more than half must approve; else the next player leads."
        " Five rejected proposals in a row for one quest win the game for evil.",
        "Each player on an approved team secretly plays success, or, if evil, fail. One fail card"
        " sinks a quest" + (", but the fourth needs two." if count >= TWO_FAILS_FROM else "."),
        "Three failed quests win the game for evil. After three passed quests the Assassin names a"
        " player: if that is Merlin, evil wins, else good wins.",
        "Merlin knows the evil players but not Mordred; evil players know each other but not"
        " Oberon, who knows nobody; Percival knows Merlin, but cannot tell Morgana from him.",
    ]
    if discussion:
        parts.append("Before each quest's first proposal every player says something.")
    return " ".join(parts)


def role_text(seen: Seen) -> str:
    """Who this player is and what it knows from the beginning."""
    known = seen.known
    said = f"You are player {known.me + 1}, {known.role}, {'evil' if known.is_evil else 'good'}."
    if known.role == PERCIVAL:
        return f"{said} Merlin is among: {name_players(known.merlins)}."
    others = known.evil & seen.others
    if known.role == MERLIN or (known.is_evil and others):
        said += f" You know to be evil: {name_players(others)}."
    return said


def proposal_text(proposal: Proposal) -> str:
    """One line of the story: a proposal and its vote."""
    went = "it went" if proposal.approved else "it was rejected"
    return (
        f"Quest {proposal.quest + 1}: player {proposal.leader + 1} proposed"
        f" {name_players(proposal.team)}; {name_players(proposal.approvals)} approved; {went}."
    )


def mission_text(table: Table, quest: int) -> str:
    """One line of the story: how a quest went."""
    mission = table.missions[quest]
    cards = f"{mission.fails} fail card{'' if mission.fails == 1 else 's'}"
    return f"Quest {quest + 1} {'passed' if mission.passed else 'failed'} with {cards}."


def asking(seen: Seen, phase: str) -> str:
    """What is to be decided, in a sentence."""
    table = seen.table
    if phase == TALK:
        return "Say something to the table."
    if phase == PROPOSE:
        return f"You lead: propose {table.size} players for quest {table.quest + 1}."
    if phase == VOTE:
        return (
            f"Player {table.leader + 1} proposes {name_players(table.team)}"
            f" for quest {table.quest + 1}: approve or reject."
        )
    if phase == NAME:
        return "Three quests passed. Name Merlin."
    return f"You are on quest {table.quest + 1} with {name_players(table.team)}: play a card."


def state_text(notes: Notes, phase: str) -> str:
    """The short account of what matters, for planners and value heads."""
    seen, table = notes.seen, notes.seen.table
    known, belief = seen.known, notes.belief
    parts = [
        f"{known.role} to {phase}.",
        f"Quest {table.quest + 1} of {QUESTS}, passed {table.passed}, failed {table.failed}.",
        f"Proposals rejected {table.rejected} of {MOST_REJECTED}.",
        f"Sets of evil players that fit {len(notes.sets)}, to all"
        f" {open_sets(table.players, notes.facts)}.",
    ]
    if notes.waiting:
        fails = f", fails that sink it {table.needed}" if table.quest == FOURTH else ""
        parts.append(
            f"The team takes {table.size}{fails}; the best is safe {part(notes.best)} by votes,"
            f" safe {part(notes.best_by_quests)} by quests, the fifth proposal's"
            f" {part(notes.led_by(notes.last_leader))}."
        )
    if phase == VOTE:
        parts.append(_on_the_table(notes))
    if known.role == MERLIN or known.is_evil:
        shown = notes.exposure[known.me] if known.role == MERLIN else max(belief.merlin)
        parts.append(f"Merlin is exposed {part(shown)}.")
    ranked = sorted((belief.evil[player] for player in members(seen.others)), reverse=True)
    parts.append(f"Others are evil {', '.join([str(round(20 * chance)) for chance in ranked])}.")
    parts += [_player_text(notes, player) for player in members(seen.others)]
    return " ".join(parts)


def _on_the_table(notes: Notes) -> str:
    table, known = notes.seen.table, notes.seen.known
    return (
        f"The proposed team is safe {part(notes.by_votes[table.team])} by votes,"
        f" safe {part(notes.by_quests[table.team])} by quests, holds me"
        f" {table.team >> known.me & 1}, known evil {(table.team & known.evil).bit_count()},"
        f" approvals {round(notes.approvals(table.team))} of {table.players};"
        f" its leader is evil {part(notes.belief.evil[table.leader])}."
    )


def _player_text(notes: Notes, player: int) -> str:
    """What one other player did, and what that makes likely."""
    table, reading, belief, bit = notes.seen.table, notes.reading, notes.belief, 1 << player
    failed = passed = 0
    for mission in table.missions:
        if mission.team & bit and mission.passed:
            passed += 1
        elif mission.team & bit:
            failed += 1
    likely = round(20 * belief.evil[player]), round(20 * belief.merlin[player])
    votes = reading.approved[player], len(table.proposals)
    told = _player_line(player + 1, likely, reading.proposed[player], votes, (failed, passed))
    if table.said:
        claims = [claim(words) for _, speaker, words in table.said if speaker != player]
        told += (
            f" Suspected by {claims.count(('suspect', player))},"
            f" trusted by {claims.count(('trust', player))}."
        )
    return told


@lru_cache(maxsize=16384)
def _player_line(
    number: int,
    likely: tuple[int, int],
    proposed: int,
    votes: tuple[int, int],
    quests: tuple[int, int],
) -> str:
    """The line of one player.

    Args:
        number: Its number, from 1.
        likely: Twentieths of being evil, of being Merlin.
        proposed: Proposals it made.
        votes: Proposals it approved, of how many.
        quests: Failed and passed quests it was on.
    """
    return (
        f"Player {number} evil {likely[0]} in 20, Merlin {likely[1]} in 20, proposed {proposed},"
        f" approved {votes[0]} of {votes[1]}, failed quests {quests[0]},"
        f" passed quests {quests[1]}."
    )
