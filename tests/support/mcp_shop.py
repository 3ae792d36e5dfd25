"""Tools for a server of ours to serve; they print where they should not."""

import os
import subprocess
import time

from forethought import ToolError, tool
from forethought.agent.protocols import RunContext

os.write(1, b"a library says hello\n")


@tool
def stock(context: RunContext[None], item: str) -> int:
    """Units left in the warehouse.

    Args:
        item: Catalogue name.
    """
    os.write(1, b"looking\n")
    subprocess.run(["echo", "looking harder"], check=True)
    if item == "unicorn":
        raise ToolError("no such item")
    return {"gravel bike": 3}[item]


@tool
def rest(seconds: float) -> str:
    """Wait.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)
    return "rested"


both = [stock, rest]
nothing = "a text"
