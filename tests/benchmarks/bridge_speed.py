"""Moves per second: TextArena raw, behind its default wrapper, and bridged; OpenSpiel likewise.

python tests/benchmarks/bridge_speed.py [--seconds 5]
"""

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import pyspiel
import textarena

from forethought.envs.registry import get_world

GAME = "SimpleNegotiation-v0"
MOVES = ("[Deny]", "[Offer: 1 Wheat -> 1 Wood]", "[Deny] Well.")


def plain(env_id: str) -> Callable[[int], int]:
    """One episode of TextArena's own; the number of moves of both sides."""

    def episode(seed: int) -> int:
        env = textarena.make(env_id)
        env.reset(num_players=2, seed=seed)
        done, moves = False, 0
        while not done:
            env.get_observation()
            done, _ = env.step(MOVES[moves % len(MOVES)])
            moves += 1
        return moves

    return episode


def bridged(world_id: str) -> Callable[[int], int]:
    """One episode over the bridge; the number of the agent's own decisions."""
    env: Any = get_world(world_id).make()

    def episode(seed: int) -> int:
        rng = random.Random(seed)
        _, info = env.reset(seed=seed)
        over, moves = False, 0
        while not over:
            _, _, over, _, info = env.step(str(rng.choice(info["candidates"]).action))
            moves += 1
        return moves

    return episode


def spiel(seed: int) -> int:
    """One episode of OpenSpiel's bargaining, texts included; moves of both sides."""
    rng = random.Random(seed)
    state = _BARGAINING.new_initial_state()
    moves = 0
    while not state.is_terminal():
        if state.is_chance_node():
            state.apply_action(rng.choice(state.chance_outcomes())[0])
            continue
        state.information_state_string(state.current_player())
        state.apply_action(rng.choice(state.legal_actions()))
        moves += 1
    return moves


_BARGAINING = pyspiel.load_game("bargaining")


def rate(episode: Callable[[int], int], seconds: float) -> float:
    """Moves per second of processor time."""
    episode(0)
    start, moves, seed = time.process_time(), 0, 1
    while time.process_time() - start < seconds:
        moves += episode(seed)
        seed += 1
    return moves / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    rows = {
        "TextArena raw, moves/s": plain(f"{GAME}-raw"),
        "TextArena default wrapper, moves/s": plain(GAME),
        "bridge to TextArena, decisions/s": bridged(f"textarena:{GAME}"),
        "OpenSpiel bargaining with texts, moves/s": spiel,
        "bridge to OpenSpiel, decisions/s": bridged("openspiel:bargaining"),
    }
    for name, episode in rows.items():
        print(f"{name:45} {rate(episode, seconds):>10,.0f}")


if __name__ == "__main__":
    main()
