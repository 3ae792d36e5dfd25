"""What every planner that picks by score needs: thoughts to pick from, their scores, an action.

Stages shared by `rank`, `best-of-n` and `tree`, each over the same `Choice`. Where the thoughts
come from, and how many there are, is the planner's part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from forethought.agent.critics import estimates
from forethought.agent.errors import BudgetExhausted
from forethought.agent.parsing import read_list
from forethought.agent.planners.critique import KEPT, UNSUPPORTED, is_supported, weigh
from forethought.agent.planners.desk import Answer, Desk
from forethought.agent.planners.imagine import Imagination, imagine
from forethought.agent.planners.stages import (
    act,
    fallback_action,
    one_of,
    schema_of,
    sentence,
)
from forethought.agent.protocols import ValueFunction
from forethought.agent.types import (
    Candidate,
    Considered,
    Decision,
    Event,
    Goal,
    PrefixMode,
)


async def several(
    desk: Desk, prompt: str, count: int, labels: Sequence[str] = ()
) -> Answer[list[str]]:
    """Distinct thoughts, at most `count`, in one call.

    Args:
        desk: Asks.
        prompt: The whole prompt.
        count: How many are wanted, 1 or more.
        labels: What a schema holds the thoughts to; empty for any sentence.
    """

    def read(text: str) -> tuple[list[str] | None, str]:
        thoughts = read_list(text, "thoughts")[:count]
        return (thoughts or None), "there is no list of thoughts"

    return await desk.ask(
        "propose",
        prompt,
        read,
        schema=_thoughts(count, tuple(labels)),
        max_tokens=64 + 64 * count,
    )


@lru_cache(maxsize=64)
def _thoughts(count: int, labels: tuple[str, ...]) -> Mapping[str, Any]:
    """Schema of a list of thoughts; the same one for every expansion of a search."""
    wanted = min(count, len(labels)) if labels else count
    items = {
        "type": "array",
        "items": one_of(labels) if labels else sentence(),
        "minItems": wanted,
        "maxItems": wanted,
    }
    return schema_of({"thoughts": items})


@dataclass(slots=True)
class Choice:
    """What is known of the candidates; whatever stops the decision, this much is kept."""

    candidates: Sequence[Candidate]
    """At least one; the first is the plain thought to fall back to."""
    goals: Sequence[Goal] = ()
    weighed: list[Considered] = field(default_factory=list)
    """The candidates with their scores, best first; empty when no critic answered."""
    fallback: str = ""
    """Why the scores were not used, in words; empty when they were."""
    chosen: Candidate | None = None
    """Picked by other means than the scores; `None` for the best score."""

    @property
    def pick(self) -> Candidate:
        """The candidate to carry out."""
        if self.chosen is not None:
            return self.chosen
        return self.candidates[0] if self.fallback else self.weighed[0].candidate


async def judge(
    desk: Desk, critic: ValueFunction, choice: Choice, goals_prompt: str, how: Imagination
) -> None:
    """Have the critic weigh the candidates, by the world's goals or else by imagined ones.

    Where they cannot be had within the budget the choice says so.

    Args:
        desk: Asks the model.
        critic: Bound to the desk.
        choice: The candidates; goals and scores are filled in.
        goals_prompt: Template of the stage `goals`.
        how: How goals are imagined.
    """
    turn, candidates = desk.turn, choice.candidates
    try:
        choice.goals = turn.observation.goals or await _imagined(
            desk, candidates[0], goals_prompt, how
        )
        rows = await estimates(critic, turn.state, candidates, choice.goals)
    except BudgetExhausted as error:
        choice.fallback = f"budget: {error}"
        return
    choice.weighed = weigh(candidates, choice.goals, rows)
    choice.fallback = _no_guide(choice)


async def _imagined(
    desk: Desk, candidate: Candidate, prompt: str, how: Imagination
) -> Sequence[Goal]:
    """Goals from the model, for a world that states none; none without a model."""
    if desk.turn.model is None:
        return ()
    return await imagine(desk, candidate.thought, prompt, how)


def _no_guide(choice: Choice) -> str:
    """Why the scores are no guide, in words; empty when they are one."""
    if not choice.goals:
        return "there are no goals to score by"
    if not any(is_supported(each.estimates) for each in choice.weighed):
        return f"no estimate is supported: {UNSUPPORTED}"
    return ""


async def conclude(
    desk: Desk, planner: str, choice: Choice, prompt: str, max_tokens: int
) -> Decision:
    """Tell what was chosen, have its action worded where it has none, and record it all.

    Args:
        desk: Asks.
        planner: The name to record.
        choice: What was chosen and among what.
        prompt: Template of the stage `act`.
        max_tokens: Longest action the model may word, tokens.
    """
    turn, chosen = desk.turn, choice.pick
    turn.emit(Event("thought", chosen.thought))
    if choice.goals and choice.weighed:
        best = next(each for each in choice.weighed if each.candidate == chosen)
        turn.emit(Event("goals", "", tuple(choice.goals), best.estimates))
    if choice.fallback:
        turn.emit(Event("fallback", choice.fallback))
    action, mode, stopped = await _carry_out(desk, chosen, prompt, max_tokens)
    return Decision(
        chosen,
        action,
        planner,
        goals=tuple(choice.goals),
        considered=tuple(choice.weighed[:KEPT]),
        weighed=len(choice.candidates),
        fallback=choice.fallback or stopped,
        prefix_mode=mode,
        repairs=desk.repairs,
        repeats=desk.repeats,
    )


async def _carry_out(
    desk: Desk, chosen: Candidate, prompt: str, max_tokens: int
) -> tuple[str, PrefixMode, str]:
    """The action, how its prefix came about, and why it was not worded, if it was not."""
    try:
        return *await act(desk, chosen, prompt, max_tokens), ""
    except BudgetExhausted as error:
        return fallback_action(desk.turn.observation, chosen), "none", f"budget: {error}"
