"""What is known of the paper's simulation with three scalars (arXiv 2601.01580).

Read by eye from a figure that others republished; neither code nor theorem statements were found.
"""

from collections.abc import Mapping
from types import MappingProxyType

START = (0.2, 1.5, 1.0)
"""Parameters of sampling, stopping on right and resampling on wrong samples, about."""
END = (0.0, 3.95, 3.95)
"""After all steps, about."""
STEPS = 10_000
FIGURES: Mapping[str, float] = MappingProxyType(
    {
        "reward, sample": 0.0225,
        "reward, decision": 0.0255,
        "KL, sample": 0.207,
        "KL, decision": 0.017,
    }
)
"""Mean absolute gradients over the steps."""
RATIOS: Mapping[str, float] = MappingProxyType(
    {
        "reward: sample / decision": FIGURES["reward, sample"] / FIGURES["reward, decision"],
        "KL: sample / decision": FIGURES["KL, sample"] / FIGURES["KL, decision"],
    }
)
WITHIN = 0.25
"""How far ours may lie from a ratio, as a share of it."""
SOURCE = (
    "paper: read by eye from its figure; refresh of the reference, lengths, rate, discount, limit "
    "of turns and direction of the divergence are not known, and ours were fitted to these figures"
)
