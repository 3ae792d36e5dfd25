"""What an agent can call; names resolve on first use."""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

if TYPE_CHECKING:
    from forethought.tools.find.tool import search
    from forethought.tools.sandbox.tool import python

__all__ = ["python", "search"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "find.tool": ("search",),
        "sandbox.tool": ("python",),
    },
)
