"""TextArena's NewRecruit: eight issues, five choices each, fixed points for either side.

Every instance has the same points; only the other player and its luck differ. TextArena pays 1 to
whoever gets more points and nothing to both without a deal, which is not what the points say: they
are recorded.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.types import Candidate, Scalar
from forethought.envs.bridges.textarena_game import Game, Player

LETTERS = "ABCDE"


def _points(env: Any, seat: int) -> list[list[int]]:
    """What each choice of each issue is worth to a seat, shape (8, 5)."""
    return [[pair[seat] for pair in choices.values()] for choices in env.point_value_dict.values()]


def _score(points: Sequence[Sequence[int]], deal: str) -> int:
    return sum(row[LETTERS.index(letter)] for row, letter in zip(points, deal, strict=True))


def _best(points: Sequence[Sequence[int]]) -> str:
    return "".join(LETTERS[row.index(max(row))] for row in points)


def _deal(env: Any, entry: Mapping[str, Any]) -> str:
    return "".join(env.letter_choices[issue][entry["choices"][issue]] for issue in env.issues)


def _table(env: Any, seat: int) -> tuple[str, str, str]:
    """What could be accepted now, the seat's own last proposal, the other's last; empty if none."""
    now = env.state.game_state["current_proposal"]
    told: list[Mapping[str, Any]] = env.state.game_state["proposal_history"]
    mine = [_deal(env, one) for one in told if one["proposer_id"] == seat]
    theirs = [_deal(env, one) for one in told if one["proposer_id"] != seat]
    return (
        _deal(env, now) if now and now["proposer_id"] != seat else "",
        mine[-1] if mine else "",
        theirs[-1] if theirs else "",
    )


def _options(points: Sequence[Sequence[int]], mine: str, theirs: str) -> list[str]:
    """Proposals worth weighing: the own best, and one issue moved from the last proposals."""
    best = _best(points)
    base = mine or best
    found = [best]
    if theirs:
        found += [base[:i] + theirs[i] + base[i + 1 :] for i in range(len(best))]
        found += [theirs[:i] + best[i] + theirs[i + 1 :] for i in range(len(best))]
        return list(dict.fromkeys(found))
    for issue, letter in enumerate(base):
        for step in (-1, 1):
            place = LETTERS.index(letter) + step
            if 0 <= place < len(LETTERS):
                found.append(base[:issue] + LETTERS[place] + base[issue + 1 :])
    return list(dict.fromkeys(found))


def _candidates(env: Any, seat: int) -> tuple[Candidate, ...]:
    points = _points(env, seat)
    open_now, mine, theirs = _table(env, seat)
    found = []
    if open_now:
        worth = _score(points, open_now)
        found.append(Candidate(f"I accept: {worth} points for me.", action="[Accept]"))
    for deal in _options(points, mine, theirs):
        near = sum(a == b for a, b in zip(deal, theirs, strict=True)) if theirs else 0
        thought = f"I propose {deal}: {_score(points, deal)} points for me, {near} of 8 as they."
        found.append(Candidate(thought, action=f"[Propose] {deal}"))
    return tuple(found)


def _state(env: Any, seat: int) -> str:
    points = _points(env, seat)
    open_now, mine, theirs = _table(env, seat)
    told = env.state.game_state["proposal_history"]
    heard = [_score(points, _deal(env, one)) for one in told if one["proposer_id"] != seat]
    role = env.state.game_state["roles"][seat]
    parts = [f"I am the {role}. My best is {_score(points, _best(points))} points."]
    if heard:
        parts.append(f"They offered me {heard[-1]}, at first {heard[0]}, at most {max(heard)}.")
    if mine:
        parts.append(f"I asked for {_score(points, mine)} points with {mine}.")
    parts.append(f"Open: {theirs}." if open_now else "Nothing is open.")
    parts.append(f"Turn {env.state.turn + 1} of {env.state.max_turns}.")
    return " ".join(parts)


def _facts(env: Any, seat: int) -> Mapping[str, Scalar]:
    deal = env.state.game_state["accepted_proposal"]
    scores = [_score(_points(env, one), _deal(env, deal)) if deal else 0 for one in (0, 1)]
    return {"agreed": deal is not None, "points": scores[seat], "their_points": scores[1 - seat]}


def _conceding(shape: float) -> Player:
    """Wants less with time; moves issues at random from its best until it asks for that much."""

    def act(env: Any, seat: int, rng: random.Random) -> str:
        points = _points(env, seat)
        most = _score(points, _best(points))
        time = env.state.turn / max(1, env.state.max_turns - 1)
        wanted = most * (1 - 0.75 * time ** (1 / shape))
        open_now, _, _ = _table(env, seat)
        if open_now and _score(points, open_now) >= wanted:
            return "[Accept]"
        deal = _best(points)
        for _ in range(40):
            place = rng.randrange(len(deal))
            tried = deal[:place] + rng.choice(LETTERS) + deal[place + 1 :]
            if _score(points, tried) >= wanted:
                deal = tried
        return f"[Propose] {deal}"

    return act


RECRUIT = Game(
    summary="a recruiter and a candidate settle eight issues; more points than the other wins",
    players=2,
    opponents={
        "linear": _conceding(1.0),
        "conceder": _conceding(3.0),
        "boulware": _conceding(0.3),
    },
    unseen=("boulware",),
    state=_state,
    candidates=_candidates,
    facts=_facts,
)
