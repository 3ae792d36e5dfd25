"""Sandboxes for tests, and what there is to be had outside of them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, MissingExtra
from forethought.tools.sandbox import Limits, PythonTool, python

LOOT = f"loot-{os.urandom(6).hex()}"
ENV = "FORETHOUGHT_CANARY"
RUNNERS = ("monty", "cpython")


@dataclass(frozen=True)
class Host:
    """What there is to be had outside."""

    folder: Path
    port: int
    abstract: str
    process: int
    """Of the same user, with the loot in its environment."""

    def fill(self, code: str) -> str:
        given = {
            "@SECRET@": str(self.folder / "secret.txt"),
            "@HOST@": str(self.folder),
            "@PORT@": str(self.port),
            "@ABSTRACT@": self.abstract,
            "@PID@": str(self.process),
            "@ENV@": ENV,
        }
        for name, value in given.items():
            code = code.replace(name, value)
        return code


def sandboxed(name: str, limits: Limits) -> PythonTool:
    """A tool in a sandbox; skips the test, with the reason, where the sandbox is not there."""
    if name == "cpython" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    try:
        return python("monty" if name == "monty" else "cpython", limits=limits)
    except (ConfigError, MissingExtra) as error:
        pytest.skip(str(error))
