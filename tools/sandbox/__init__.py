"""Python that a model writes, run where it can do no harm; names resolve on first use."""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

if TYPE_CHECKING:
    from forethought.tools.sandbox.bubblewrap import BubblewrapRunner
    from forethought.tools.sandbox.limits import Limits, Runner
    from forethought.tools.sandbox.monty import MontyRunner
    from forethought.tools.sandbox.tool import PythonTool, python

__all__ = ["BubblewrapRunner", "Limits", "MontyRunner", "PythonTool", "Runner", "python"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "bubblewrap": ("BubblewrapRunner",),
        "limits": ("Limits", "Runner"),
        "monty": ("MontyRunner",),
        "tool": ("PythonTool", "python"),
    },
)
