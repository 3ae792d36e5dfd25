"""TextArena's UsedCarNegotiation: one car, one price, from 7,000 to 10,000 dollars.

Three things of the original can mislead. A price written as `$8,500` is read as 8 dollars. When the
rounds run out, the offer of whoever did not move last counts as if it had been accepted. Accepting
where nothing is offered ends the game with nothing for both. The bridge refuses the first and the
third, pays nothing for the second, and records what TextArena paid.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

from forethought.agent.types import Candidate, Goal, Scalar
from forethought.envs.bridges.textarena_game import Game, Player

LOW, HIGH = 7_000, 10_000
STEP = 100
"""Between the prices of the candidates, dollars."""
LEVELS = 10
GOALS = (
    *(Goal(f"I get at least {n} tenths of the price range.", weight=0.1) for n in range(1, 11)),
    Goal("I get nothing of the price range.", kind="feared", weight=0.0),
)


def _share(env: Any, seat: int, price: int) -> float:
    """Part of the range a price brings a seat, in [0, 1]."""
    part = (price - LOW) / (HIGH - LOW)
    return min(1.0, max(0.0, part if env.player_roles[seat] == "seller" else 1 - part))


def _offers(env: Any, seat: int) -> tuple[int | None, int | None]:
    """The own offer on the table and the other's."""
    table = env.state.game_state["current_offer"]
    return table[seat], table[1 - seat]


def _price(env: Any, seat: int, share: float) -> int:
    """The price that brings a seat about that share."""
    part = share if env.player_roles[seat] == "seller" else 1 - share
    return LOW + round(part * (HIGH - LOW) / STEP) * STEP


def _candidates(env: Any, seat: int) -> tuple[Candidate, ...]:
    _, theirs = _offers(env, seat)
    found = []
    if theirs:
        share = _share(env, seat, theirs)
        found.append(Candidate(f"I accept {theirs}: {share:.2f} for me.", action="[Accept]"))
    for tenth in range(10, 0, -1):
        price = _price(env, seat, tenth / 10)
        thought = f"I offer {price}: {tenth / 10:.2f} for me."
        found.append(Candidate(thought, action=f"[Offer: {price}]"))
    return tuple(found)


def _state(env: Any, seat: int) -> str:
    mine, theirs = _offers(env, seat)
    words = [f"I am the {env.player_roles[seat]}; my position is {env.batna[seat]}."]
    words.append(f"I offered {mine}." if mine else "I offered nothing.")
    if theirs:
        words.append(f"They offer {theirs}, which brings me {_share(env, seat, theirs):.2f}.")
    else:
        words.append("They offer nothing.")
    words.append(f"Turn {env.state.turn + 1} of {env.max_rounds + 1}.")
    return " ".join(words)


def _refuses(env: Any, seat: int, action: str) -> str:
    said = action.strip()
    if said.upper() in {"[ACCEPT]", "[REJECT]"} and not _offers(env, seat)[1]:
        return "the other has no offer on the table"
    if said.upper().startswith("[OFFER:"):
        written = re.search(r"\$?(\d[\d,.]*)", said)
        digits = written.group(1).rstrip(".,") if written else ""
        if not digits.isdigit() or not LOW <= int(digits) <= HIGH:
            return f"write the price in plain digits, from {LOW} to {HIGH}, as in [Offer: 8500]"
    return ""


def _deal(env: Any) -> int | None:
    """The price both agreed on."""
    logs = env.state.logs
    seat = env.state.current_player_id
    if logs and logs[-1][1].strip().upper() == "YOUR ACTION: [ACCEPT]":
        price: int | None = _offers(env, seat)[1]
        return price
    return None


def _reward(env: Any, seat: int) -> float:
    price = _deal(env)
    return 0.0 if price is None else _share(env, seat, price)


def _settle(reward: float, broken: bool) -> tuple[bool, ...]:
    return *(reward * LEVELS >= n - 1e-9 for n in range(1, LEVELS + 1)), reward == 0


def _facts(env: Any, seat: int) -> Mapping[str, Scalar]:
    return {"agreed": _deal(env) is not None, "price": _deal(env), "role": env.player_roles[seat]}


def _conceding(shape: float) -> Player:
    """Wants 0.9 of the range at first and 0.2 at the end."""

    def act(env: Any, seat: int, rng: random.Random) -> str:
        time = min(1.0, env.state.turn / env.max_rounds)
        wanted = 0.9 - 0.7 * time ** (1 / shape)
        _, theirs = _offers(env, seat)
        if theirs and _share(env, seat, theirs) >= wanted:
            return "[Accept]"
        wavering = rng.choice((0.0, 0.02, 0.04))
        return f"[Offer: {_price(env, seat, min(1.0, wanted + wavering))}]"

    return act


USED_CAR = Game(
    summary="a buyer and a seller settle the price of a used car",
    players=2,
    opponents={
        "linear": _conceding(1.0),
        "conceder": _conceding(3.0),
        "boulware": _conceding(0.3),
    },
    unseen=("boulware",),
    state=_state,
    candidates=_candidates,
    refuses=_refuses,
    reward=_reward,
    goals=GOALS,
    settle=_settle,
    success="at least half of the price range",
    wins=lambda reward, broken: reward >= 0.5,
    facts=_facts,
    data=("textarena_usedcar", "instructions"),
)
