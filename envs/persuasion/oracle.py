"""What the world knows of a simulated talk: what is given in the end, all that is hidden known.

The donor's mind moves by rule alone, so that every way on is certain. After an act, this side is
taken to play on by the best of five plans that know the donor: make it as willing as may be, and
ask for nothing, a little, half, all, or end at once. That is a floor of what could be had, and near
it. For the critic `oracle` alone: nothing of it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from forethought.agent.types import Candidate, Goal
from forethought.envs.persuasion.rules import (
    APPEALS,
    ASKED,
    LEVELS,
    NEEDS,
    OBJECTIONS,
    OPENS_UP,
    Talk,
)
from forethought.envs.persuasion.strategies import ASKS
from forethought.envs.persuasion.view import GOALS, NOTHING, parse_action

LEVEL_OF = {goal.text: level for level, goal in enumerate(GOALS[:-1], start=1)}


@dataclass(frozen=True, slots=True)
class Foresight:
    """What comes of every act at one moment, as `info["oracle"]`."""

    talk: Talk

    def __call__(self, candidate: Candidate, goals: Sequence[Goal]) -> list[float | None]:
        """The chance of each goal after a candidate's action; `None` where the world has no say."""
        try:
            act = parse_action(candidate.action or "")
        except ValueError:
            return [None] * len(goals)
        after = _copy(self.talk)
        after.act(act)
        level = best_gift(after)
        return [_chance(level, goal.text) for goal in goals]


def _chance(level: int, goal: str) -> float | None:
    if goal == NOTHING:
        return float(level == 0)
    return float(level >= LEVEL_OF[goal]) if goal in LEVEL_OF else None


def best_gift(talk: Talk) -> int:
    """Level that the best of the plans brings from here."""
    if talk.over:
        return talk.gift
    best = talk.gift
    for ask in (None, *ASKS):
        trial = _copy(talk)
        while not trial.over:
            act = _planned(trial, ask)
            if act is None:
                break
            trial.act(act)
        best = max(best, trial.gift)
        if best == len(LEVELS) - 1:
            break
    return best


def _planned(talk: Talk, ask: str | None) -> str | None:
    """The next act of a plan, or `None` to end."""
    donor, left = talk.donor, talk.max_turns - talk.turns
    if talk.objecting:
        return max(
            OBJECTIONS[donor.objection],
            key=lambda act: talk.gain(act) if act in APPEALS else -talk.refused,
        )
    done = ask is None or talk.promised >= ASKED[ask] or ASKED[ask] > donor.purse
    if ask and not done:
        hidden = donor.objection != "none" and not talk.settled
        if hidden and ask not in OBJECTIONS[donor.objection]:
            return OPENS_UP
        if talk.willingness >= donor.resistance + NEEDS[ask] or left == 1:
            return ask
    gains = [(talk.gain(act), act) for act in APPEALS if ask or act != OPENS_UP]
    gain, act = max(gains)
    if gain > 0:
        return act
    return ask if ask and not done and talk.used.get(ask, 0) == 0 else None


def _copy(talk: Talk) -> Talk:
    return replace(talk, used=dict(talk.used))
