"""Programs in real CPython, inside a `bubblewrap` sandbox; each call is a process of its own.

Stops: the network, files of the system and of the user (only `/usr` and the Python installation are
shown, read-only), the environment, other processes, new namespaces and devices, core dumps. Time,
memory, processes, files and output are limited; nothing is left running or on disk.

Does not stop: a flaw in the kernel. Does not hide the Python installation with its packages, nor
the machine's name of its processor or the time of day. Without a control group (see `cgroups`) the
memory limit is for each process. A filter of system calls (see `seccomp`) is there on x86-64 and
64-bit ARM. Started by root, a program runs as nobody where nobody can read this Python; where not,
it stays root's without any of root's rights, and only a control group limits its processes.
"""

import asyncio
import contextlib
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, MissingExtra, ToolError
from forethought.tools.sandbox.cgroups import Group, open_group
from forethought.tools.sandbox.limits import FLOOD, MEBIBYTE, Functions, Limits
from forethought.tools.sandbox.seccomp import program
from forethought.tools.sandbox.show import joined
from forethought.tools.threads import in_thread

PROGRAM = "/program.py"
SCRATCH = "/tmp"
TOLD = ("numpy", "scipy", "sympy", "pandas", "networkx")
"""Packages that the model is told of where they are installed."""
_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))
"""These are the system's own; read-only, they can be written to, and their modes not changed."""
OPEN_FILES = 256
SHARED = 16 * MEBIBYTE
"""Bytes of shared memory between a program's own processes."""
ENDING = 0.03
"""Seconds for what was killed to be gone, each time something more is killed; the kernel may need
longer to clear away what a program has piled up."""
PROBE = 10.0
"""Seconds for the first trial of the sandbox."""
_WAIT = 'read -r go && exec "$@"'
"""The shell waits until it is in its control group, and then becomes the sandbox."""
_PATH = {"PATH": "/usr/bin:/bin"}
_NOBODY = MappingProxyType({"user": 65534, "group": 65534, "extra_groups": ()})
_QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A thread pool for each core would meet the limit on threads."""


class BubblewrapRunner:
    """Programs in CPython, with the packages of this Python.

    Args:
        limits: What one call may use up.

    Raises:
        MissingExtra: If `bwrap` or `prlimit` is not installed.
        ConfigError: If the kernel lets `bwrap` make no sandbox here.
    """

    calls_tools = False

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._memory = self.limits.memory or 1024 * MEBIBYTE
        self._command = [*_sandbox(self.limits.disk), *_limited(self.limits, self._memory)]
        self._filter = program(platform.machine())
        self.identity = self._probed()
        """Who programs run as, outside: nothing is said where that is the user."""
        have = ", ".join(name for name in TOLD if find_spec(name)) or "the standard library"
        self.about = (
            f"It runs under CPython {platform.python_version()} in a sandbox, without network. "
            "Each call is a fresh process: no variables and no files are kept. Print what you want "
            f"to see. It may write in the current folder. What can be imported: {have}. A call may "
            f"take {self.limits.seconds:g} s."
        )

    async def run(self, code: str, episode: str, functions: Functions) -> str:
        """Run a program; nothing is kept for the episode.

        Raises:
            ToolError: If the program fails or passes a limit.
        """
        group = await in_thread(lambda: open_group(self._memory, self.limits.processes + 4))
        try:
            printed, failed, why = await self._play(code.encode(), group)
        finally:
            if group:
                await _closed(group)
        text = printed.decode("utf-8", "replace")
        if failed:
            raise ToolError(joined(text, why, self.limits.output))
        return joined(text, "", self.limits.output) or "(nothing was printed)"

    def end(self, episode: str) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """Nothing is kept."""

    async def _play(self, code: bytes, group: Group | None) -> tuple[bytes, bool, str]:
        """What the program printed, whether it failed, and why if that was not printed."""
        printed = bytearray()
        with self._prepared(code) as (command, files):
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=files,
                env=_PATH,
                start_new_session=True,
                **self.identity,
            )
        try:
            async with asyncio.timeout(self.limits.seconds):
                if group:
                    group.join(process.pid)
                await _go(process)
                await _heard(process, printed)
                status = await process.wait()
        except TimeoutError:
            return bytes(printed), True, f"stopped: it took more than {self.limits.seconds:g} s"
        except _Flood:
            return bytes(printed), True, f"stopped: it printed more than {FLOOD} bytes"
        finally:
            await _gone(process)
        return bytes(printed), status != 0, _why(status)

    @contextlib.contextmanager
    def _prepared(self, code: bytes) -> Iterator[tuple[list[str], list[int]]]:
        """The command and the open files that it reads the filter and the program from."""
        files = [_in_memory("program", code)]
        command = [*self._command]
        inside = ["--ro-bind-data", str(files[0]), PROGRAM]
        if self._filter:
            files.append(_in_memory("filter", self._filter))
            inside += ["--seccomp", str(files[1])]
        at = command.index("--remount-ro")
        try:
            yield ["/bin/sh", "-c", _WAIT, "sh", *command[:at], *inside, *command[at:]], files
        finally:
            for file in files:
                os.close(file)

    def _probed(self) -> Mapping[str, Any]:
        """Who programs run as, found by running an empty one.

        Raises:
            ConfigError: If that does not work.
        """
        problem = ""
        identities: list[Mapping[str, Any]] = [_NOBODY] if os.geteuid() == 0 else []
        for identity in [*identities, {}]:
            problem = self._problem(identity)
            if not problem:
                return identity
        raise ConfigError(
            f"bwrap can make no sandbox here ({problem}); allow unprivileged user namespaces, or "
            "use python('monty')"
        )

    def _problem(self, identity: Mapping[str, Any]) -> str:
        """What is wrong with the sandbox; empty if it works."""
        with self._prepared(b"print('ready')") as (command, files):
            try:
                done = subprocess.run(
                    command,
                    input=b"go\n",
                    capture_output=True,
                    pass_fds=files,
                    env=_PATH,
                    timeout=PROBE,
                    check=False,
                    **identity,
                )
            except (subprocess.TimeoutExpired, OSError) as error:
                return f"{type(error).__name__}: {error}"
        if done.stdout.strip() == b"ready":
            return ""
        return " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[-300:]


class _Flood(Exception):
    """The program prints too much."""


async def _go(process: asyncio.subprocess.Process) -> None:
    """Let the shell go on; it reads one line, and the program an empty input."""
    if process.stdin is not None:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(b"go\n")
            await process.stdin.drain()
        process.stdin.close()


async def _heard(process: asyncio.subprocess.Process, printed: bytearray) -> None:
    """Gather what is printed until nobody can print any more.

    Raises:
        _Flood: If it is too much.
    """
    while process.stdout is not None:
        piece = await process.stdout.read(65536)
        if not piece:
            return
        printed += piece
        if len(printed) > FLOOD:
            raise _Flood


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Kill what is left; the sandbox dies with its first process."""
    if process.returncode is not None:
        return
    # killed this way round, the outer process clears away the inner one
    for inner in _children(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(inner, signal.SIGKILL)
    if not await _ends(process, ENDING):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    await _ends(process, ENDING)


async def _ends(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether a process and all that can print for it are gone within some seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while process.stdout is not None and await process.stdout.read(MEBIBYTE):
                pass
            await process.wait()
            return True
    return False


async def _closed(group: Group) -> None:
    """Close a group; what takes longer goes on in its thread."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ENDING):
            await in_thread(group.close)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(each) for each in text.split()]
    return []


def _why(status: int) -> str:
    """Why a program did not end well, where it did not say so itself."""
    number = -status if status < 0 else status - 128
    if number == signal.SIGKILL:
        return "stopped: killed, most likely because it took too much memory"
    if number == signal.SIGXCPU:
        return "stopped: it used too much time"
    if number > 0:
        return f"stopped by signal {number}"
    return f"it ended with status {status}" if status > 1 else ""


def _in_memory(name: str, content: bytes) -> int:
    """An open file that is on no disk, at its beginning."""
    file = os.memfd_create(name)
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _limited(limits: Limits, memory: int) -> list[str]:
    """The command inside: limits of each process, and Python."""
    prlimit = shutil.which("prlimit", path="/usr/bin:/bin")
    if prlimit is None:
        raise MissingExtra("CPython in a sandbox", "apt-get install util-linux")
    return [
        prlimit,
        f"--as={memory}",
        f"--cpu={math.ceil(limits.seconds) + 1}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.disk}",
        f"--nofile={OPEN_FILES}",
        "--core=0",
        "--",
        sys.executable,
        "-I",
        "-B",
        "-u",
        PROGRAM,
    ]


def _sandbox(disk: int) -> list[str]:
    """The command that makes the sandbox."""
    bwrap = shutil.which("bwrap")
    if sys.platform != "linux" or bwrap is None:
        raise MissingExtra("CPython in a sandbox (Linux only)", "apt-get install bubblewrap")
    command = [bwrap, "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"]
    command += ["--disable-userns", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]
    command += ["--hostname", "sandbox", "--clearenv"]
    variables = {"PATH": "/usr/bin:/bin", "HOME": SCRATCH, "LANG": "C.UTF-8", **_QUIET}
    for name, value in variables.items():
        command += ["--setenv", name, value]
    command += ["--size", str(disk), "--tmpfs", SCRATCH, *_system(), "--proc", "/proc"]
    command += ["--dev", "/dev", "--size", str(SHARED), "--tmpfs", "/dev/shm"]
    closed = [part for path in (*_DEVICES, "/proc", "/dev", "/") for part in ("--remount-ro", path)]
    return [*command, "--chdir", SCRATCH, *closed]


def _system() -> list[str]:
    """What is shown of this system, read-only: programs, libraries and this Python."""
    command = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            command += ["--ro-bind", name, name]
    for name in ("/etc/ld.so.cache", "/etc/alternatives"):
        command += ["--ro-bind-try", name, name]
    shown = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.prefix).resolve()}
    for path in sorted(shown):
        if not path.is_relative_to("/usr"):
            command += ["--ro-bind", str(path), str(path)]
    return command
