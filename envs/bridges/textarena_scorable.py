"""TextArena's ScorableGames: several parties, several issues, private points, a vote.

The original pays 1 or -1 by whether a deal reaches the own threshold, but pays the threshold
itself, such as 55, where no deal is reached: failing looks fifty times better than winning. Here no
deal pays 0. A vote where nothing is proposed lets the turn pass in the original; it is refused
here.
"""

import random
from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Any

from forethought.agent.types import Candidate, Scalar
from forethought.envs.bridges.textarena_game import Game

_PLAYERS: Mapping[str, int] = {"base_7players": 7, "medical_ethics": 4, "vendor_retailer": 2}
"""How many sit at the tables that are not for six."""


def _score(env: Any, seat: int, deal: Mapping[str, str]) -> int:
    scores = env.player_scores[seat]
    return sum(scores[issue][option] for issue, option in deal.items())


def _best(env: Any, seat: int) -> dict[str, str]:
    scores = env.player_scores[seat]
    return {issue: max(scores[issue], key=scores[issue].__getitem__) for issue in env.issues}


def _written(deal: Mapping[str, str]) -> str:
    return " ".join(deal[issue] for issue in sorted(deal))


def _deals(env: Any, seat: int) -> list[dict[str, str]]:
    """Deals worth weighing: the own best, and the open one with one issue changed."""
    best = _best(env, seat)
    found = [best]
    for issue, about in env.issues.items() if env.current_deal else ():
        found += [env.current_deal | {issue: option} for option in about["options"]]
    return [deal for deal in found if deal != env.current_deal]


def _votes(env: Any) -> tuple[int, int]:
    votes = list(env.player_votes.values())
    return votes.count("[Accept]"), votes.count("[Reject]")


def _candidates(env: Any, seat: int) -> tuple[Candidate, ...]:
    least = env.player_scores[seat]["threshold"]
    found = {}
    if env.current_deal:
        over = _score(env, seat, env.current_deal) - least
        found["[Accept]"] = f"I accept the open deal: {over:+d} against my least."
        found["[Reject]"] = f"I reject the open deal: {over:+d} against my least."
    for deal in _deals(env, seat):
        over = _score(env, seat, deal) - least
        same = sum(deal[issue] == env.current_deal.get(issue) for issue in deal)
        thought = f"I propose {_written(deal)}: {over:+d} against my least, {same} issues as open."
        found[f"[Propose] {_written(deal)}"] = thought
    return tuple(Candidate(thought, action=action) for action, thought in found.items())


def _state(env: Any, seat: int) -> str:
    about = env.player_configs[seat]
    least = env.player_scores[seat]["threshold"]
    parts = [f"I am {about['agent_name']} ({about['role']}); I need {least} points."]
    if env.current_deal:
        worth = _score(env, seat, env.current_deal)
        yes, no = _votes(env)
        parts.append(
            f"Open: {_written(env.current_deal)}, {worth} points for me, {worth - least:+d} "
            f"against my least; {yes} accept, {no} reject of {env.state.num_players}."
        )
    else:
        parts.append("Nothing is proposed.")
    parts.append(f"Turn {env.state.turn + 1} of {env.max_rounds}.")
    return " ".join(parts)


def _refuses(env: Any, seat: int, action: str) -> str:
    votes = "[Accept]" in action or "[Reject]" in action
    if votes and "[Propose]" not in action and not env.current_deal:
        return "nothing is proposed yet"
    return ""


def _agreed(env: Any) -> bool:
    return "score" in env.state.game_info[0]


def _reward(env: Any, seat: int) -> float:
    return float(env.state.rewards[seat]) if _agreed(env) else 0.0


def _facts(env: Any, seat: int) -> Mapping[str, Scalar]:
    about = env.state.game_info[seat]
    return {
        "agreed": _agreed(env),
        "points": about.get("score", 0),
        "least": env.player_scores[seat]["threshold"],
    }


def _yielding(env: Any, seat: int, rng: random.Random, *, room: float) -> str:
    """Accepts what reaches its least plus a margin that falls with time; else changes one issue.

    Args:
        env: TextArena's environment.
        seat: The player to move.
        rng: Breaks ties.
        room: Share of what lies between its least and its best that it wants at first, 0 to 1.
    """
    least = env.player_scores[seat]["threshold"]
    most = _score(env, seat, _best(env, seat))
    time = env.state.turn / env.max_rounds
    wanted = least + room * (1 - time) * max(0, most - least)
    if env.current_deal and _score(env, seat, env.current_deal) >= wanted:
        return "[Accept]"
    good = [deal for deal in _deals(env, seat) if _score(env, seat, deal) >= wanted]
    if not good:
        options = [env.issues[issue]["options"] for issue in sorted(env.issues)]
        every = [dict(zip(sorted(env.issues), one, strict=True)) for one in product(*options)]
        good = [deal for deal in every if _score(env, seat, deal) >= min(wanted, most)]
    return f"[Propose] {_written(rng.choice(good))}"


def scorable(config: str) -> Game:
    """One of the tables, by the name of its configuration."""
    return Game(
        summary=f"several parties settle several issues by vote, table {config}",
        players=_PLAYERS.get(config, 6),
        opponents={
            "yielding": partial(_yielding, room=0.5),
            "soft": partial(_yielding, room=0.2),
            "hard": partial(_yielding, room=0.8),
        },
        unseen=("hard",),
        state=_state,
        candidates=_candidates,
        refuses=_refuses,
        reward=_reward,
        success="a deal that reaches the own threshold",
        facts=_facts,
        data=("textarena_scorable", "games_descriptions"),
    )
