"""The loop: one episode from `reset` to its outcome, recorded as it happens.

An episode never raises for what went wrong in it: a model that failed for good, a budget that is
used up and a world or planner that broke become the outcome's reason. What the caller has to change
(`UserError`), cancellation and Ctrl-C pass through; the record then lacks its last line. The cost
of a step does not grow with the episode. Runs one episode; running many is `envs`' part.
"""

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from forethought.agent.budget import Budget, Clock, Meter
from forethought.agent.contract import guarded, observe, one_line
from forethought.agent.errors import (
    BudgetExhausted,
    EnvironmentFailed,
    RunError,
)
from forethought.agent.protocols import Environment, MaybeAwaitable, Model, Planner, Turn
from forethought.agent.summary import Summarise, Summariser
from forethought.agent.trace import TraceWriter
from forethought.agent.types import (
    Decision,
    Episode,
    Event,
    Observation,
    Outcome,
    Step,
    Trace,
)

T = TypeVar("T")
Listen = Callable[[Event], None]


@runtime_checkable
class Settles(Protocol):
    """An environment that can say what there is when an episode stops before its end."""

    def settle(self, outcome: Outcome) -> Outcome:
        """Complete an outcome, for instance with the best answer so far."""
        ...


@runtime_checkable
class Grades(Protocol):
    """An environment that can say of any answer whether it would be right."""

    def grade(self, action: str) -> bool | None:
        """Whether the episode would succeed with this answer; `None` where it cannot say."""
        ...


@runtime_checkable
class Restores(Protocol):
    """An environment whose actions must not be taken twice, and that can be put back without."""

    def restore(
        self, steps: Sequence[Step], pending: str
    ) -> MaybeAwaitable[tuple[str, dict[str, Any]]]:
        """Take up an episode after these steps, calling nothing again; `reset` was called before.

        Args:
            steps: What was done; what came of a step is the observation of the next one.
            pending: What came of the last step; empty where that was not recorded.

        Returns:
            Observation and `info`, as the last step returned them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """Where an episode goes on, instead of at its beginning; `agent.replay` makes them."""

    steps: tuple[Step, ...]
    """Decisions taken before: they stay in the record, and no limit counts them."""
    bring_back: Callable[[str, Mapping[str, Any]], MaybeAwaitable[tuple[str, dict[str, Any]]]]
    """Brings the world to where these steps left it: from what `reset` returned to what waits for
    a decision."""
    pending: str = ""
    """What the record says came of the last step; empty where it does not say."""
    first: Callable[[Turn], Awaitable[Decision]] | None = None
    """Takes the first decision in the planner's place."""


def ignore(event: Event) -> None:
    """The listener of an episode that nobody watches."""


async def run_episode(
    env: Environment,
    planner: Planner,
    *,
    episode: Episode,
    model: Model | None = None,
    budget: Budget | None = None,
    options: Mapping[str, Any] | None = None,
    writer: TraceWriter | None = None,
    listen: Listen = ignore,
    max_steps: int = 100,
    summarise: Summarise | None = None,
    live: bool = False,
    start: Start | None = None,
) -> Trace:
    """Play one episode and record it.

    Args:
        env: The world; `reset` gets the episode's seed, instance, seat and opponent.
        planner: Decides.
        episode: What is fixed beforehand; the world's goals are filled in.
        model: Given to the planner, metered by `budget`.
        budget: Limits of this episode; none by default.
        options: Further options for `reset`; what the episode fixes goes before them.
        writer: Where lines are written as they happen; not closed.
        listen: Called with every event as it happens.
        max_steps: Decisions after which the episode is cut off, refused actions included.
        summarise: Writes the state where the world writes none and there is a model.
        live: Whether replies are told piece by piece, as events of the kind `text`.
        start: Where it goes on, instead of at its beginning; `budget` and `max_steps` then hold for
            what is added.

    Returns:
        The trace, with an outcome whatever happened.

    Raises:
        UserError: If the caller has to change something, such as an option of the world.
    """
    run = Run(
        env, planner, episode, model, budget, writer, listen, summarise, live=live, start=start
    )
    return await run.play(options or {}, max_steps)


