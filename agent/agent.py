"""`Agent`: a model, tools and maybe a critic, ready to answer questions.

The way in for applications. All it does is build a `ToolTask` and run the one loop on it; the
asynchronous `run` is the real one, `run_sync` the single synchronous door. Holds no state between
questions, so that one agent serves any number of runs at once.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

from pydantic import TypeAdapter
from typing_extensions import TypeVar

from forethought.agent.actions import MANUAL
from forethought.agent.arms import HEAD, Arm, build_planner
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, DataError
from forethought.agent.journal import shared_writer
from forethought.agent.loop import Listen, Run, Start, ignore
from forethought.agent.models.names import load_model
from forethought.agent.output import Output
from forethought.agent.planners.react import React
from forethought.agent.planners.refine import Refine
from forethought.agent.protocols import (
    CallsTools,
    Model,
    Planner,
    RunContext,
    Tool,
    ValueFunction,
)
from forethought.agent.redact import Redactor, named_secrets
from forethought.agent.replay import resumption
from forethought.agent.result import Result, result_of
from forethought.agent.stream import Stream
from forethought.agent.summary import Summarise
from forethought.agent.task import ToolTask
from forethought.agent.telling import Telling
from forethought.agent.toolbox import Toolbox, tools_by_name
from forethought.agent.types import Episode, Event, Message, Trace

if TYPE_CHECKING:
    from forethought.agent.telemetry import Telemetry

T = TypeVar("T", default=str)
_MESSAGES = TypeAdapter(tuple[Message, ...])


class Agent(Generic[T]):
    """Answers questions with tools, one thought at a time.

    Args:
        model: A model, or its name: `openai:NAME`, `gguf:FILE`, `builtin`, ...
        output_type: What an answer has to be: any type with a JSON schema, or a `TypeAdapter`; text
            by default.
        tools: What it may call; make them with `@tool`.
        critic: Says how likely futures are; with one, the agent plans with `refine`.
        planner: How it decides: a planner, or a name such as `rank`; chosen by `critic` if `None`.
            Prompts are arguments of the planner.
        budget: Limits of each run.
        instructions: Standing text for the model.
        manual: Template of the text that tells a model how to act, with `{tools}` and `{forms}`.
        summarise: Writes the state before each decision; the task's own list of calls and results
            if `None`. `Summariser()` asks the model.
        traces: File to which every run is written as it happens; agents of one process may share
            it.
        secrets: Texts that are taken out of traces, of what watchers of a run are told, and of
            telemetry; keys of known forms and those of the environment are anyway.
        telemetry: Makes spans of runs, model calls and tool calls: a `Telemetry`.
        max_steps: Decisions after which a run is cut off.

    Raises:
        ConfigError: If something given as a tool is none, the planner needs a critic, or the type
            has no schema.
        UnknownName: If there is no such model or planner.
    """

    def __init__(
        self,
        model: Model | str,
        *,
        output_type: type[T] | TypeAdapter[T] | None = None,
        tools: Sequence[Tool] = (),
        critic: ValueFunction | None = None,
        planner: Planner | str | None = None,
        budget: Budget | None = None,
        instructions: str = "",
        manual: str = MANUAL,
        summarise: Summarise | None = None,
        traces: str | os.PathLike[str] | None = None,
        secrets: Iterable[str] = (),
        telemetry: "Telemetry | None" = None,
        max_steps: int = 25,
    ) -> None:
        self._output: Output[T] = Output(output_type)
        self._telemetry = telemetry
        self._secrets = named_secrets(secrets)
        if telemetry is not None:
            telemetry.hide(self._secrets)
            tools = [telemetry.tool(each) for each in tools_by_name(tools).values()]
        self._box = Toolbox(tools, output=self._output, manual=manual)
        self.model = load_model(model) if isinstance(model, str) else model
        self.planner = _choose(planner, critic)
        self._budget = budget
        self._instructions = instructions
        self._summarise = summarise
        self._traces = traces
        self._max_steps = max_steps

    async def run(
        self,
        question: str,
        *,
        history: Sequence[Message] = (),
        deps: Any = None,
        budget: Budget | None = None,
    ) -> Result[T]:
        """Answer a question.

        Args:
            question: What is asked.
            history: An earlier conversation: `Result.messages` of the last answer.
            deps: What tools get as `RunContext.deps`.
            budget: Limits of this run, in place of the agent's.

        Raises:
            ModelError: If the model failed for good.
            RunError: If the run failed otherwise. A limit reached is no error: see
                `Result.complete`.
        """
        return await self._run(question, history, deps, budget, ignore)

    def run_sync(
        self,
        question: str,
        *,
        history: Sequence[Message] = (),
        deps: Any = None,
        budget: Budget | None = None,
    ) -> Result[T]:
        """Answer a question from code that is not asynchronous; arguments as for `run`.

        Raises:
            ConfigError: If called inside a running event loop.
            RunError: As `run`.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run(question, history=history, deps=deps, budget=budget))
        raise ConfigError("run_sync inside a running event loop: use await agent.run(...)")

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Message] = (),
        deps: Any = None,
        budget: Budget | None = None,
    ) -> Stream[T]:
        """Answer a question and tell what happens on the way; arguments as for `run`.

        Nothing runs before it is read: `async for event in stream`, or `stream.text()`.
        """
        plain = isinstance(self.model, CallsTools) and self.model.calls_tools
        begin = partial(self._run, question, history, deps, budget, live=True)
        return Stream(begin, plain=plain and bool(self._box.info["tools"]))

    async def resume(
        self, trace: Trace, *, deps: Any = None, budget: Budget | None = None
    ) -> Result[T]:
        """Go on with a run that a limit or a crash ended; no tool is called again.

        Args:
            trace: Its record: `Result.trace`, or read from a traces file (`TraceFile.open` holds
                those that never ended).
            deps: What tools get as `RunContext.deps`.
            budget: Limits of what is added, in place of the agent's.

        Raises:
            DataError: If the run gave its answer, or the record is not one of an agent.
            RunError: As `run`.
        """
        question = trace.episode.facts.get("question")
        if trace.episode.env != ToolTask.id or not isinstance(question, str):
            raise DataError(f"episode {trace.episode.id} is not the record of an agent's run")
        history = _MESSAGES.validate_json(str(trace.episode.facts.get("history", "[]")))
        task = self._task(question, history, deps, trace.episode, ignore)
        episode, start = resumption(trace, task)
        return await self._play(task, episode, question, history, budget, ignore, start=start)

    async def _run(
        self,
        question: str,
        history: Sequence[Message],
        deps: Any,
        budget: Budget | None,
        listen: Listen,
        *,
        live: bool = False,
    ) -> Result[T]:
        if live:
            listen = Telling(listen, Redactor(self._secrets)).hear
        episode = self._episode(question, history)
        task = self._task(question, history, deps, episode, listen)
        return await self._play(task, episode, question, history, budget, listen, live=live)

    async def _play(
        self,
        task: ToolTask,
        episode: Episode,
        question: str,
        history: Sequence[Message],
        budget: Budget | None,
        listen: Listen,
        *,
        live: bool = False,
        start: Start | None = None,
    ) -> Result[T]:
        """One run, recorded and watched where that was asked for."""
        with ExitStack() as stack:
            stack.callback(task.close)
            model, writer = self.model, None
            if self._traces:
                writer = stack.enter_context(shared_writer(self._traces, self._secrets))
            if self._telemetry:
                watched = self._telemetry.episode(episode, model=model, listen=listen)
                seen = stack.enter_context(watched)
                model, listen = seen.model or model, seen.listen
            run = Run(
                task,
                self.planner,
                episode,
                model,
                budget or self._budget,
                writer,
                listen,
                self._summarise,
                live=live,
                start=start,
            )
            trace = await run.play({}, self._max_steps)
        if run.failure:
            raise run.failure
        return result_of(trace, question, history, self._output)

    def _episode(self, question: str, history: Sequence[Message]) -> Episode:
        """What is fixed before the run; enough of it to go on from the record alone."""
        digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
        facts = {"question": question}
        if history:
            facts["history"] = _MESSAGES.dump_json(tuple(history)).decode()
        return Episode(
            f"{digest}-{os.urandom(6).hex()}",
            ToolTask.id,
            arm=self.planner.name,
            model=self.model.name,
            facts=facts,
        )

    def _task(
        self,
        question: str,
        history: Sequence[Message],
        deps: Any,
        episode: Episode,
        listen: Listen,
    ) -> ToolTask:
        return ToolTask(
            question,
            self._box,
            instructions=self._instructions,
            history=history,
            context=RunContext(deps, episode.id, tell=lambda text: listen(Event("tool", text))),
            state=self._summarise is None,
        )


def _choose(planner: Planner | str | None, critic: ValueFunction | None) -> Planner:
    if planner is None:
        return Refine(critic) if critic else React()
    if not isinstance(planner, str):
        return planner
    return build_planner(Arm.parse(planner), critics={HEAD: critic} if critic else {})
