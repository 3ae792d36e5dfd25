"""Several trials at one episode, each with the lessons of those before: Reflexion's own setting.

What is measured this way is success within so many trials, which no policy of a single trial should
be compared with at unequal numbers of trials. Stops at the first success. Runs no episode itself.
"""

from collections.abc import Callable
from dataclasses import replace

from forethought.agent.budget import Budget, Clock, Meter
from forethought.agent.errors import ConfigError
from forethought.agent.loop import Listen, ignore, run_episode
from forethought.agent.planners.reflexion import Reflexion
from forethought.agent.protocols import Environment, Model
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Episode, Trace


async def run_trials(
    make: Callable[[], Environment],
    planner: Reflexion,
    *,
    episode: Episode,
    model: Model,
    trials: int = 3,
    budget: Budget | None = None,
    writer: TraceWriter | None = None,
    listen: Listen = ignore,
    max_steps: int = 100,
) -> list[Trace]:
    """Play the same episode until it succeeds, at most `trials` times.

    Trials after the first have `/trial-2` and so on behind the episode's id, and each has the fact
    `trial`, counted from 1. A trial stopped by its budget or by an error is the last one.

    Args:
        make: Builds a fresh world for each trial; the episode's seed and instance make them alike.
        planner: Reflects and acts; it is not changed.
        episode: What is tried.
        model: Used in every trial.
        trials: The most trials.
        budget: Limits of all trials together, `steps` excepted: those are of each.
        writer: Where all trials are written; not closed.
        listen: Called with every event as it happens.
        max_steps: Decisions after which a trial is cut off.

    Returns:
        The trials' traces, in order; only the last can be a success.

    Raises:
        ConfigError: If `trials` is below 1.
        UserError: As `run_episode`.
    """
    if trials < 1:
        raise ConfigError(f"trials must be 1 or more, not {trials}")
    limits = budget or Budget()
    clock = Clock(limits.seconds)
    shared = Meter(model, limits, clock)
    played: list[Trace] = []
    for number in range(1, trials + 1):
        if played and clock.left == 0:
            break
        suffix = f"/trial-{number}" if number > 1 else ""
        plan = replace(episode, id=episode.id + suffix, facts={**episode.facts, "trial": number})
        trace = await run_episode(
            make(),
            planner,
            episode=plan,
            model=shared,
            budget=Budget(steps=limits.steps, seconds=clock.left),
            writer=writer,
            listen=listen,
            max_steps=max_steps,
        )
        played.append(trace)
        if trace.outcome is None or trace.outcome.success or not trace.outcome.finished:
            break
        planner = planner.after(trace)
    return played
