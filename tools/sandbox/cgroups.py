"""A control group for one sandbox: a bound on the memory and the processes of all of it together.

Version 1 and version 2 of the kernel's interface, where this process may make groups; elsewhere
`open_group` gives `None`, and only the limits of each single process hold.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "pids")
PATIENCE = 5.0
"""Seconds the kernel is given to empty a group whose processes were killed."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group that was made, as folders: one in version 2, one for each controller in version 1."""

    folders: tuple[Path, ...]

    def join(self, pid: int) -> bool:
        """Put a process in; whether that worked."""
        try:
            for folder in self.folders:
                (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Kill what is in it and remove it; blocks for a moment."""
        until = time.monotonic() + PATIENCE
        left = [folder for folder in self.folders if not _removed(folder)]
        while left and time.monotonic() < until:
            time.sleep(0.002)
            left = [folder for folder in left if not _removed(folder)]


def open_group(memory: int, processes: int) -> Group | None:
    """A new group; `None` where groups cannot be made.

    Args:
        memory: Bytes, files in memory included.
        processes: Processes and threads at a time.
    """
    values = {
        "memory.max": memory,
        "memory.swap.max": 0,
        "memory.limit_in_bytes": memory,
        "pids.max": processes,
    }
    name = f"forethought-{os.getpid()}-{os.urandom(4).hex()}"
    made: list[Path] = []
    try:
        for parent in _parents():
            (parent / name).mkdir()
            made.append(parent / name)
        for folder in made:
            for file, value in values.items():
                if (folder / file).exists():
                    (folder / file).write_text(str(value), encoding="ascii")
    except OSError:
        Group(tuple(made)).close()
        return None
    return Group(tuple(made)) if made else None


def _parents() -> list[Path]:
    """Where new groups go; empty where there is no place."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = {}
    for line in lines:
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path.lstrip("/")))
    if all(name in own for name in CONTROLLERS):
        return [ROOT / name / own[name] for name in CONTROLLERS]
    if not own.get(""):  # a process in the root group has nothing beside it
        return []
    beside = (ROOT / own[""]).parent
    with contextlib.suppress(OSError):
        given = (beside / "cgroup.subtree_control").read_text(encoding="ascii").split()
        return [beside] if all(name in given for name in CONTROLLERS) else []
    return []


def _removed(folder: Path) -> bool:
    """Kill what is in a group and try to remove it."""
    with contextlib.suppress(OSError):
        for pid in (folder / "cgroup.procs").read_text(encoding="ascii").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()
