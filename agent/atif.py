"""Traces as ATIF trajectories and back: the Agent Trajectory Interchange Format, version 1.8.

Out: the first observation is a user's turn, every decision an agent's turn with its thought as
reasoning, its action as a message or as tool calls, what came of it as its observation, and its
cost as metrics. What ATIF has no place for goes to `extra` under "forethought", without repeating
what is told already, so that a trace comes back exactly as it was. Steps that a fork took over are
marked as copied.

In: a trajectory of another agent becomes a trace with one step for each agent's turn. Its token
ids, log-probabilities, own extras and embedded subagents are left behind. Knows nothing of files.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forethought.agent.actions import written
from forethought.agent.calls import read_calls
from forethought.agent.errors import DataError, needs
from forethought.agent.parsing import clean
from forethought.agent.redact import Redactor
from forethought.agent.types import (
    Candidate,
    Decision,
    Episode,
    Outcome,
    Scalar,
    Step,
    ToolCall,
    Trace,
    Usage,
)

with needs("ATIF", "pip install 'forethought[atif]'"):
    import atif

SCHEMA = "ATIF-v1.8"
OURS = "forethought"
"""Where `extra` holds what ATIF has no place for."""
WORLD = "atif"
"""The world of episodes that other agents played."""

_adapters: dict[type, TypeAdapter[Any]] = {}


def to_atif(trace: Trace) -> atif.Trajectory:
    """A trace as a trajectory, without secrets, checked against the format's models."""
    trace = _redacted(trace)
    told = [step.observation for step in trace.steps]
    pending = trace.outcome.pending if trace.outcome else ""
    if pending or not told:
        told.append(pending)
    copied = trace.episode.facts.get("forked_at", 0)
    steps = [atif.Step(step_id=1, source="user", message=clean(told[0]))]
    for place, step in enumerate(trace.steps):
        after = told[place + 1] if place + 1 < len(told) else None
        steps.append(_turn(place, step, after, isinstance(copied, int) and place < copied))
    ours: dict[str, Any] = {"episode": _dump(trace.episode)}
    if trace.outcome:
        ours["outcome"] = _dump(trace.outcome)
        if clean(pending) == pending:
            ours["outcome"].pop("pending", None)
    return atif.Trajectory(
        schema_version=SCHEMA,
        session_id=clean(trace.episode.id),
        trajectory_id=clean(trace.episode.id),
        agent=atif.Agent(
            name=OURS, version=_version(), model_name=clean(trace.episode.model) or None
        ),
        steps=steps,
        final_metrics=_totals(trace, len(steps)),
        extra={OURS: ours},
    )


def from_atif(
    trajectory: atif.Trajectory | Mapping[str, Any], *, outcome: Outcome | None = None
) -> Trace:
    """A trajectory as a trace: ours as it was, another agent's as well as it can be told.

    Args:
        trajectory: The format's own model, or the object of a JSON file.
        outcome: How the episode ended, which ATIF does not say. Without it, a number `reward` (and
            a `success`) among the extras of the trajectory or of its final metrics is taken; where
            there is none either, the trace is unfinished.

    Raises:
        DataError: If it is no trajectory, or what we put into it was damaged.
    """
    try:
        if not isinstance(trajectory, atif.Trajectory):
            trajectory = atif.Trajectory.model_validate(trajectory)
        if OURS in (trajectory.extra or {}):
            return _ours(trajectory, outcome)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"not an ATIF trajectory: {where}: {first['msg']}") from error
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise DataError("not an ATIF trajectory of ours: its extras were changed") from error
    return _foreign(trajectory, outcome)


def _redacted(trace: Trace) -> Trace:
    """The trace as a traces file would have it."""
    whole = _adapter(Trace).dump_python(trace)
    clean = Redactor().value(whole)
    return trace if clean == whole else _load(Trace, clean)


def _turn(place: int, step: Step, after: str | None, copied: bool) -> atif.Step:
    """One decision as an agent's turn."""
    thought, action = step.decision.candidate.thought, step.decision.action
    ours = _dump(step)
    if clean(step.observation) == step.observation:
        ours.pop("observation")
    if clean(thought) == thought:
        ours["decision"]["candidate"].pop("thought")
    calls = read_calls(action)
    if clean(action) == action and (not calls or written(calls) == action):
        ours["decision"].pop("action")
    usage = sum(step.decision.usage.values(), Usage())
    ids = [f"call-{place}-{number}" for number in range(len(calls))]
    source = ids[0] if len(ids) == 1 else None
    return atif.Step(
        step_id=place + 2,
        source="agent",
        message="" if calls else clean(action),
        reasoning_content=clean(thought) or None,
        tool_calls=[
            atif.ToolCall(
                tool_call_id=name, function_name=call.name, arguments=dict(call.arguments)
            )
            for name, call in zip(ids, calls, strict=True)
        ]
        or None,
        observation=None
        if after is None
        else atif.Observation(
            results=[atif.ObservationResult(source_call_id=source, content=clean(after))]
        ),
        metrics=atif.Metrics(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.dollars or None,
        )
        if usage.tokens
        else None,
        llm_call_count=usage.calls if usage.calls > 0 else None,
        is_copied_context=copied or None,
        extra={OURS: ours},
    )


