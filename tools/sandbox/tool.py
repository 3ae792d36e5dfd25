"""The tool that lets an agent write Python. It only ever runs in a sandbox.

There is no way to run a program unprotected: without a sandbox the tool cannot be made.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

from forethought.agent.errors import ConfigError, MissingExtra, ToolError, UnknownName
from forethought.agent.protocols import RunContext, Tool
from forethought.tools.sandbox.bridge import ToolFunctions, mark_outside, signature
from forethought.tools.sandbox.limits import CODE_MOST, Limits, Runner

TOOLS_ABOUT = (
    " Your other tools are functions in it, with the same arguments: call them by name, without "
    "await. What they answer in JSON comes as a value, anything else as text."
)
_active: ContextVar[tuple[Runner, ...]] = ContextVar("forethought_sandboxes", default=())
"""Where the programs run that called the tool that asks, the outermost first."""
RunnerName = Literal["auto", "monty", "cpython"]
NO_SANDBOX = (
    "pip install 'forethought[python]' for the sandboxed interpreter, or on Linux "
    "apt-get install bubblewrap for CPython"
)


class PythonTool:
    """Runs the Python that a model writes.

    Args:
        runner: The sandbox.
        tools: What programs may call; `None` for all the other tools of the agent.
        name: What the model calls it.

    Raises:
        ConfigError: If the name is no identifier, or tools are given that the runner cannot call.
    """

    def __init__(
        self, runner: Runner, *, tools: Sequence[Tool] | None = None, name: str = "python"
    ) -> None:
        if not name.isidentifier():
            raise ConfigError(f"tool {name!r}: the name must be a Python identifier")
        if tools and not runner.calls_tools:
            raise ConfigError("programs in this sandbox cannot call tools; leave out tools=")
        self.name = name
        self.runner = runner
        self.description = f"Run a Python program. {runner.about}"
        if runner.calls_tools and (tools is None or tools):
            self.description += TOOLS_ABOUT if tools is None else _about(tools)
        self._tools = tools
        self._read: dict[str, list[str]] = {}
        """Texts from outside that the variables of an episode may hold."""
        self.schema: Mapping[str, Any] = {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "The program."}},
            "required": ["code"],
            "additionalProperties": False,
        }

    def __repr__(self) -> str:
        return f"PythonTool({self.name}, {type(self.runner).__name__})"

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Run a program outside of any run: nothing is kept for a later one.

        Raises:
            ToolError: As `call_in`.
        """
        return await self.call_in(RunContext(None), arguments)

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        """Run a program with what earlier ones of the same run have left.

        Raises:
            ToolError: If the arguments are wrong, or the program fails or passes a limit.
        """
        code = arguments.get("code")
        if set(arguments) != {"code"} or not isinstance(code, str):
            raise ToolError("the only argument is code, a text: the program")
        if not code.strip():
            raise ToolError("the program is empty")
        if len(code) > CODE_MOST or "\0" in code:
            raise ToolError(f"a program has at most {CODE_MOST} characters and no NUL")
        functions = ToolFunctions(self._callable(context), context, self.runner.limits.calls)
        code = code.encode("utf-8", "replace").decode()  # half a character pair goes nowhere
        if self.runner in _active.get():
            raise ToolError("a program cannot call the tool that runs it")
        self._begin(context)
        token = _active.set((*_active.get(), self.runner))
        try:
            return await self.runner.run(code, context.episode, functions)
        finally:
            _active.reset(token)
            if functions.read and context.episode in self._read:
                self._read[context.episode] += functions.read

    def end(self, episode: str) -> None:
        """Drop the variables of a run that is over; done by itself where the run says so."""
        self._read.pop(episode, None)
        self.runner.end(episode)

    def _callable(self, context: RunContext[Any]) -> Sequence[Tool]:
        """What a program may call."""
        if not self.runner.calls_tools:
            return ()
        if self._tools is not None:
            return self._tools
        return [each for each in context.tools if each.name != self.name]

    def _begin(self, context: RunContext[Any]) -> None:
        """Note the run, and pass on that its variables may hold text from outside."""
        if not context.episode:
            return
        if context.episode not in self._read:
            self._read[context.episode] = []
            context.endings.append(partial(self.end, context.episode))
        mark_outside(context, self._read[context.episode])

    async def close(self) -> None:
        """End the sandbox; a later call starts it again."""
        await self.runner.close()


def _about(tools: Sequence[Tool]) -> str:
    """What the model is told of tools that were given."""
    calls = ", ".join(signature(each) for each in tools)
    return (
        f" These functions are there: {calls}; call them without await. What they answer in JSON "
        "comes as a value, anything else as text."
    )


def python(
    runner: RunnerName = "auto",
    *,
    limits: Limits | None = None,
    tools: Sequence[Tool] | None = None,
    name: str = "python",
) -> PythonTool:
    """A tool that runs Python in a sandbox.

    Args:
        runner: `monty` for the sandboxed interpreter, which keeps its variables between the calls
            of a run; `cpython` for real CPython with its installed packages in a bubblewrap
            sandbox, each call a fresh process; `auto` for the first one that is there.
        limits: What one call may use up.
        tools: What programs may call; by default all the other tools of the agent.
        name: What the model calls it.

    Raises:
        MissingExtra: If the sandbox is not installed; it says what to install.
        ConfigError: If the sandbox is installed and does not work here.
        UnknownName: If there is no such runner.
    """
    return PythonTool(_runner(runner, limits or Limits()), tools=tools, name=name)


def _runner(name: str, limits: Limits) -> Runner:
    # optional back ends: each is imported where it is asked for
    if name not in ("auto", "monty", "cpython"):
        raise UnknownName("runner", name, ("auto", "monty", "cpython"))
    if name == "monty" or (name == "auto" and find_spec("pydantic_monty")):
        from forethought.tools.sandbox.monty import MontyRunner

        return MontyRunner(limits)
    if name == "cpython" or shutil.which("bwrap"):
        from forethought.tools.sandbox.bubblewrap import BubblewrapRunner

        return BubblewrapRunner(limits)
    raise MissingExtra("the python tool runs nothing without a sandbox; it", NO_SANDBOX)
