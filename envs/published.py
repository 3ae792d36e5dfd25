"""What others report of a world, or of the one it follows: figures, sources, and what differs.

They stand beside measured ones in a column of their own and are compared with nothing: none was
taken with the same instances, opponents and budgets. Shares and scores are given from 0 to 1, as
the worlds give them. Rows are data: a figure is added here when its source has been read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure."""

    method: str
    metric: Literal["reward", "success"]
    """Which of a world's two figures it can be read beside."""
    value: float
    """In the world's units; shares from 0 to 1."""
    source: str
    differs: str
    """What keeps it from being compared with a figure measured here, in words."""


_WEBSHOP = "WebShop, arXiv 2207.01206"
_REACT = "ReAct, arXiv 2210.03629, table 4"
_PNLC = "PNLC, arXiv 2505.18098, table on the authors' site"
_AVALON = "AvalonBench, arXiv 2310.05036, abstract"

_OTHER_GOALS = "instructions written by people, 1.18 million products; here synthetic goals, 1,000"
_HUNDRED = f"100 instructions, no interval; {_OTHER_GOALS}"
_MERLIN = (
    "the agent is Merlin in 100 games, team mates and opponents not stated; here it is Servant and "
    "Merlin in turn among rule-based players"
)
_PERSUADED = "dollars given by a simulated donor on GPT-3.5 in 100 talks; here another donor"


def _both(score: float, success: float) -> tuple[tuple[Literal["reward", "success"], float], ...]:
    return ("reward", score), ("success", success)


_TABLE: Mapping[str, tuple[Figure, ...]] = MappingProxyType(
    {
        "avalon-v0": (
            Figure(
                "rule-based players on the good side",
                "success",
                0.382,
                _AVALON,
                "the whole good side is the method's; here one seat, the others are rules",
            ),
            Figure(
                "GPT-3.5 on the good side",
                "success",
                0.222,
                _AVALON,
                "the model plays by talking too, others are rules; here talk is off by default",
            ),
            *(
                Figure(f"{method} (GPT-4)", "success", value, _PNLC, _MERLIN)
                for method, value in (
                    ("ReAct", 0.21),
                    ("Reflexion", 0.26),
                    ("LATS, n=30", 0.38),
                    ("Strategist, n=30", 0.42),
                    ("PNLC", 0.47),
                )
            ),
        ),
        "webshop-v0": (
            Figure("rules", "success", 0.096, f"{_WEBSHOP}, abstract", _OTHER_GOALS),
            *(
                Figure(method, metric, value, f"{_WEBSHOP}, as quoted in {_REACT}", _OTHER_GOALS)
                for method, score, success in (
                    ("imitation", 0.599, 0.291),
                    ("imitation, then RL", 0.624, 0.287),
                    ("people, experts", 0.821, 0.596),
                )
                for metric, value in _both(score, success)
            ),
            *(
                Figure("ReAct (PaLM-540B)", metric, value, _REACT, _OTHER_GOALS)
                for metric, value in _both(0.666, 0.400)
            ),
            *(
                Figure(method, metric, value, _PNLC, _HUNDRED)
                for method, score, success in (
                    ("ReAct (GPT-4)", 0.551, 0.27),
                    ("Reflexion (GPT-4)", 0.608, 0.29),
                    ("LATS, n=30 (GPT-4)", 0.749, 0.44),
                    ("Agent Q, n=30 (Mixtral-7B)", 0.771, 0.48),
                    ("PNLC (GPT-4)", 0.782, 0.48),
                )
                for metric, value in _both(score, success)
            ),
        ),
        "persuasion-v0": tuple(
            Figure(f"{method} (GPT-4)", "reward", value, _PNLC, _PERSUADED)
            for method, value in (
                ("ReAct", 0.54),
                ("Reflexion", 0.54),
                ("LATS, n=30", 0.78),
                ("PNLC", 0.87),
            )
        ),
    }
)
"""World id to figures, in the order in which they are shown."""


def published(world_id: str) -> tuple[Figure, ...]:
    """What is published of a world; empty where nothing is."""
    return _TABLE.get(world_id, ())
