"""The loop's own cost beside four other agent libraries: `taskset -c 1 python frameworks.py`.

One run of one program on one pinned core. Every library gets the same task: K steps of one model
call and one tool call each, then an answer, with a model that answers at once, as its own
documentation builds such a model. The overhead a step is the slope of the run time over K, so that
starting up cancels; each library's mock is part of its figure. Then 100 runs of 5 steps at once,
for the libraries that are asynchronous; their agents are built once. Time is processor time; the
rounds of the libraries take turns, and the median round counts, with the least and the greatest
beside it. Ours writes its traces.

Needs `pip install pydantic-ai-slim langchain langgraph smolagents openai-agents`; a library that is
not installed is left out, and the report says so.
"""

import argparse
import asyncio
import importlib.metadata
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from kernel_overhead import one_run  # lies beside this file

from forethought.agent.trace import TraceWriter

Run = Callable[[int], Coroutine[Any, Any, None]]
"""One run of K steps."""
ITEM = "bike"


class Script:
    """What the mock of one run has left to do; each run finds its own through the context."""

    current: ContextVar["Script"] = ContextVar("script")

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.calls = 0
        Script.current.set(self)

    @staticmethod
    def more() -> bool:
        """Count a model call; whether it calls the tool."""
        script = Script.current.get()
        script.calls += 1
        return script.calls <= script.steps

    def check(self) -> None:
        check(self.calls - 1, self.steps)


def look_up(item: str) -> str:
    """Looks an item up.

    Args:
        item: Its name.
    """
    return f"{item}: 7 in stock"


@dataclass(frozen=True, slots=True)
class Library:
    """One library under test."""

    package: str
    make: Callable[[], Run]
    concurrent: bool = True


def ours() -> Run:
    folder = tempfile.mkdtemp()
    writer = TraceWriter(Path(folder) / "traces.jsonl")
    numbers = count()

    async def run(steps: int) -> None:
        trace = await one_run(steps, next(numbers), writer)
        check(len(trace.steps) - 1, steps)

    return run


def check(taken: int, steps: int) -> None:
    if taken != steps:
        raise RuntimeError(f"the run took {taken} tool calls, not {steps}")


def pydantic_ai() -> Run:
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import UsageLimits

    def answer(messages: Any, info: Any) -> Any:
        if Script.more():
            return ModelResponse(parts=[ToolCallPart("look_up", {"item": ITEM})])
        return ModelResponse(parts=[TextPart("7")])

    agent = Agent(FunctionModel(answer), tools=[look_up])
    limits = UsageLimits(request_limit=None)

    async def run(steps: int) -> None:
        script = Script(steps)
        await agent.run("How many?", usage_limits=limits)
        script.check()

    return run


def langgraph() -> Run:
    from langchain.agents import create_agent
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Instant(BaseChatModel):  # type: ignore[misc]
        @property
        def _llm_type(self) -> str:
            return "instant"

        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            more = Script.more()
            call = {"name": "look_up", "args": {"item": ITEM}, "id": uuid4().hex}
            message = AIMessage("" if more else "7", tool_calls=[call] if more else [])
            return ChatResult(generations=[ChatGeneration(message=message)])

        async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            return self._generate(messages)

    agent: Any = create_agent(Instant(), [look_up])
    asked = {"messages": [{"role": "user", "content": "How many?"}]}

    async def run(steps: int) -> None:
        script = Script(steps)
        await agent.ainvoke(asked, config={"recursion_limit": 4 * steps + 10})
        script.check()

    return run


def smolagents() -> Run:
    import smolagents as lib
    from smolagents.models import ChatMessageToolCall, ChatMessageToolCallFunction

    tool = lib.tool(look_up)

    class Instant(lib.Model):  # type: ignore[misc]
        def __init__(self, steps: int) -> None:
            super().__init__(model_id="instant")
            self.left = steps

        def generate(self, messages: Any, **kwargs: Any) -> Any:
            self.left -= 1
            name = "look_up" if self.left >= 0 else "final_answer"
            arguments = {"item": ITEM} if self.left >= 0 else {"answer": "7"}
            call = ChatMessageToolCall(
                id=f"c{self.left}",
                type="function",
                function=ChatMessageToolCallFunction(name=name, arguments=arguments),
            )
            return lib.ChatMessage(role="assistant", content="", tool_calls=[call])

    async def run(steps: int) -> None:
        model = Instant(steps)
        agent = lib.ToolCallingAgent(
            tools=[tool], model=model, max_steps=steps + 2, verbosity_level=lib.LogLevel.OFF
        )
        agent.run("How many?")
        check(-model.left, 1)

    return run


