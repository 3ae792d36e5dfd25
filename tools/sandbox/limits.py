"""What a program may use up, and what a sandbox has to offer. Runs nothing.

A runner takes a program and gives back text: what was printed and, where it can tell, the value of
the last expression. A program that fails or passes a limit is a `ToolError`, for the model to read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from forethought.agent.errors import ConfigError

MEBIBYTE = 1 << 20
CODE_MOST = 200_000
"""Longest program, characters."""
FLOOD = MEBIBYTE
"""Printed bytes after which a program is ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use up.

    Raises:
        ConfigError: If a limit is not above 0.
    """

    seconds: float = 5.0
    """Wall-clock time of a call; time spent in the agent's own tools is not counted."""
    memory: int | None = None
    """Bytes; `None` for what suits the runner: 64 MiB for the interpreter, 1 GiB for CPython."""
    output: int = 8000
    """Characters of the result that are shown; the rest is cut off with a note."""
    calls: int = 100
    """Calls of the agent's other tools that one program may make."""
    processes: int = 16
    """Processes and threads at a time; CPython only."""
    disk: int = 64 * MEBIBYTE
    """Bytes in the scratch folder, which is kept in memory; CPython only."""

    def __post_init__(self) -> None:
        for name in ("seconds", "memory", "output", "calls", "processes", "disk"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"limits: {name} must be above 0 and finite, not {value}")


class Functions(Protocol):
    """The agent's other tools, as a program sees them."""

    names: tuple[str, ...]

    async def call(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """What the tool answers, as a plain value.

        Raises:
            ToolError: If the tool objects or breaks.
            TypeError: If the arguments do not fit its schema.
        """
        ...


class Runner(Protocol):
    """A sandbox."""

    about: str
    """What the model is told of the Python it writes for."""
    limits: Limits
    calls_tools: bool
    """Whether programs can call the agent's other tools."""

    async def run(self, code: str, episode: str, functions: Functions) -> str:
        """Run a program and give what came of it.

        Args:
            code: The program.
            episode: Whose state it finds; empty for none.
            functions: What it may call.

        Raises:
            ToolError: If the program fails or passes a limit.
        """
        ...

    def end(self, episode: str) -> None:
        """Drop what is kept for an episode; waits for nothing."""
        ...

    async def close(self) -> None:
        """Drop everything; a later call begins anew."""
        ...
