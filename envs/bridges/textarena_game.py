"""What the bridge to TextArena may know of one game, and what holds where it knows nothing.

TextArena's games take any text. A `Game` adds what a value head can use: a state text, candidates
with their actions, scripted players, and goals whose truth the ending states.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from forethought.agent.types import Candidate, Goal, Scalar

Player = Callable[[Any, int, random.Random], str]
"""Given TextArena's environment, a player's number and a generator, what that player does. It
should look only at what that player may know."""
WON = Goal("I win the game.")
LOST = Goal("I lose the game.", kind="feared")


def _no_state(env: Any, seat: int) -> str:
    return ""


def _no_candidates(env: Any, seat: int) -> tuple[Candidate, ...]:
    return ()


def _allowed(env: Any, seat: int, action: str) -> str:
    return ""


def _no_facts(env: Any, seat: int) -> Mapping[str, Scalar]:
    return {}


def _as_paid(env: Any, seat: int) -> float:
    return float((env.state.rewards or {}).get(seat, 0.0))


def _won_or_lost(reward: float, broken: bool) -> tuple[bool, ...]:
    return reward >= 1 and not broken, reward < 0 or broken


@dataclass(frozen=True, slots=True)
class Game:
    """What is known of a game. As it stands: for one player, without candidates."""

    summary: str = "a game of TextArena"
    players: int = 1
    """How many sit at the table."""
    opponents: Mapping[str, Player] = field(default_factory=dict)
    """Who may play the other seats; one name plays all of them."""
    unseen: tuple[str, ...] = ()
    """Opponents kept out of training."""
    state: Callable[[Any, int], str] = _no_state
    """The state text of a seat; empty where the model has to summarise."""
    candidates: Callable[[Any, int], tuple[Candidate, ...]] = _no_candidates
    refuses: Callable[[Any, int, str], str] = _allowed
    """Why an action is refused before TextArena sees it; empty where it is not."""
    reward: Callable[[Any, int], float] = _as_paid
    """What a seat has earned at the end."""
    goals: tuple[Goal, ...] = (WON, LOST)
    settle: Callable[[float, bool], tuple[bool, ...]] = _won_or_lost
    """Given the reward and whether the agent ended the game by breaking a rule, the truth of each
    goal."""
    success: str = "the whole reward of 1, without having ended the game by breaking a rule"
    wins: Callable[[float, bool], bool] = lambda reward, broken: reward >= 1 and not broken
    facts: Callable[[Any, int], Mapping[str, Scalar]] = _no_facts
    """What to record of the ending."""
    data: tuple[str, str] | None = None
    """Folder of the data files its wheel lacks, and what it must hold, where some are lacking."""
