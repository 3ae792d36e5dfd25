"""On what a head is trained: device, threads, and whether torch compiles first."""

import os
import shutil
import sys
from dataclasses import dataclass

from forethought.agent.errors import ConfigError, needs

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch


@dataclass(frozen=True, slots=True)
class Machine:
    """On what a head is trained. Equal ones give equal bits on one computer."""

    device: str = "cpu"
    """Where the networks lie, as torch names it; the source's tensors must lie there too."""
    threads: int = 1
    """Threads of the CPU that train."""
    compiled: bool = False
    """Whether torch compiles the loss first: a wait that pays in long trainings."""


HERE = Machine()
"""One thread of the CPU, nothing compiled."""


def check_machine(machine: Machine) -> None:
    """See that a head can be trained so, before anything is encoded.

    Raises:
        ConfigError: If there is no such device here, no thread, or no compiler where one is needed.
    """
    try:
        torch.zeros(1, device=machine.device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {machine.device!r} cannot be used here; use cpu") from error
    if machine.threads < 1:
        raise ConfigError(f"threads must be 1 or more, not {machine.threads}")
    if machine.compiled:
        _check_compiler()


def _check_compiler() -> None:
    wanted = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(wanted) is None:
        raise ConfigError(
            f"compiled training needs a C++ compiler, and {wanted} is not found: install one "
            "(apt install g++, xcode-select --install), name it in CXX, or train without compiling"
        )
