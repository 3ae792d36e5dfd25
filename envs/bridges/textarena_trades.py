"""TextArena's SimpleNegotiation: what a seat sees, what it may try, and who trades with it.

The original leaves a denied offer on the table, and lets its own maker accept it: nothing changes
hands and the offer is gone. The bridge refuses that.
"""

import random
from collections.abc import Mapping
from typing import Any

from forethought.agent.types import Candidate, Scalar
from forethought.envs.bridges.textarena_game import Game

SIZES = (1, 3)
"""How much of a resource a candidate asks for, units."""
MARKUPS = (1.1, 1.5)
"""What is asked for is worth so many times what is given, by the own values."""


def _worth(values: Mapping[str, int], items: Mapping[str, int]) -> int:
    return sum(values[name] * count for name, count in items.items())


def _pending(env: Any, seat: int) -> Mapping[str, Any] | None:
    """The offer a seat could take up: the other's, and within what the seat has."""
    offer = env.state.game_state["current_offer"]
    if not offer or offer["from_player"] == seat:
        return None
    held = env.state.game_state["player_resources"][seat]
    short = any(held[name] < count for name, count in offer["requested_resources"].items())
    return None if short else dict(offer)


def _gain(env: Any, seat: int, offer: Mapping[str, Any]) -> int:
    """What taking up the other's offer would bring a seat."""
    values = env.state.game_state["player_values"][seat]
    return _worth(values, offer["offered_resources"]) - _worth(values, offer["requested_resources"])


def _swaps(env: Any, seat: int) -> list[tuple[int, str]]:
    """Offers a seat can make, each with what it would gain; best first."""
    game = env.state.game_state
    values, held = game["player_values"][seat], game["player_resources"][seat]
    found = {}
    for wanted, worth in values.items():
        for given, price in values.items():
            for size in SIZES if given != wanted else ():
                for markup in MARKUPS:
                    count = int(size * worth / (price * markup))
                    if 1 <= count <= held[given]:
                        text = f"[Offer: {count} {given} -> {size} {wanted}]"
                        found[text] = size * worth - count * price
    return sorted(((gain, text) for text, gain in found.items()), key=lambda pair: -pair[0])


def _candidates(env: Any, seat: int) -> tuple[Candidate, ...]:
    found = []
    offer = _pending(env, seat)
    if offer is not None:
        gain = _gain(env, seat, offer)
        found.append(Candidate(f"I accept what they offer: {gain:+d} for me.", action="[Accept]"))
    found.append(Candidate("I deny and wait for a better offer.", action="[Deny]"))
    for gain, text in _swaps(env, seat):
        what = text.removeprefix("[Offer: ").rstrip("]").replace("->", "for")
        found.append(Candidate(f"I offer {what}: {gain:+d} for me.", action=text))
    return tuple(found)


def _state(env: Any, seat: int) -> str:
    game = env.state.game_state
    held, values = game["player_resources"][seat], game["player_values"][seat]
    mine = "; ".join(f"{count} {name} at {values[name]}" for name, count in held.items())
    trades = sum(one["outcome"] == "Accepted" for one in game["trade_history"])
    offer = _pending(env, seat)
    waiting = (
        f"Accepting brings me {_gain(env, seat, offer):+d}." if offer else "Nothing to accept."
    )
    heard = [one for one in game["trade_history"] if one["from_player"] != seat]
    tried = len(game["trade_history"]) - len(heard)
    return (
        f"I hold {mine}. I have gained {game['inventory_value'][seat]['change']} so far in "
        f"{trades} trades. {waiting} I made {tried} offers and heard {len(heard)}. "
        f"Turn {env.state.turn + 1} of {env.state.max_turns}."
    )


def _refuses(env: Any, seat: int, action: str) -> str:
    offer = env.state.game_state["current_offer"]
    if env.accept_pattern.search(action) and offer and offer["from_player"] == seat:
        return "the offer on the table is your own; nobody accepts an own offer"
    return ""


def _facts(env: Any, seat: int) -> Mapping[str, Scalar]:
    game = env.state.game_state
    mine, theirs = (game["inventory_value"][one]["change"] for one in (seat, 1 - seat))
    return {
        "gain": mine,
        "their_gain": theirs,
        "trades": sum(one["outcome"] == "Accepted" for one in game["trade_history"]),
    }


def _trader(least: int) -> Any:
    """Takes up what brings it `least` or more, and offers a swap that does."""

    def act(env: Any, seat: int, rng: random.Random) -> str:
        offer = _pending(env, seat)
        if offer is not None and _gain(env, seat, offer) >= least:
            return "[Accept]"
        good = [text for gain, text in _swaps(env, seat) if gain >= least]
        return f"[Deny] {rng.choice(good)}" if good else "[Deny]"

    return act


def _anyhow(env: Any, seat: int, rng: random.Random) -> str:
    """Any of the candidates, each as likely."""
    return str(rng.choice(_candidates(env, seat)).action)


TRADES = Game(
    summary="two players trade five resources they value differently; the larger gain wins",
    players=2,
    opponents={"eager": _trader(1), "greedy": _trader(20), "random": _anyhow},
    unseen=("greedy",),
    state=_state,
    candidates=_candidates,
    refuses=_refuses,
    facts=_facts,
)
