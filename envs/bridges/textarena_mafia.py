"""TextArena's SecretMafia with seven players: votes by day, secret choices by night, free talk.

Candidates name one player each; in discussions they say whom the agent suspects. The scripted
players look only at what they were told: their own role, the mafia its own members, the detective
what it found out.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from forethought.agent.types import Candidate, Scalar
from forethought.envs.bridges.textarena_game import Game

PLAYERS = 7
_ACCUSED = re.compile(r"suspect player (\d+)", re.IGNORECASE)
_FOUND = re.compile(r"Player (\d+) IS (NOT )?a Mafia member")
_DOES = {
    "Night-Mafia": "I choose player {} as our victim.",
    "Night-Doctor": "I protect player {} tonight.",
    "Night-Detective": "I look into player {} tonight.",
    "Day-Voting": "I vote against player {}.",
}


def _alive(env: Any) -> list[int]:
    return list(env.state.game_state["alive_players"])


def _friends(env: Any, seat: int) -> set[int]:
    """Whom a seat knows to be of its side: mafia members know each other."""
    roles = env.player_roles
    if roles[seat] != "Mafia":
        return {seat}
    return {player for player, role in roles.items() if role == "Mafia"}


def _accusations(env: Any, seat: int) -> Counter[int]:
    """How often each living player was suspected aloud by others."""
    alive = set(_alive(env))
    counted: Counter[int] = Counter()
    for who, text in env.state.logs:
        for match in _ACCUSED.finditer(text):
            if who != seat and int(match.group(1)) in alive:
                counted[int(match.group(1))] += 1
    return counted


def _findings(env: Any, seat: int) -> dict[int, bool]:
    """What the detective found out of living players: whether each is of the mafia."""
    if env.player_roles[seat] != "Detective":
        return {}
    found = {}
    for who, text in env.state.logs:
        match = _FOUND.search(text)
        if match and who < 0:
            found[int(match.group(1))] = match.group(2) is None
    return {player: bad for player, bad in found.items() if player in _alive(env)}


def _targets(env: Any, seat: int) -> list[int]:
    phase = env.phase.value
    alive = _alive(env)
    if phase == "Night-Mafia":
        return [one for one in alive if one not in _friends(env, seat)]
    if phase == "Day-Discussion":
        return [one for one in alive if one != seat]
    return [one for one in alive if one != seat] or alive


def _candidates(env: Any, seat: int) -> tuple[Candidate, ...]:
    phase = env.phase.value
    counted, found, friends = _accusations(env, seat), _findings(env, seat), _friends(env, seat)
    listed = []
    for player in _targets(env, seat):
        notes = [f"{counted[player]} accusations"]
        if player in friends:
            notes.append("of my side")
        if player in found:
            notes.append("mafia, I looked" if found[player] else "not mafia, I looked")
        told = ", ".join(notes)
        if phase == "Day-Discussion":
            said = f"I suspect player {player}."
            listed.append(Candidate(f"I say that I suspect player {player}: {told}.", action=said))
        else:
            thought = f"{_DOES[phase].format(player).rstrip('.')}: {told}."
            listed.append(Candidate(thought, action=f"[{player}]"))
    if phase == "Day-Discussion":
        listed.append(Candidate("I say nothing of note.", action="I have nothing to say yet."))
    return tuple(listed)


def _state(env: Any, seat: int) -> str:
    role, alive = env.player_roles[seat], _alive(env)
    counted = _accusations(env, seat)
    friends = sorted(_friends(env, seat) - {seat})
    parts = [f"I am player {seat}, {role}. {env.phase.value}. Alive: {len(alive)} of {PLAYERS}."]
    if role == "Mafia":
        parts.append(f"With me: {', '.join(map(str, friends)) or 'nobody'}.")
    for player, bad in _findings(env, seat).items():
        parts.append(f"I know that player {player} is {'mafia' if bad else 'not mafia'}.")
    named = ", ".join(f"{player} by {times}" for player, times in counted.most_common())
    parts.append(f"Accused by others: {named or 'nobody'}.")
    return " ".join(parts)


def _anyone(env: Any, seat: int, rng: random.Random) -> str:
    """Anything possible, each as likely; mafia members spare each other at night alone."""
    return str(rng.choice(_candidates(env, seat)).action)


def _herd(env: Any, seat: int, rng: random.Random) -> str:
    """Follows what it knows, else the crowd; never acts against its own side by day."""
    found, friends = _findings(env, seat), _friends(env, seat)
    counted = _accusations(env, seat)
    targets = _targets(env, seat)
    against = [one for one in targets if found.get(one) is True]
    open_ones = [one for one in targets if one not in friends and found.get(one) is not False]
    most = max((counted[one] for one in open_ones), default=0)
    crowd = [one for one in open_ones if counted[one] == most]
    target = rng.choice(against or crowd or targets)
    return f"I suspect player {target}." if env.phase.value == "Day-Discussion" else f"[{target}]"


def _facts(env: Any, seat: int) -> Mapping[str, Scalar]:
    return {
        "role": env.player_roles[seat],
        "survived": seat in _alive(env),
        "alive": len(_alive(env)),
    }


MAFIA = Game(
    summary="seven players, two of them mafia; talk, votes and secret choices by night",
    players=PLAYERS,
    opponents={"random": _anyone, "herd": _herd},
    unseen=("random",),
    state=_state,
    candidates=_candidates,
    facts=_facts,
)
