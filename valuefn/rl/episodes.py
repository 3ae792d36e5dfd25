"""What a rollout plays: the protocol, a question, and a question with tools called by tags.

The dialogue is plain text: the policy writes until a stop string, the episode answers with text of
its own, asks anew with a prompt of its own, or is over. Episodes know neither tokens nor models. A
tool's output is text of others: it enters as given tokens, and control tokens that stand in it are
read as plain text. What an agent plays, worlds and tools, is in `valuefn.rl.worlds`.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.protocols import Tool
from forethought.agent.types import Message
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.tokens import Span

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a turn's text and what it is."""

    start: int
    """First character."""
    stop: int
    """One past the last character."""
    span: Span


@dataclass(frozen=True, slots=True)
class Heard:
    """What an episode makes of a turn."""

    given: str | None = None
    """Text put before the policy's next turn, empty for none; `None` when the episode is over, or
    asks anew."""
    marks: tuple[Mark, ...] = ()
    """Parts of the turn that are no plain sample."""
    asked: tuple[Message, ...] = ()
    """The next turn's whole prompt, where it stands alone: the policy then sees nothing of what was
    said before. Empty where the dialogue goes on, or is over."""


class Episode(Protocol):
    """One conversation with the policy."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts that end a turn; they stay in it. Without any, only the end token does."""
        ...

    def begin(self) -> Sequence[Message]:
        """The prompt; asked for once."""
        ...

    def hear(self, text: str) -> Heard:
        """Take the policy's turn, a forced prefix and the stop string included."""
        ...

    @property
    def outcome(self) -> float | None:
        """What the world paid so far; `None` where there is no world."""
        ...


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A task solved, to be shown in the prompt."""

    question: str
    solution: str


Play = Callable[[Task, Sequence[Demonstration]], Episode]
"""Begins the episode of a task, with the demonstrations that its prompt shows."""

_EXAMPLE = (
    "==== Example {number} ====\nExample Problem: {question}\nExample Solution: {solution}\n\n"
)
_NOW = (
    "Now solve the following problem in the way you just learned from the examples. "
    "Do not take the problem from the examples.\nActual Problem: {question}"
)
_PLAIN = "Problem: {question}"
SYSTEM = (
    "Answer the problem. Reason inside <think> and </think> whenever you learn something new."
    "{tools} Give the final answer inside <answer> and </answer>, as in"
    " <answer> Beijing </answer>.\n\n"
)
RESULT = "\n\n<information>{result}</information>\n\n"
"""What comes back for a call."""
_CALL = " To use {name}, write <{name}> your request </{name}>; what it finds comes back."


def prompt_text(
    task: Task, demonstrations: Sequence[Demonstration] = (), *, system: str = ""
) -> str:
    """The user's message: standing text, demonstrations, then the problem."""
    if not demonstrations:
        return system + _PLAIN.format(question=task.question)
    shown = "".join(
        _EXAMPLE.format(number=number, question=one.question, solution=one.solution)
        for number, one in enumerate(demonstrations, 1)
    )
    return system + shown + _NOW.format(question=task.question)


class Question:
    """One question, one reply.

    Args:
        task: What is asked.
        demonstrations: Shown before it.
        bare: Whether the prompt is the question alone, with no words around it.
    """

    stop = ()

    def __init__(
        self, task: Task, demonstrations: Sequence[Demonstration] = (), *, bare: bool = False
    ) -> None:
        plain = bare and not demonstrations
        self._prompt = task.question if plain else prompt_text(task, demonstrations)

    def begin(self) -> Sequence[Message]:
        """The question as the user's message."""
        return (Message("user", self._prompt),)

    def hear(self, text: str) -> Heard:
        """Any reply ends it."""
        return Heard()

    @property
    def outcome(self) -> float | None:
        """There is no world."""
        return None


TextTool = Callable[[str], str]
"""Takes what stands between the tags."""


class ToolQuestion:
    """A question with tools called by tags, as in ICRL: `<search>...</search>`.

    After `calls` calls the policy has one more turn, in which none is answered.

    Args:
        task: What is asked.
        tools: What can be called, by the tag's name.
        demonstrations: Shown before it.
        calls: Most calls answered.
        longest: Characters of a tool's output that are shown.
        system: Standing text; `{tools}` is replaced by how tools are called.
    """

    def __init__(
        self,
        task: Task,
        tools: Mapping[str, TextTool],
        demonstrations: Sequence[Demonstration] = (),
        *,
        calls: int = 6,
        longest: int = 2000,
        system: str = SYSTEM,
    ) -> None:
        self.stop = (*(f"</{name}>" for name in tools), "</answer>")
        self._tools = tools
        self._left = calls
        self._longest = longest
        how = "".join(_CALL.format(name=name) for name in tools)
        self._prompt = prompt_text(task, demonstrations, system=system.replace("{tools}", how))
        self.tool_format = {
            "tools": ", ".join(tools),
            "call": "<NAME>request</NAME>",
            "result": RESULT,
            "answer": "<answer>text</answer>",
        }
        """How calls, results and answers are written; travels with the tuned model."""

    def begin(self) -> Sequence[Message]:
        """Standing text, demonstrations and problem in one message of the user."""
        return (Message("user", self._prompt),)

    def hear(self, text: str) -> Heard:
        """Answer a call, or end."""
        name = next((name for name in self._tools if text.rstrip().endswith(f"</{name}>")), None)
        if name is None:
            if text.rstrip().endswith("</answer>") or self._left == 0:
                return Heard()
            self._left -= 1
            return Heard(
                f"\nMy previous action is invalid. To use a tool I write one of "
                f"{', '.join(f'<{one}>' for one in self._tools)}; to answer, <answer>. "
                "Let me try again.\n"
            )
        start = text.rfind(f"<{name}>")
        marks = (Mark(max(start, 0), len(text), Span.TOOL),)
        if self._left == 0:
            return Heard(None, marks)
        self._left -= 1
        return Heard(RESULT.replace("{result}", self._call(name, text, start)), marks)

    @property
    def outcome(self) -> float | None:
        """There is no world."""
        return None

    def _call(self, name: str, text: str, start: int) -> str:
        if start < 0:
            return f"Error: </{name}> without <{name}> before it."
        request = text[start + len(name) + 2 : text.rindex(f"</{name}>")].strip()
        try:
            return self._tools[name](request)[: self._longest]
        except ToolError as error:
            return f"Error: {error}"


def text_tool(tool: Tool) -> TextTool:
    """A tool with one text argument, called with what stands between its tags.

    Raises:
        ConfigError: If it needs more than one argument, or one that is no text.
    """
    properties: Mapping[str, Any] = tool.schema.get("properties", {})
    needed = list(tool.schema.get("required", ()))
    if len(needed) != 1 or properties.get(needed[0], {}).get("type") != "string":
        raise ConfigError(
            f"tool {tool.name!r} cannot be called by a tag: it needs exactly one argument, a text, "
            f"and has {', '.join(needed) or 'none'}"
        )

    def call(request: str) -> str:
        return now(tool.call({needed[0]: request}))

    return call


def now(value: T | Awaitable[T]) -> T:
    """A value that may have to be awaited; within a running event loop, in a thread beside it."""
    if not inspect.isawaitable(value):
        return value

    async def wait() -> T:
        return await value

    if not _in_a_loop():
        return asyncio.run(wait())
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, wait()).result()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
