"""Hand-written policies for the agent's own seat, as arms and as collectors of episodes.

They read `Notes` and the candidates that every arm sees, and know nothing else.
"""

import random

from forethought.agent.types import Candidate, Observation
from forethought.envs.avalon.notes import Notes
from forethought.envs.avalon.players import Naive
from forethought.envs.avalon.rules import MOST_REJECTED, NAME, PROPOSE, QUEST, VOTE
from forethought.envs.avalon.words import APPROVE, FAIL, REJECT, SUCCEED, say_name, say_team
from forethought.envs.collectors import straying
from forethought.envs.registry import Bot

_NAIVE = Naive()
NEARLY = 0.12
"""How much less safe than the best team a team may be for `reader` to approve it."""


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any candidate, each as likely."""
    return rng.choice(observation.candidates)


def heuristic(observation: Observation, rng: random.Random) -> Candidate:
    """The naive player of the published rules, in the agent's seat."""
    view: Notes = observation.info["view"]
    seen, phase = view.seen, observation.info["phase"]
    if phase == PROPOSE:
        wanted = say_team(_NAIVE.propose(seen, rng))
    elif phase == VOTE:
        wanted = APPROVE if _NAIVE.vote(seen, rng) else REJECT
    elif phase == QUEST:
        wanted = FAIL if _NAIVE.fail(seen, rng) else SUCCEED
    elif phase == NAME:
        wanted = say_name(_NAIVE.name(seen, rng))
    else:
        wanted = _NAIVE.speak(seen, rng)
    return _taken(observation, wanted)


def reader(observation: Observation, rng: random.Random) -> Candidate:
    """Trusts the reading of votes: a good player proposes and approves the teams it finds safest.

    Among nearly as safe teams it proposes the one that more players should approve. Evil players
    play naively, but the Assassin names whoever behaved most like Merlin.
    """
    view: Notes = observation.info["view"]
    phase, table = observation.info["phase"], view.seen.table
    if phase == NAME:
        chances = view.belief.merlin
        most = max(range(len(chances)), key=lambda player: (chances[player], rng.random()))
        return _taken(observation, say_name(most))
    if view.seen.known.is_evil or phase not in (PROPOSE, VOTE):
        return heuristic(observation, rng)
    if phase == VOTE:
        fine = view.by_votes[table.team] >= view.best - NEARLY
        return _taken(
            observation, APPROVE if fine or table.rejected == MOST_REJECTED - 1 else REJECT
        )
    near = [team for team in view.choices if view.by_votes[team] >= view.best - NEARLY]
    liked = max(near, key=lambda team: (view.approvals(team), rng.random()))
    return _taken(observation, say_team(liked))


def _waiting(surety: float) -> Bot:
    """A `reader` that rejects teams that it is not so sure of, and hears how the others vote."""

    def act(observation: Observation, rng: random.Random) -> Candidate:
        view: Notes = observation.info["view"]
        table = view.seen.table
        unsure = observation.info["phase"] == VOTE and view.by_votes[table.team] < surety
        if unsure and not view.seen.known.is_evil and table.rejected < MOST_REJECTED - 1:
            return _taken(observation, REJECT)
        return reader(observation, rng)

    return act


def _taken(observation: Observation, action: str) -> Candidate:
    """The candidate of an action; one without a thought where none is offered."""
    for candidate in observation.candidates:
        if candidate.action == action:
            return candidate
    return Candidate("I play by rule.", action=action)


COLLECTORS: tuple[Bot, ...] = tuple(
    straying(bot, share, unguided)
    for bot, share in (
        (reader, 0.05),
        (_waiting(0.6), 0.05),
        (_waiting(0.8), 0.1),
        (heuristic, 0.1),
        (_waiting(0.7), 0.1),
        (_waiting(0.95), 0.15),
        (reader, 0.15),
        (_waiting(0.6), 0.2),
        (_waiting(0.9), 0.2),
        (reader, 0.4),
        (unguided, 0.0),
    )
)
"""Reading players, more or less patient, that stray now and then, a naive one, and a random one; 11
in all, a number that shares no factor with the seats' turns."""
