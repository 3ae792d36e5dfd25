"""Going on from a record: `resume_episode` where it stopped, `fork_episode` from another thought.

A deterministic world is brought back by taking the recorded actions again; what it shows has to be
what the record says, else the world or its version has changed and nothing is played. A world that
has `restore` (see `Restores`) is put back without taking any action again.

The planner's generator cannot be brought back, since a record does not hold its state: what is
added draws from a fresh one, seeded with the episode and the step, so that the same resumption or
fork is the same every time. Reads and writes no files.
"""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from forethought.agent.budget import Budget
from forethought.agent.contract import observe
from forethought.agent.errors import ConfigError, DataError
from forethought.agent.loop import Listen, Restores, Start, run_episode
from forethought.agent.matching import match_action
from forethought.agent.planners.desk import Desk
from forethought.agent.planners.moves import Moves
from forethought.agent.planners.stages import ACT_PROMPT, act
from forethought.agent.protocols import Environment, Model, Planner, Turn
from forethought.agent.summary import Summarise
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Candidate, Decision, Episode, Event, Observation, Step, Trace

FORKED = "fork"
"""The planner of a decision that was put in by hand."""
_SHOWN = 80
"""Characters of a text that a message shows."""


class HowToPlay(TypedDict, total=False):
    """How what is added is played: arguments of `run_episode`."""

    model: Model | None
    budget: Budget | None
    options: Mapping[str, Any] | None
    writer: TraceWriter | None
    listen: Listen
    max_steps: int
    summarise: Summarise | None
    live: bool


async def resume_episode(
    trace: Trace,
    env: Environment,
    planner: Planner,
    *,
    arm: str | None = None,
    **how: Unpack[HowToPlay],
) -> Trace:
    """Go on where an episode stopped: its process died, a budget ended, an error broke it off.

    Args:
        trace: The record. It keeps its id, so that what is written replaces it in its own file.
        env: A fresh environment of the world in which it was played.
        planner: Decides from here on.
        arm: Noted in the episode; what the record says by default.
        how: As for `run_episode`; `budget` and `max_steps` hold for what is added, `options` must
            be those of the first time.

    Returns:
        The whole episode, `facts["resumed_at"]` telling after how many decisions it went on.

    Raises:
        DataError: If the episode has ended, or the world does not show what the record says.
        UserError: As `run_episode`.
    """
    episode, start = resumption(trace, env)
    episode = _relabelled(episode, arm, how.get("model"))
    return await run_episode(env, planner, episode=episode, start=start, **how)


async def fork_episode(
    trace: Trace,
    env: Environment,
    planner: Planner,
    *,
    step: int,
    thought: str = "",
    action: str | None = None,
    arm: str | None = None,
    **how: Unpack[HowToPlay],
) -> Trace:
    """Take another thought or action at one step of an episode, and play on from there.

    Args:
        trace: The record.
        env: A fresh environment of the world in which it was played.
        planner: Decides after that step.
        step: Which decision is another, counted from 0; the steps before stay as they were.
        thought: What the agent thinks instead. Without an action it gets that of the world's
            candidate with this thought, else the model words one.
        action: What the agent does instead.
        arm: Noted in the episode; what the record says by default.
        how: As for `run_episode`; `budget` and `max_steps` hold for what is added, `options` must
            be those of the first time.

    Returns:
        The new episode; `facts` tell `forked_from`, the other's id, and `forked_at`, the step.

    Raises:
        ConfigError: If there is no such step, neither thought nor action, or the world has no such
            move and there is no model to word one.
        DataError: If the world does not show what the record says.
        UserError: As `run_episode`.
    """
    episode, start = forking(
        trace, env, step=step, thought=thought, action=action, words=how.get("model") is not None
    )
    episode = _relabelled(episode, arm, how.get("model"))
    return await run_episode(env, planner, episode=episode, start=start, **how)


def is_resumable(trace: Trace) -> bool:
    """Whether an episode stopped before its world's own end."""
    outcome = trace.outcome
    return outcome is None or not outcome.finished or bool(outcome.pending)


def resumption(trace: Trace, env: Environment) -> tuple[Episode, Start]:
    """What `run_episode` needs to go on where an episode stopped.

    Raises:
        DataError: If the episode has ended.
    """
    if not is_resumable(trace):
        raise DataError(
            f"episode {trace.episode.id} has ended and cannot be resumed; fork it to change a step"
        )
    steps, outcome = trace.steps, trace.outcome
    pending = outcome.pending if outcome else ""
    first = None
    if steps and not pending and not isinstance(env, Restores):
        # what came of the last action was never recorded; it may have been the end
        steps, pending = steps[:-1], steps[-1].observation
        first = _Again(trace.steps[-1].decision).decide
    facts = {**trace.episode.facts, "resumed_at": len(steps)}
    back = _Back(trace, env, steps, pending)
    return replace(trace.episode, facts=facts), Start(steps, back.bring, pending, first)


