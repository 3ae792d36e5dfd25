"""`Agent`: a model, tools and maybe a critic, ready to answer questions.

The way in for applications. All it does is build a `ToolTask` and run the one loop on it; the
asynchronous `run` is the real one, `run_sync` the single synchronous door. Holds no state between
questions but the number of the next one.
"""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from forethought.agent.arms import HEAD, Arm, build_planner
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.loop import Listen, Run, ignore
from forethought.agent.models.names import load_model
from forethought.agent.planners.react import React
from forethought.agent.planners.refine import Refine
from forethought.agent.protocols import Model, Planner, Tool, ValueFunction
from forethought.agent.task import ToolTask, tools_by_name
from forethought.agent.types import Episode, Event, Trace, Usage


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a question."""

    output: str
    """The answer; the best so far where a limit ended the run, which `complete` tells."""
    trace: Trace

    @property
    def usage(self) -> Usage:
        """Cost of all model calls together."""
        return self.trace.usage

    @property
    def complete(self) -> bool:
        """False when a limit ended the run before the agent gave its answer."""
        return self.trace.outcome is not None and self.trace.outcome.reason == "terminated"


class Agent:
    """Answers questions with tools, one thought at a time.

    Args:
        model: A model, or its name: `openai:NAME`, `gguf:FILE`, `builtin`, ...
        tools: What it may call; make them with `@tool`.
        critic: Says how likely futures are; with one, the agent plans with `refine`.
        planner: How it decides: a planner, or a name such as `rank`; chosen by `critic` if `None`.
        budget: Limits of each run.
        instructions: Standing text for the model.
        max_steps: Decisions after which a run is cut off.

    Raises:
        ConfigError: If something given as a tool is none, or the planner needs a critic.
        UnknownName: If there is no such model or planner.
    """

    def __init__(
        self,
        model: Model | str,
        *,
        tools: Sequence[Tool] = (),
        critic: ValueFunction | None = None,
        planner: Planner | str | None = None,
        budget: Budget | None = None,
        instructions: str = "",
        max_steps: int = 25,
    ) -> None:
        tools_by_name(tools)
        self.model = load_model(model) if isinstance(model, str) else model
        self.planner = _choose(planner, critic)
        self._tools = tuple(tools)
        self._budget = budget
        self._instructions = instructions
        self._max_steps = max_steps
        self._numbers = itertools.count(1)

    async def run(self, question: str) -> Result:
        """Answer a question.

        Raises:
            ModelError: If the model failed for good.
            RunError: If the run failed otherwise. A limit reached is no error: see
                `Result.complete`.
        """
        return await self._run(question, ignore)

    def run_sync(self, question: str) -> Result:
        """Answer a question from code that is not asynchronous.

        Raises:
            ConfigError: If called inside a running event loop.
            RunError: As `run`.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run(question))
        raise ConfigError("run_sync inside a running event loop: use await agent.run(...)")

    def stream(self, question: str) -> "Stream":
        """Answer a question and tell what happens on the way: `async for event in stream`."""
        return Stream(self, question)

    async def _run(self, question: str, listen: Listen) -> Result:
        task = ToolTask(question, self._tools, instructions=self._instructions)
        digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
        episode = Episode(
            f"{digest}-{next(self._numbers)}",
            task.id,
            arm=self.planner.name,
            model=self.model.name,
        )
        run = Run(task, self.planner, episode, self.model, self._budget, listen=listen)
        trace = await run.play({}, self._max_steps)
        if run.failure:
            raise run.failure
        facts = trace.outcome.facts if trace.outcome else {}
        return Result(str(facts.get("answer", "")), trace)


class Stream:
    """A run under way: iterate for its events, then look at `result`.

    Leaving the iteration early ends the run.
    """

    def __init__(self, agent: Agent, question: str) -> None:
        self.result: Result | None = None
        """Set when the run has ended."""
        self._agent = agent
        self._question = question

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The events as they happen.

        Raises:
            RunError: As `Agent.run`.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        task = asyncio.create_task(self._agent._run(self._question, events.put_nowait))
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            self.result = await task
        finally:
            task.cancel()


def _choose(planner: Planner | str | None, critic: ValueFunction | None) -> Planner:
    if planner is None:
        return Refine(critic) if critic else React()
    if not isinstance(planner, str):
        return planner
    return build_planner(Arm.parse(planner), critics={HEAD: critic} if critic else {})