def _totals(trace: Trace, steps: int) -> atif.FinalMetrics:
    usage, outcome = trace.usage, trace.outcome
    return atif.FinalMetrics(
        total_prompt_tokens=usage.prompt_tokens,
        total_completion_tokens=usage.completion_tokens,
        total_cost_usd=usage.dollars or None,
        total_steps=steps,
        extra={"reward": outcome.reward, "success": outcome.success} if outcome else None,
    )


def _ours(trajectory: atif.Trajectory, outcome: Outcome | None) -> Trace:
    """A trace that was a trace before."""
    held = (trajectory.extra or {})[OURS]
    told = [_text(trajectory.steps[0].message)]
    steps = []
    for turn in trajectory.steps[1:]:
        data = json.loads(json.dumps((turn.extra or {})[OURS]))
        decision = data["decision"]
        data.setdefault("observation", told[-1])
        decision["candidate"].setdefault("thought", turn.reasoning_content or "")
        decision.setdefault("action", written(_calls(turn)) or _text(turn.message))
        steps.append(_load(Step, data))
        told += _results(turn)
    ended = dict(held["outcome"]) if "outcome" in held else None
    if ended is not None and len(told) > len(steps):
        ended.setdefault("pending", told[-1])
    if outcome is None and ended is not None:
        outcome = _load(Outcome, ended)
    return Trace(_load(Episode, held["episode"]), tuple(steps), outcome)


def _foreign(trajectory: atif.Trajectory, outcome: Outcome | None) -> Trace:
    """A trace of what another agent did."""
    heard: list[str] = []
    steps: list[Step] = []
    for turn in trajectory.steps:
        if turn.source != "agent" or turn.is_copied_context:
            heard += filter(None, [_text(turn.message), written(_calls(turn)), *_results(turn)])
            continue
        seen = "\n".join(heard)
        decision, facts = _decision(turn, trajectory.agent.name)
        steps.append(Step(len(steps), seen, seen, decision, facts=facts))
        heard = _results(turn)
    if steps and heard:
        last = steps[-1]
        facts = {**last.facts, "result": "\n".join(heard)}
        steps[-1] = Step(last.index, last.observation, last.state, last.decision, facts=facts)
    return Trace(_episode(trajectory), tuple(steps), outcome or _stated(trajectory))


def _decision(turn: atif.Step, agent: str) -> tuple[Decision, dict[str, Scalar]]:
    """What another agent thought and did, and what else is told of it."""
    calls, message = _calls(turn), _text(turn.message)
    thought = turn.reasoning_content or (message if calls else "")
    action = written(calls) or message
    facts: dict[str, Scalar] = {
        "tool": ", ".join(call.name for call in calls) or None,
        "message": message if calls and message != thought else None,
        "model": turn.model_name,
        "timestamp": turn.timestamp,
    }
    usage = {}
    if turn.metrics or turn.llm_call_count:
        metrics = turn.metrics or atif.Metrics()
        usage["act"] = Usage(
            1 if turn.llm_call_count is None else turn.llm_call_count,
            metrics.prompt_tokens or 0,
            metrics.completion_tokens or 0,
            dollars=metrics.cost_usd or 0.0,
        )
    told: dict[str, Scalar] = {name: fact for name, fact in facts.items() if fact is not None}
    return Decision(Candidate(thought), action, agent, usage=usage), told


def _episode(trajectory: atif.Trajectory) -> Episode:
    agent = trajectory.agent
    name = trajectory.trajectory_id or trajectory.session_id
    if name is None:
        text = trajectory.model_dump_json()
        name = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    facts = {
        "agent_version": agent.version,
        "session_id": trajectory.session_id,
        "notes": trajectory.notes,
    }
    return Episode(
        name,
        WORLD,
        arm=agent.name,
        model=agent.model_name or "",
        facts={key: fact for key, fact in facts.items() if fact},
    )


def _stated(trajectory: atif.Trajectory) -> Outcome | None:
    """The outcome that the extras tell, if they do."""
    metrics = trajectory.final_metrics
    for extra in (trajectory.extra, metrics.extra if metrics else None):
        reward = (extra or {}).get("reward")
        if isinstance(reward, int | float):
            return Outcome(float(reward), bool((extra or {}).get("success", reward > 0)))
    return None


def _calls(turn: atif.Step) -> list[ToolCall]:
    return [ToolCall(call.function_name, call.arguments) for call in turn.tool_calls or ()]


def _results(turn: atif.Step) -> list[str]:
    """What came of a turn, one text for each result."""
    return list(_told(turn.observation)) if turn.observation else []


def _told(observation: atif.Observation) -> Iterator[str]:
    for result in observation.results:
        if result.content is not None:
            yield _text(result.content)
        for ref in result.subagent_trajectory_ref or ():
            yield f"[subagent {ref.trajectory_id or ref.trajectory_path}]"


def _text(content: str | Sequence[atif.ContentPart]) -> str:
    """A message as text; a picture or a sound is named."""
    if isinstance(content, str):
        return content
    return "\n".join(
        part.text or (f"[{part.type} {part.source.path}]" if part.source else "")
        for part in content
    )


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Build each schema once, on first use."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _dump(value: Episode | Outcome | Step) -> dict[str, Any]:
    dumped: dict[str, Any] = _adapter(type(value)).dump_python(value, exclude_defaults=True)
    return dumped


def _load(kind: type, data: Mapping[str, Any]) -> Any:
    return _adapter(kind).validate_python(data)


def _version() -> str:
    try:
        return version("forethought")
    except PackageNotFoundError:
        return "0"