def forking(
    trace: Trace,
    env: Environment,
    *,
    step: int,
    thought: str = "",
    action: str | None = None,
    words: bool = False,
) -> tuple[Episode, Start]:
    """What `run_episode` needs to take another decision at one step; arguments as `fork_episode`.

    Args:
        trace: The record.
        env: The environment it will be played in.
        step: Which decision is another.
        thought: What the agent thinks instead.
        action: What the agent does instead.
        words: Whether there is a model to word the action of a thought.

    Raises:
        ConfigError: If there is no such step, or neither thought nor action.
    """
    if not thought.strip() and action is None:
        raise ConfigError("a fork needs another thought or another action")
    last = len(trace.steps) - (not is_resumable(trace))
    if not 0 <= step <= last:
        raise ConfigError(
            f"episode {trace.episode.id} has no step {step} to change; "
            + (f"there are 0 to {last}" if last >= 0 else "it took none")
        )
    pending = trace.outcome.pending if trace.outcome else ""
    if step < len(trace.steps):
        pending = trace.steps[step].observation
    change = _Change(thought.strip(), action, words)
    back = _Back(trace, env, trace.steps[:step], pending, change)
    digest = hashlib.sha256(f"{thought}\0{action}".encode("utf-8", "replace")).hexdigest()[:8]
    episode = replace(
        trace.episode,
        id=f"{trace.episode.id}/fork-{step}-{digest}",
        facts={**trace.episode.facts, "forked_from": trace.episode.id, "forked_at": step},
    )
    return episode, Start(trace.steps[:step], back.bring, pending, change.decide)


def _relabelled(episode: Episode, arm: str | None, model: Model | None) -> Episode:
    """The episode under the arm and model that go on with it."""
    return replace(
        episode,
        arm=episode.arm if arm is None else arm,
        model=model.name if model else episode.model,
    )


class _Again:
    """A recorded decision, taken once more because its result is not known."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision

    async def decide(self, turn: Turn) -> Decision:
        return self._decision


class _Change:
    """A decision put in by hand."""

    def __init__(self, thought: str, action: str | None, words: bool) -> None:
        self._thought = thought
        self._action = action
        self._words = words
        self._candidate = Candidate(thought, action=action)

    def look(self, seen: Observation) -> None:
        """Find the world's own candidate for the change, before anything is recorded.

        Raises:
            ConfigError: If the world has no such move and nobody can word it.
        """
        self._candidate = (
            self._of_thought(seen) if self._action is None else self._of_action(seen, self._action)
        )

    async def decide(self, turn: Turn) -> Decision:
        turn.emit(Event("thought", self._candidate.thought))
        desk = Desk(turn, FORKED)
        action, mode = await act(desk, self._candidate, ACT_PROMPT)
        return Decision(self._candidate, action, FORKED, prefix_mode=mode, repairs=desk.repairs)

    def _of_action(self, seen: Observation, action: str) -> Candidate:
        if seen.legal_actions:
            legal = match_action(action, seen.legal_actions)
            if legal is None:
                shown = ", ".join(map(repr, seen.legal_actions[:5]))
                more = len(seen.legal_actions) - 5
                raise ConfigError(
                    f"the world does not accept {action!r} there; it accepts {shown}"
                    + (f" and {more} more" if more > 0 else "")
                )
            action = legal
        bound = [c for c in seen.candidates if c.action == action]
        same = [c for c in bound if c.thought == self._thought or not self._thought]
        return same[0] if same else Candidate(self._thought, action=action)

    def _of_thought(self, seen: Observation) -> Candidate:
        moves = Moves(seen, legal=False)
        move = moves.find(self._thought) if moves else None
        if move is not None:
            return move
        if self._words:
            return Candidate(self._thought)
        near = f"; the nearest is {moves.nearest(self._thought).thought!r}" if moves else ""
        raise ConfigError(
            f"the world has no one action for the thought {self._thought!r}{near}; name an action "
            "too, or a model that words one"
        )


class _Back:
    """Brings a world to where some steps of a record left it."""

    def __init__(
        self,
        trace: Trace,
        env: Environment,
        steps: Sequence[Step],
        pending: str,
        change: _Change | None = None,
    ) -> None:
        self._id = trace.episode.id
        self._env = env
        self._steps = steps
        self._pending = pending
        self._change = change

    async def bring(self, text: str, info: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """From what `reset` returned to what waits for a decision.

        Raises:
            DataError: If the world does not show what the record says; names the step.
            ConfigError: If the world has no move for the change.
        """
        text, info = await self._moved(text, info)
        if self._change is not None:
            self._change.look(observe(text, info))
        return text, dict(info)

    async def _moved(self, text: str, info: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        env = self._env
        if isinstance(env, Restores):
            put = env.restore(self._steps, self._pending)
            return await put if inspect.isawaitable(put) else put
        for place, step in enumerate(self._steps):
            self._compare(place, "shows", step.observation, text)
            answer = env.step(step.decision.action)
            text, reward, terminated, truncated, info = (
                await answer if inspect.isawaitable(answer) else answer
            )
            self._compare(place, "gives the reward", step.reward, float(reward))
            if terminated or truncated:
                raise self._changed(place, "the world ends there, and the record goes on")
        if self._pending:
            self._compare(len(self._steps), "shows", self._pending, text)
        return text, info

    def _compare(self, place: int, what: str, recorded: object, now: object) -> None:
        if recorded != now:
            raise self._changed(
                place, f"the world {what} {_short(now)} where the record has {_short(recorded)}"
            )

    def _changed(self, place: int, what: str) -> DataError:
        return DataError(
            f"episode {self._id} cannot be brought back, step {place}: {what}; the world, its "
            "version or its options have changed since"
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
