"""Rollouts in which the agent itself plays: a world of `forethought.envs`, or a task with tools.

The agent's own loop and planner run to the letter; in the place of the model stands one that hands
each request to whoever writes the rollout. So a policy is trained on the messages that the agent
sends it when it is served, repairs and summaries included, and its replies are read as the agent
reads them. A planner such as `react` asks anew each time: every call is a turn that sees its own
prompt alone, and all turns of an episode share its outcome. Replies are written freely: where a
served model is held to a schema, the policy has to keep the form by itself.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, EnvironmentFailed
from forethought.agent.loop import Run
from forethought.agent.planners.react import React
from forethought.agent.protocols import Environment, MaybeAwaitable, Planner, Tool
from forethought.agent.task import ToolTask
from forethought.agent.toolbox import Toolbox
from forethought.agent.types import Episode, Message, Reply, Request, Trace
from forethought.envs.multihop.answers import exact_match
from forethought.valuefn.rl.episodes import Demonstration, Heard, Play, now
from forethought.valuefn.rl.rewards import Task

MAX_STEPS = 100
"""Decisions after which the loop cuts an episode off, as in `forethought play`."""


class WorldEpisode:
    """An episode of a world as the agent plays it; its reward part is `outcome`.

    Args:
        world: The environment.
        seed: Its episode.
        options: Passed to `reset`.
        planner: Asks the policy and reads its replies, one call after the other.
        max_steps: Decisions after which the episode is cut off.
    """

    stop: tuple[str, ...] = ()

    def __init__(
        self,
        world: Environment,
        *,
        seed: int = 0,
        options: Mapping[str, Any] = MappingProxyType({}),
        planner: Planner | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.planner = planner or React()
        """Whose prompts the policy sees."""
        self._world = world
        self._max_steps = max_steps
        self._policy = _Policy()
        self._trace: Trace | None = None
        self._playing: Coroutine[Any, Any, Trace] | None = None
        fixed = {key: options[key] for key in ("instance", "seat", "opponent") if key in options}
        self._run = Run(
            _Begun(world, seed, options),
            self.planner,
            Episode("rollout", world.id, seed, **fixed),
            self._policy,
        )

    def begin(self) -> Sequence[Message]:
        """What the planner asks first.

        Raises:
            EnvironmentFailed: If the episode ends before anything was asked.
            RunError: If the world or the planner broke.
            UserError: If the world needs something changed.
        """
        self._playing = _played(self._run, self._world, self._max_steps)
        asked = self._go_on(None)
        if not asked:
            raise EnvironmentFailed(f"{self._world.id} ended before the policy was asked anything")
        return asked

    def hear(self, text: str) -> Heard:
        """Have the planner read a reply, act on it, and ask what it asks next.

        Raises:
            RunError: As `begin`.
            UserError: As `begin`.
        """
        return Heard(asked=self._go_on(text))

    @property
    def outcome(self) -> float | None:
        """The world's reward; what was paid so far where the episode did not end."""
        if self._trace is not None and self._trace.outcome is not None:
            return self._trace.outcome.reward
        return sum(step.reward for step in self._run.steps)

    def _go_on(self, said: str | None) -> tuple[Message, ...]:
        """What is asked next; nothing when the episode is over."""
        if self._playing is None:
            raise ConfigError("call begin before hear")
        driven: Any = self._until_asked(self._playing, said)
        got: _Asked | Trace = now(driven)
        if isinstance(got, _Asked):
            return got.messages
        if self._run.failure is not None:
            raise self._run.failure
        self._trace = got
        return ()

    async def _until_asked(
        self, playing: Coroutine[Any, Any, Trace], said: str | None
    ) -> "_Asked | Trace":
        self._policy.asking = asyncio.current_task()
        return await _Until(playing, said)


def play_as_agent(tools: Sequence[Tool], *, instructions: str = "") -> Play:
    """Questions answered as an `Agent` with these tools answers them; `outcome` is 1 where right.

    Prompts, calls, results and answers are those of `Agent(model, tools=tools)` with a model that
    calls no tools in a server's own way, such as `local:`. Right is exact match as SQuAD has it.

    Args:
        tools: What may be called.
        instructions: Standing text, as of the agent.

    Raises:
        ConfigError: If something given as a tool is none.
    """
    box = Toolbox(tools)

    def play(task: Task, shown: Sequence[Demonstration]) -> WorldEpisode:
        if shown:
            raise ConfigError(
                "an agent's prompts show no demonstrations: use a recipe without stages, or tags"
            )

        def right(said: str) -> bool:
            return exact_match(said, task.answers)

        asked = ToolTask(task.question, box, instructions=instructions, check=right)
        return WorldEpisode(asked)

    return play


async def _played(run: Run, world: Environment, max_steps: int) -> Trace:
    """The whole episode; ends as well, by being closed, where the rollout ends before it."""
    try:
        return await run.play({}, max_steps)
    finally:
        if isinstance(world, ToolTask):  # tools may keep something for the run
            world.close()


class _Begun:
    """A world that begins as the task says: the loop would always name an instance."""

    def __init__(self, world: Environment, seed: int, options: Mapping[str, Any]) -> None:
        self.id = world.id
        self._world = world
        self._seed = seed
        self._options = options

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> MaybeAwaitable[tuple[str, dict[str, Any]]]:
        return self._world.reset(seed=self._seed, options=dict(self._options))

    def step(self, action: str) -> MaybeAwaitable[tuple[str, float, bool, bool, dict[str, Any]]]:
        return self._world.step(action)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that waits for its reply; what `await` gives is the text."""

    messages: tuple[Message, ...]

    def __await__(self) -> Generator["_Asked", str, str]:
        return (yield self)


class _Policy:
    """The model as the planner sees it: each request leaves the coroutine that plays."""

    name = "policy"
    price_known = True

    def __init__(self) -> None:
        self.asking: asyncio.Task[Any] | None = None
        """The task that plays."""

    async def complete(self, request: Request) -> Reply:
        """The policy's reply.

        Raises:
            ConfigError: If the planner asks several things at once, or forces a prefix.
        """
        if asyncio.current_task() is not self.asking:
            raise ConfigError(
                "this planner asks several things at once, which no rollout can: use react, or "
                "another one that asks one after the other"
            )
        if request.prefix:
            raise ConfigError(
                f"the planner forces the prefix {request.prefix!r}; in rollouts the recipe's "
                "prefixes are forced, and no others"
            )
        return Reply(await _Asked(request.messages))


class _Until:
    """Drives a coroutine until it asks or ends, and lets its loop see whatever else it awaits.

    Between two drives the coroutine rests outside any event loop, so that many may be under way.

    Args:
        playing: The coroutine, not begun or resting at a request.
        said: The reply to the request; `None` to begin.
    """

    def __init__(self, playing: Coroutine[Any, Any, Trace], said: str | None) -> None:
        self._playing = playing
        self._step: Callable[[], Any] = partial(playing.send, said)

    def __await__(self) -> Generator[Any, Any, _Asked | Trace]:
        while True:
            try:
                got = self._step()
            except StopIteration as ended:
                value: Trace = ended.value
                return value
            if isinstance(got, _Asked):
                return got
            try:
                sent = yield got
            except BaseException as error:  # whatever the loop throws is the coroutine's to hear
                self._step = partial(self._playing.throw, error)
            else:
                self._step = partial(self._playing.send, sent)
