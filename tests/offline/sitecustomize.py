"""Keeps a Python process off the network, loopback and Unix sockets excepted.

Loaded by `tests/conftest.py` for the tests and, because its folder is put on `PYTHONPATH`, by every
Python process they start. An audit hook sees what all libraries do, whichever client they use; it
does not see what compiled servers do with sockets of their own.
"""

import sys

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RESOLVING = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class NetworkBlocked(RuntimeError):
    """A test reached for a host that is not this machine.

    It is no `OSError`, so that no code under test takes it for a server that is down.
    """


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str):
        return host is None
    return host in {"", "localhost", "::1", "0.0.0.0", "::"} or host.startswith("127.")


def _guard(event: str, args: tuple[object, ...]) -> None:
    if event in _CONNECTING:
        address = args[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise NetworkBlocked(f"network is off in tests: {event} to {address[0]!r}")
    elif event in _RESOLVING and not _is_local(args[0]):
        raise NetworkBlocked(f"network is off in tests: {event} of {args[0]!r}")


sys.addaudithook(_guard)
