"""How a camp-site talk ended, for one seat: points, success, and which sentences came true."""

from forethought.agent.types import Outcome
from forethought.envs.campsite.rules import TOTAL, Game, efficient
from forethought.envs.campsite.text import GOALS, LEVELS
from forethought.envs.casino import JOINT, SUCCESS_POINTS

_TOGETHER = int(JOINT.text.split()[-2])


def outcome(game: Game, seat: int) -> Outcome:
    """What a finished game brought a seat; the reward is own points over 36."""
    both = game.points()
    own, other = both[seat], both[1 - seat]
    deal = game.deal
    truths = (
        *(own >= level for level in LEVELS),
        deal is not None,
        deal is None,
        own > other,
        other > own,
        other >= SUCCESS_POINTS,
        own + other >= _TOGETHER,
    )
    told = [(goal.text, true) for goal, true in zip(GOALS, truths, strict=True)]
    return Outcome(
        reward=own / TOTAL,
        success=own >= SUCCESS_POINTS,
        reached=tuple(text for text, true in told if true),
        missed=tuple(text for text, true in told if not true),
        facts={
            "agreed": deal is not None,
            "points": own,
            "other_points": other,
            "joint": own + other,
            "efficient": deal is not None and efficient(*game.priorities, deal),
            "turns": len(game.moves),
        },
    )


def ending_text(game: Game, seat: int) -> str:
    """The last observation of a seat."""
    own = game.points()[seat]
    if game.deal is None:
        return f"There is no deal: you both get {own} points."
    return f"The deal is accepted: you get {own} points."
