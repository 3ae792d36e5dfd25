"""Random numbers by key: the same key and seed give the same number, in any order, on any machine.

For data that does not fit in memory: whether a group is held out, or how often an episode counts in
a bootstrap sample, is computed from its name whenever it is met, and nothing is remembered. The
mixer is SplitMix64 (Steele, Lea and Flood 2014).
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
_POISSON = np.cumsum(np.exp(-1.0) / np.cumprod([1.0, *range(1, 16)]))
"""Chances of at most 0, 1, ... events where one is expected."""


def key_of(name: str) -> int:
    """A 64-bit key of a name."""
    text = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def uniform(keys: Keys, purpose: str, seed: int) -> NDArray[np.float64]:
    """Numbers in [0, 1), one for each key, shape `(N,)`.

    Args:
        keys: Shape `(N,)`.
        purpose: What they are for: other purposes, independent numbers.
        seed: Other seeds, independent numbers.
    """
    top = mix(keys, purpose, seed) >> np.uint64(11)
    return top.astype(np.float64) * 2.0**-53


def poisson(keys: Keys, purpose: str, seed: int) -> NDArray[np.float32]:
    """Poisson numbers of mean 1, one for each key, shape `(N,)`; arguments as in `uniform`."""
    counts = np.searchsorted(_POISSON, uniform(keys, purpose, seed), side="right")
    return counts.astype(np.float32)


def mix(keys: Keys, purpose: str, seed: int) -> Keys:
    """Keys that look drawn anew, shape `(N,)`; arguments as in `uniform`."""
    mixed: Keys = keys + np.uint64(key_of(f"{purpose} {seed}"))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
