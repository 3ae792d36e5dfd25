import struct

import pytest

from forethought.tools.sandbox.seccomp import REFUSED, program

X86 = 0xC000003E
ARM = 0xC00000B7
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
MACHINES = [("x86_64", X86, 0), ("aarch64", ARM, 1)]


def _run(filter_: bytes, architecture: int, number: int, first: int = 0) -> int:
    """What the kernel would answer to a call."""
    record = {0: number, 4: architecture, 16: first}
    steps = list(struct.iter_unpack("<HBBI", filter_))
    at, value = 0, 0
    while True:
        code, then, otherwise, operand = steps[at]
        at += 1
        if code == 0x06:
            return int(operand)
        if code == 0x20:
            value = record[operand]
            continue
        test = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
        at += then if test else otherwise


@pytest.mark.parametrize(("machine", "architecture", "column"), MACHINES)
def test_what_is_refused_is_refused_and_nothing_else(
    machine: str, architecture: int, column: int
) -> None:
    filter_ = program(machine)
    assert filter_ is not None
    refused = {numbers[column] for numbers in REFUSED.values()}
    assert len(refused) == len(REFUSED)
    special = {435, (56, 220)[column], (41, 198)[column]}
    for number in range(480):
        if number not in special:
            expected = EPERM if number in refused else ALLOW
            assert _run(filter_, architecture, number) == expected, number


@pytest.mark.parametrize(("machine", "architecture", "column"), MACHINES)
def test_processes_yes_namespaces_no_sockets_only_among_themselves(
    machine: str, architecture: int, column: int
) -> None:
    filter_ = program(machine)
    assert filter_ is not None
    clone, socket = (56, 220)[column], (41, 198)[column]
    assert _run(filter_, architecture, clone, 0x01200011) == ALLOW  # fork
    assert _run(filter_, architecture, clone, 0x003D0F00) == ALLOW  # a thread
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000):
        assert _run(filter_, architecture, clone, flag | 0x11) == EPERM
    assert _run(filter_, architecture, 435) == ENOSYS
    assert _run(filter_, architecture, socket, 1) == ALLOW
    for family in (0, 2, 10, 16, 17, 38, 40):
        assert _run(filter_, architecture, socket, family) == EPERM


def test_another_architecture_is_no_way_around() -> None:
    filter_ = program("x86_64")
    assert filter_ is not None
    assert _run(filter_, 0x40000003, 1) == KILL
    assert _run(filter_, X86, 0x40000000 + 101) == ENOSYS


def test_an_unknown_machine_has_no_filter() -> None:
    assert program("riscv64") is None
