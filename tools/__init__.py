"""What an agent can call; names resolve on first use."""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

if TYPE_CHECKING:
    from forethought.tools.sandbox.tool import python

__all__ = ["python"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "sandbox.tool": ("python",),
    },
)
