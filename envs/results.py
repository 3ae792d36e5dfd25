"""What a comparison needs of an episode and nothing else: some hundred bytes in a trace's place."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from forethought.agent.types import Candidate, Episode, Trace, Usage
from forethought.envs.recording import failed


@dataclass(frozen=True, slots=True)
class Result:
    """One episode, summed up."""

    episode: Episode
    """Without its goals and facts."""
    reward: float
    """Sum of the rewards, in the world's units; 0 without an outcome."""
    success: bool
    reason: str
    """Why it ended."""
    failed: bool
    """Whether it broke off with an error."""
    steps: int
    """Decisions taken."""
    invalid: int
    """Actions among them that the world refused."""
    supported: float | None
    """Mean over the decisions that asked a critic of the share of supported estimates."""
    asked: int
    """Decisions that asked a critic and kept what it said."""
    weighed: int
    """Candidates weighed, all decisions together."""
    weighing: int
    """Decisions that weighed any."""
    usage: Usage
    facts: Mapping[str, float] = field(default_factory=dict)
    """Numeric facts of the outcome; yes and no as 1 and 0."""
    first: Candidate | None = None
    """What the first decision chose; `None` where none was taken."""

    @classmethod
    def of(cls, trace: Trace) -> "Result":
        """Sum up a trace."""
        outcome = trace.outcome
        decisions = [step.decision for step in trace.steps]
        shares = [s for d in decisions if (s := d.supported) is not None]
        weighed = [d.weighed or len(d.considered) for d in decisions]
        chosen = replace(decisions[0].candidate, action=decisions[0].action) if decisions else None
        return cls(
            episode=replace(trace.episode, goals=(), facts={}),
            reward=outcome.reward if outcome else 0.0,
            success=outcome is not None and outcome.success,
            reason=outcome.reason if outcome else "no outcome",
            failed=failed(trace),
            steps=len(decisions),
            invalid=sum(step.invalid for step in trace.steps),
            supported=sum(shares) / len(shares) if shares else None,
            asked=len(shares),
            weighed=sum(weighed),
            weighing=sum(count > 0 for count in weighed),
            usage=trace.usage,
            facts=dict(_numbers(outcome.facts)) if outcome else {},
            first=chosen,
        )


def _numbers(facts: Mapping[str, str | int | float | bool | None]) -> Iterable[tuple[str, float]]:
    for name, value in facts.items():
        if isinstance(value, int | float) and math.isfinite(value):
            yield name, float(value)


def results_of(episodes: Iterable[Trace | Result]) -> list[Result]:
    """Sum up the traces among them."""
    return [each if isinstance(each, Result) else Result.of(each) for each in episodes]
