"""What a head says of the decisions of a trace: the logged thoughts nearest to what was weighed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from forethought.agent.types import Step, Trace

if TYPE_CHECKING:
    from forethought.valuefn.critic import LearnedValue

_NEAREST = 3
"""Logged thoughts shown for each of the two best candidates."""


def explained(critic: "LearnedValue", trace: Trace) -> Mapping[str, Any]:
    """For each decision by its place: what decides, and the evidence near the two best.

    Decisions at which nothing was weighed are left out.
    """
    found = {
        str(place): _why(critic, trace, step)
        for place, step in enumerate(trace.steps)
        if step.decision.considered and (trace.episode.goals or step.decision.goals)
    }
    return {"explained": found} if found else {}


def _why(critic: "LearnedValue", trace: Trace, step: Step) -> dict[str, Any]:
    from forethought.valuefn.explain import explain_choice

    goals = step.decision.goals or trace.episode.goals
    weighed = [each.candidate for each in step.decision.considered]
    why = explain_choice(critic, step.state, weighed, goals, nearest=_NEAREST)
    return {
        "goal": why.contributions[0].goal.text,
        "best": why.best.thought,
        "second": why.runner_up.thought if why.runner_up else "",
        "evidence": [asdict(each) for each in why.evidence],
        "contrast": [asdict(each) for each in why.contrast],
    }
