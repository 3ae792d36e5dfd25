"""Runs programs as their users do, without the seconds that each spends on loading libraries.

One process loads what is slow to load and has used none of it; every program is a fork of it, with
its own folder, arguments, output and exit code.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TypedDict

PRELOADED = (
    "forethought.cli.app",
    "torch",
    "torch._dynamo",
    "sentence_transformers",
    "matplotlib.pyplot",
    "openai",
    "anthropic",
)


class Order(TypedDict):
    """One program, as it is told to the process that forks."""

    argv: list[str]
    path: list[str]
    cwd: str
    env: dict[str, str]
    strict: bool
    timeout: int
    out: str
    err: str


class Nursery:
    """The process that the programs are forks of; starts with the first of them.

    Args:
        paths: Folders to import from, before those of the environment.
    """

    def __init__(self, *paths: str | os.PathLike[str]) -> None:
        self._paths = [os.fspath(path) for path in paths]
        self._parent: subprocess.Popen[str] | None = None

    def run(
        self,
        script: Path,
        *typed: str,
        cwd: Path,
        env: dict[str, str] | None = None,
        strict: bool = False,
        timeout: int = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end.

        Args:
            script: The program.
            typed: Its arguments.
            cwd: The folder it is run in, from which it can import too.
            env: What its environment has besides that of the tests.
            strict: Whether a `UserWarning` is an error.
            timeout: Seconds after which it is killed by SIGALRM.
        """
        parent = self._parent or self._start()
        assert parent.stdin is not None
        assert parent.stdout is not None
        with tempfile.TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            order: Order = {
                "argv": [str(script), *typed],
                "path": [str(script.parent), str(cwd), *self._paths],
                "cwd": str(cwd),
                "env": env or {},
                "strict": strict,
                "timeout": timeout,
                "out": str(out),
                "err": str(err),
            }
            parent.stdin.write(json.dumps(order) + "\n")
            parent.stdin.flush()
            code = parent.stdout.readline()
            assert code, "the process that forks has ended: its standard error says why"
            return subprocess.CompletedProcess(
                order["argv"], int(code), out.read_text("utf-8"), err.read_text("utf-8")
            )

    def close(self) -> None:
        """End the process; nothing is left of it."""
        if self._parent is not None:
            self._parent.communicate()
            self._parent = None

    def _start(self) -> subprocess.Popen[str]:
        self._parent = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self._parent


def _serve() -> None:
    """Fork a program for each line of standard input; answer with its exit code."""
    del sys.path[0]  # the folder of this file, which no program is in
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            return  # to the end of the interpreter, as every program
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(order: Order) -> None:
    """Be the program, from its first line to what follows its last."""
    signal.alarm(order["timeout"])
    for stream, target, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, order["out"], os.O_WRONLY | os.O_CREAT),
        (2, order["err"], os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(target, flags)
        os.dup2(opened, stream)
        os.close(opened)
    os.chdir(order["cwd"])
    os.environ.update(order["env"])
    sys.path[:0] = order["path"]
    sys.argv[:] = order["argv"]
    if order["strict"]:
        warnings.simplefilter("error", UserWarning)
    runpy.run_path(order["argv"][0], run_name="__main__")


if __name__ == "__main__":
    _serve()
