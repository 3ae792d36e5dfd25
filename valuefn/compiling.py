"""Losses compiled by torch: what lies between the matrix products in a few passes over memory.

`torch.compile` takes a minute or less on the first update, and needs a C++ compiler. It pays in
long trainings. Sums are taken in another order than without it, so that losses differ in their last
digits; equal settings on one machine give equal bits. Knows no trainer and no data.
"""

import warnings
from collections.abc import Callable
from types import FunctionType
from typing import ParamSpec, TypeVar

from forethought.agent.errors import ConfigError, needs

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch

P = ParamSpec("P")
T = TypeVar("T")
_SAID = 200
"""Most characters of torch's own words in an error."""


def compiled(loss: Callable[P, T]) -> Callable[P, T]:
    """The same function, compiled when it is first called, for each shape of its inputs.

    Args:
        loss: A plain function without defaults or names of an outer function.

    Returns:
        The compiled one; its first call raises `ConfigError` where torch cannot compile it.
    """
    if not isinstance(loss, FunctionType):
        raise ConfigError(f"only plain functions can be compiled, not {loss!r}")
    # torch counts compilations by code object and gives up after eight: each gets its own
    own = FunctionType(loss.__code__.replace(), loss.__globals__, loss.__name__)
    made: Callable[P, T] = torch.compile(own, fullgraph=True, dynamic=False)
    proven = False

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal proven
        if proven:
            return made(*args, **kwargs)
        try:
            with warnings.catch_warnings():  # torch's compiler uses what torch deprecates
                warnings.simplefilter("ignore", DeprecationWarning)
                found: T = made(*args, **kwargs)
        except RuntimeError as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"torch cannot compile the loss {loss.__name__} here: {said[:_SAID]}; train "
                "without compiling"
            ) from error
        proven = True
        return found

    return run
