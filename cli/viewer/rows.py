"""What the viewer's page is given of episodes: a line of the table, and the record behind it.

The record is the trace itself, as in `agent.trace`, its chances rounded to what a screen can show.
Draws nothing and reads no files.
"""

from typing import Any

from pydantic import TypeAdapter

from forethought.agent.types import Decision, Trace

_PLACES = 3
"""Decimals of a chance."""
_TRACE: TypeAdapter[Trace] = TypeAdapter(Trace)
COLUMNS = (
    *("id", "env", "arm", "model", "seed", "instance", "seat", "opponent", "situation"),
    *("steps", "reward", "success", "reason", "calls", "tokens", "seconds", "dollars"),
    *("changed", "fallbacks", "invalid", "supported"),
)
"""Names of the values of a line, in order."""


def row_of(trace: Trace) -> list[Any]:
    """The line of an episode in the table, values in the order of `COLUMNS`.

    `reward` and `success` are None while the episode has not ended, `supported` where nothing was
    estimated. Episodes of the same `situation` began alike, whoever played them.
    """
    episode, outcome, usage = trace.episode, trace.outcome, trace.usage
    decisions = [step.decision for step in trace.steps]
    flags = [e.supported for d in decisions for c in d.considered for e in c.estimates]
    place = (episode.env, episode.instance, episode.seat, episode.opponent, episode.seed)
    return [
        *(episode.id, episode.env, episode.arm, episode.model, episode.seed, episode.instance),
        *(episode.seat, episode.opponent, "|".join(map(str, place)), len(trace.steps)),
        *((outcome.reward, outcome.success, outcome.reason) if outcome else (None, None, "")),
        *(usage.calls, usage.prompt_tokens + usage.completion_tokens, round(usage.seconds, 2)),
        round(usage.dollars, 6),
        sum(map(changed, decisions)),
        sum(bool(each.fallback) for each in decisions),
        sum(step.invalid for step in trace.steps),
        round(sum(flags) / len(flags), 3) if flags else None,
    ]


def changed(decision: Decision) -> bool:
    """Whether guidance replaced the thought that came first."""
    first = decision.first_thought
    return bool(first) and first != decision.candidate.thought


def record_of(trace: Trace) -> dict[str, Any]:
    """An episode as in a trace file, defaults left out, chances rounded."""
    record: dict[str, Any] = _TRACE.dump_python(trace, mode="json", exclude_defaults=True)
    for step in record.get("steps", ()):
        for considered in step["decision"].get("considered", ()):
            for estimate in considered.get("estimates", ()):
                for name in ("chance", "low", "high"):
                    estimate[name] = round(estimate[name], _PLACES)
    return record