class Run:
    """One episode under way; `run_episode` is the way in.

    `failure` holds the error that ended the episode, if one did.
    """

    def __init__(
        self,
        env: Environment,
        planner: Planner,
        episode: Episode,
        model: Model | None = None,
        budget: Budget | None = None,
        writer: TraceWriter | None = None,
        listen: Listen = ignore,
        summarise: Summarise | None = None,
        *,
        live: bool = False,
        start: Start | None = None,
    ) -> None:
        self.episode = episode
        self.failure: RunError | None = None
        self.steps: list[Step] = list(start.steps) if start else []
        self._env = env
        self._planner = planner
        self._budget = budget or Budget()
        self._clock = Clock(self._budget.seconds)
        self._model = Meter(model, self._budget, self._clock) if model else None
        self._writer = writer
        self._listen = listen
        self._live = live
        self._summarise = summarise or Summariser()
        self._kept = len(self.steps)
        self._bring_back = start.bring_back if start else None
        self._decide = start.first if start and start.first else planner.decide
        self._rng = random.Random(_key(episode) + (f" resumed at {self._kept}" if start else ""))
        self._reward = 0.0
        for step in self.steps:
            self._reward += step.reward
        self._state = self.steps[-1].state if self.steps else ""
        self._pending = start.pending if start else ""

    async def play(self, options: Mapping[str, Any], max_steps: int = 100) -> Trace:
        """Play to the end, whatever the end is."""
        outcome: Outcome | None = None
        try:
            observation = await self._reset(options)
            while outcome is None:
                self._pending = observation.text
                if len(self.steps) - self._kept >= max_steps:
                    outcome = self._settle("truncated")
                    break
                self._check_budget()
                observation, outcome = await self._step(observation)
        except BudgetExhausted as error:
            outcome = self._settle(f"budget: {error}")
        except RunError as error:
            self.failure = error
            outcome = self._settle(f"error: {one_line(error)}")
        if self._writer:
            self._writer.end(self.episode.id, outcome)
        self._listen(Event("end", outcome.reason))
        return Trace(self.episode, tuple(self.steps), outcome)

    async def _reset(self, options: Mapping[str, Any]) -> Observation:
        fixed: dict[str, Any] = {"instance": self.episode.instance, "seat": self.episode.seat}
        if self.episode.opponent:
            fixed["opponent"] = self.episode.opponent
        try:
            with self._world():
                text, info = await self._within(
                    self._env.reset(seed=self.episode.seed, options={**options, **fixed})
                )
                if self._bring_back:
                    text, info = await self._within(self._bring_back(text, info))
                observation = observe(text, info)
        except RunError:
            self._begin()
            raise
        self.episode = replace(self.episode, goals=self.episode.goals or observation.goals)
        self._begin()
        return observation

    def _begin(self) -> None:
        if self._writer:
            self._writer.begin(self.episode)
            for step in self.steps:
                self._writer.step(self.episode.id, step)

    def _check_budget(self) -> None:
        limit = self._budget.steps
        if limit is not None and len(self.steps) - self._kept >= limit:
            raise BudgetExhausted(f"all {limit} steps are used")
        self._clock.check()

    async def _step(self, observation: Observation) -> tuple[Observation, Outcome | None]:
        """One decision and its result."""
        self._listen(Event("observation", observation.text))
        state = await self._describe(observation)
        self._listen(Event("state", state))
        turn = Turn(
            observation,
            state,
            self._model,
            self._rng,
            history=self.steps,
            emit=self._listen,
            live=self._live,
        )
        with guarded(f"planner {self._planner.name}", RunError):
            decision = await self._decide(turn)
        self._decide = self._planner.decide
        if decision.attempts and isinstance(self._env, Grades):
            decision = self._graded(decision, self._env)
        if self._model:
            decision = replace(decision, usage={**decision.usage, **self._model.take()})
        self._listen(Event("action", decision.action))
        try:
            with self._world():
                text, reward, terminated, truncated, info = await self._within(
                    self._env.step(decision.action)
                )
                seen, gained = observe(text, info), float(reward)
        except RunError:
            self._record(observation, state, decision, 0.0, {})
            raise
        self._record(observation, state, decision, gained, info)
        if not (terminated or truncated):
            return seen, None
        return seen, self._outcome(info, "terminated" if terminated else "truncated")

    def _graded(self, decision: Decision, env: Grades) -> Decision:
        """The decision, its attempts graded for the record."""
        with self._world():
            graded = tuple(
                replace(attempt, correct=env.grade(attempt.action)) for attempt in decision.attempts
            )
        return replace(decision, attempts=graded)

    async def _describe(self, observation: Observation) -> str:
        """The state: the world's, else the model's summary, else what is seen."""
        if observation.state:
            return observation.state
        if self._model is None:
            return observation.text
        happened = observation.text
        if self.steps:
            happened = f"I did: {self.steps[-1].decision.action}\nThen: {happened}"
        self._state = await self._summarise(self._model, self._state, happened)
        return self._state

    def _record(
        self,
        observation: Observation,
        state: str,
        decision: Decision,
        reward: float,
        info: Mapping[str, Any],
    ) -> None:
        step = Step(
            len(self.steps),
            observation.text,
            state,
            decision,
            reward,
            bool(info.get("invalid")),
            info.get("facts", {}),
        )
        self.steps.append(step)
        self._reward += reward
        self._pending = ""
        if self._writer:
            self._writer.step(self.episode.id, step)

    def _outcome(self, info: Mapping[str, Any], reason: str) -> Outcome:
        stated = info.get("outcome")
        if not isinstance(stated, Outcome):
            return Outcome(self._reward, success=False, reason=reason)
        return replace(stated, reason=reason) if stated.reason == "terminated" else stated

    def _settle(self, reason: str) -> Outcome:
        """The outcome of an episode that stops before its end."""
        outcome = Outcome(self._reward, success=False, reason=reason, pending=self._pending)
        if not isinstance(self._env, Settles):
            return outcome
        try:
            with self._world():
                return replace(self._env.settle(outcome), pending=self._pending)
        except RunError as error:
            return replace(outcome, reason=f"error: {one_line(error)}")

    async def _within(self, what: MaybeAwaitable[T]) -> T:
        """What the world returns, awaited within the seconds left where it has to be."""
        if not inspect.isawaitable(what):
            return what
        try:
            async with asyncio.timeout(self._clock.left) as deadline:
                return await what
        except TimeoutError:
            if deadline.expired():
                self._clock.check("the environment")
            raise

    def _world(self) -> AbstractContextManager[None]:
        return guarded(f"environment {self._env.id}", EnvironmentFailed)


def _key(episode: Episode) -> str:
    """What the episode's own generator is seeded with."""
    return f"{episode.env} {episode.seed} {episode.instance} {episode.seat} {episode.opponent}"