def openai_agents() -> Run:
    from agents import Agent, Runner, function_tool, set_tracing_disabled
    from agents.items import ModelResponse
    from agents.models.interface import Model
    from agents.usage import Usage
    from openai.types.responses import (
        ResponseFunctionToolCall,
        ResponseOutputMessage,
        ResponseOutputText,
    )

    set_tracing_disabled(True)
    tool = function_tool(look_up)

    class Instant(Model):  # type: ignore[misc]
        async def get_response(self, *args: Any, **kwargs: Any) -> Any:
            if Script.more():
                item: Any = ResponseFunctionToolCall(
                    arguments=json.dumps({"item": ITEM}),
                    call_id=uuid4().hex,
                    name="look_up",
                    type="function_call",
                )
            else:
                text = ResponseOutputText(annotations=[], text="7", type="output_text", logprobs=[])
                item = ResponseOutputMessage(
                    id="m", content=[text], role="assistant", status="completed", type="message"
                )
            return ModelResponse(output=[item], usage=Usage(), response_id=None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    agent: Any = Agent(name="bench", model=Instant(), tools=[tool])

    async def run(steps: int) -> None:
        script = Script(steps)
        await Runner.run(agent, "How many?", max_turns=steps + 5)
        script.check()

    return run


LIBRARIES = {
    "forethought": Library("forethought", ours),
    "pydantic-ai": Library("pydantic-ai-slim", pydantic_ai),
    "langgraph": Library("langgraph", langgraph),
    "smolagents": Library("smolagents", smolagents, concurrent=False),
    "openai-agents": Library("openai-agents", openai_agents),
}
SLOPES = ((5, 25), (50, 100), (100, 200))


async def seconds_of(run: Run, steps: int) -> float:
    begun = time.process_time()
    await run(steps)
    return time.process_time() - begun


async def rate_of(run: Run, at_once: int) -> float:
    begun = time.process_time()
    await asyncio.gather(*(run(5) for _ in range(at_once)))
    return at_once / (time.process_time() - begun)


def spread(found: list[float], digits: int) -> dict[str, float]:
    return {
        "median": round(statistics.median(found), digits),
        "least": round(min(found), digits),
        "greatest": round(max(found), digits),
    }


def measure(runs: dict[str, Run], rounds: int) -> dict[str, dict[str, Any]]:
    """Slopes and rates of every library; their rounds take turns."""
    counts = sorted({steps for pair in SLOPES for steps in pair})
    slopes: dict[str, dict[str, list[float]]] = {name: {} for name in runs}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        asyncio.run(run(5))  # schemas and caches are built once
    for _ in range(rounds):
        for name, run in runs.items():
            repeats = {steps: max(3, 100 // steps) for steps in counts}
            times = {
                steps: statistics.median(
                    asyncio.run(seconds_of(run, steps)) for _ in range(repeats[steps])
                )
                for steps in counts
            }
            for a, b in SLOPES:
                slope = 1000 * (times[b] - times[a]) / (b - a)
                slopes[name].setdefault(f"{a}-{b}", []).append(slope)
            if LIBRARIES[name].concurrent:
                rates[name].append(asyncio.run(rate_of(run, 100)))
    return {
        name: {
            "version": importlib.metadata.version(LIBRARIES[name].package),
            "ms_per_step": {key: spread(found, 3) for key, found in slopes[name].items()},
            "runs_per_second": spread(rates[name], 0) if rates[name] else None,
        }
        for name in runs
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(LIBRARIES), default=list(LIBRARIES))
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
    runs: dict[str, Run] = {}
    missing = []
    for name in options.only:
        try:
            runs[name] = LIBRARIES[name].make()
        except ModuleNotFoundError as error:
            missing.append(f"{name}: {error}")
    report = {"libraries": measure(runs, options.rounds), "missing": missing}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
