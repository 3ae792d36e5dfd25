"""What the PNLC paper reports, as far as it is known to us.

The table of methods is on the authors' page. The ablations come from one summary of the paper by
others; we have not seen the paper's own table, and its means come without intervals. 100 runs each.
"""

from collections.abc import Mapping
from types import MappingProxyType

from forethought.valuefn.reproduce.claims import Claim

TASKS = ("WebShop score", "Avalon win rate", "Persuasion $")
PAPER: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "full": (78.2, 47.0, 0.87),
        "scalar": (55.4, 25.0, 0.53),
        "no refinement": (55.6, 28.0, 0.61),
        "asked": (59.1, 22.0, 0.62),
        "react": (55.1, 21.0, 0.54),
    }
)
"""Arm to its figures by task: score of 100, per cent, dollars."""
SOURCE = (
    "paper: the authors' page for full and react; the ablations from a summary by others, graded "
    "secondary; 100 runs each, no intervals"
)


def _over(arm: str) -> dict[str, float]:
    pairs = zip(TASKS, PAPER["full"], PAPER[arm], strict=True)
    return {task: round(full - other, 2) for task, full, other in pairs}


CLAIMS = (
    Claim("full > scalar", "full", "scalar", _over("scalar")),
    Claim("full > no refinement", "full", "no refinement", _over("no refinement")),
    Claim("full > asked", "full", "asked", _over("asked")),
    Claim("full > react", "full", "react", _over("react")),
    Claim("full > permuted", "full", "full, permuted", None),
    Claim("rank > rank, scalar", "rank", "rank, scalar", None),
)
"""The paper's claims, then two of ours: that the head knows something, and that goals pay where all
candidates and all goals are weighed."""
