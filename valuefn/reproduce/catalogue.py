"""What can be reproduced, by name. A reproduction's module is imported when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.agent.errors import UnknownName


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue."""

    name: str
    paper: str
    """Title and arXiv number."""
    shows: str
    """What is held beside the paper, in words."""


CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {
        "decision-sampling": Entry(
            "decision-sampling",
            "Two-Stage Decision-Sampling Hypothesis (arXiv 2601.01580)",
            "its table on small models: RL against imitation at matched samples, whose part the "
            "gain is, and how gradients fall on sampling and deciding",
        ),
        "decision-sampling-toy": Entry(
            "decision-sampling-toy",
            "Two-Stage Decision-Sampling Hypothesis (arXiv 2601.01580)",
            "its simulation with three scalars: how the gradients of the reward and of the KL "
            "penalty fall on sampling and on deciding",
        ),
        "icrl": Entry(
            "icrl",
            "In-Context Reinforcement Learning for Tool Use (arXiv 2603.08068)",
            "curricula of demonstrations against none, on small models that call a tool hardly "
            "ever, or by a wrong name, without them",
        ),
        "pnlc": Entry(
            "pnlc",
            "Planning without Search: Refining Frontier LLMs with Offline Goal-Conditioned RL "
            "(arXiv 2505.18098)",
            "its ablations on bargaining-v0: goals against one number, refinement against "
            "choosing, the head against the model's own guesses",
        ),
        "tocorl": Entry(
            "tocorl",
            "Revealing Behavioral Plasticity in LLMs (ToCoRL, arXiv 2603.08398)",
            "which loss on a forced prefix makes its mode the free policy's own: facts answered at "
            "once, sums still by steps",
        ),
    }
)


def entry(name: str) -> Entry:
    """Look a reproduction up.

    Raises:
        UnknownName: If there is none of that name.
    """
    if name not in CATALOGUE:
        raise UnknownName("reproduction", name, CATALOGUE)
    return CATALOGUE[name]
