"""A filter of system calls, written out as the kernel's BPF instructions. Pure.

Refuses what a program has no need for and a kernel flaw might be reached through: tracing, mounts,
namespaces, keys, modules, clocks, other processes' memory, io_uring, memory that no limit counts,
and every socket but those between its own processes. All else is allowed.
"""

import struct
from types import MappingProxyType

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where they stand in the kernel's record of a call, bytes."""
_UNIX = 1
_NEW_NAMESPACES = 0x7E020000
"""Flags of `clone` that make namespaces."""
_OTHER_TABLE = 0x40000000
"""From here on, numbers on x86-64 are those of its 32-bit-pointer variant."""

_MACHINES = MappingProxyType({"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)})
"""The kernel's name of each architecture, and the column below."""
_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)
REFUSED = MappingProxyType(
    {
        "ptrace": (101, 117),
        "personality": (135, 92),
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "swapon": (167, 224),
        "swapoff": (168, 225),
        "reboot": (169, 142),
        "sethostname": (170, 161),
        "setdomainname": (171, 162),
        "init_module": (175, 105),
        "delete_module": (176, 106),
        "finit_module": (313, 273),
        "quotactl": (179, 60),
        "acct": (163, 89),
        "settimeofday": (164, 170),
        "adjtimex": (159, 171),
        "clock_settime": (227, 112),
        "clock_adjtime": (305, 266),
        "kexec_load": (246, 104),
        "kexec_file_load": (320, 294),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "keyctl": (250, 219),
        "unshare": (272, 97),
        "setns": (308, 268),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "kcmp": (312, 272),
        "bpf": (321, 280),
        "userfaultfd": (323, 282),
        "perf_event_open": (298, 241),
        "open_by_handle_at": (304, 265),
        "name_to_handle_at": (303, 264),
        "memfd_create": (319, 279),
        "memfd_secret": (447, 447),
        "shmget": (29, 194),
        "msgget": (68, 186),
        "mq_open": (240, 180),
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
        "pidfd_getfd": (438, 438),
        "syslog": (103, 116),
        "vhangup": (153, 58),
        "fanotify_init": (300, 262),
        "mknodat": (259, 33),
    }
)
"""Calls refused with "operation not permitted", by number on x86-64 and on 64-bit ARM."""


def program(machine: str) -> bytes | None:
    """The filter as `bwrap --seccomp` reads it; `None` for a machine whose numbers are not known.

    Args:
        machine: As `platform.machine()` names it.
    """
    if machine not in _MACHINES:
        return None
    architecture, column = _MACHINES[machine]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _OTHER_TABLE), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    for numbers in REFUSED.values():
        steps += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    # the flags of clone3 lie in memory, where a filter cannot look; C libraries then use clone
    steps += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    steps += [
        (_EQUAL, 0, 4, _CLONE[column]),  # not it: on to the next check
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 3, _SOCKET[column]),  # not it: allowed
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, _UNIX),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)
