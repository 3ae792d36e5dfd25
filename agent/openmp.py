"""How long threads of OpenMP wait awake for each other.

Libraries such as torch and llama.cpp compute on threads that wait for each other many times a
second. Left alone they wait awake, and where a core has something else to do, each wait costs what
that takes: with one busy neighbour two threads are several times slower than one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SPINS = "GOMP_SPINCOUNT"
_SAID = (_SPINS, "OMP_WAIT_POLICY")
_FEW = "10000"
"""Looks before a thread sleeps; 300,000 by default, or without end."""


@contextmanager
def short_spin() -> Iterator[None]:
    """Have waiting threads soon sleep, unless the user's environment says how they wait.

    The first library that brings OpenMP into the process reads this, once and for all: it holds
    where this is entered before any of them is loaded.
    """
    if any(name in os.environ for name in _SAID):
        yield
        return
    os.environ[_SPINS] = _FEW
    try:
        yield
    finally:
        del os.environ[_SPINS]
