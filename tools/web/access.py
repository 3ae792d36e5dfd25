"""What may be reached on the web: schemes, hosts, ports and addresses, and how much of it. Pure.

Checks spellings and addresses; does not resolve names (see `door`). What is not public is refused
unless the application allows it by name.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import httpx

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.web.addresses import (
    METADATA,
    NAMED_KINDS,
    Address,
    Network,
    inside_nat64,
    kind_of,
    literal,
)

LONGEST_ADDRESS = 2000
"""Characters."""

_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_ENTRY = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(?::(?P<port>\d{1,5}))?")
_STANDARD = {"http": 80, "https": 443}
_SECRET = re.compile(
    r"(?:^|[^a-z])(?:key|token|secret|sig|signature|password|passwd|pwd|auth|authorization|"
    r"credential|credentials|session|sessionid|apikey|code|jwt)$"
)


@dataclass(frozen=True, slots=True)
class Access:
    """What may be reached, and how much of it.

    Raises:
        ConfigError: If an entry cannot be read or a number cannot work.
    """

    allow: tuple[str, ...] = ()
    """Places allowed though they are not public: `host`, `host:port`, an address or a network. A
    host allowed by name may lead to private and loopback addresses; link-local and other special
    ones have to be allowed by address or network, those of metadata services one by one."""
    only: tuple[str, ...] = ()
    """If not empty, no other hosts but these and those below them are reached."""
    ports: tuple[int, ...] = (80, 443)
    """Ports that may be reached without being named in `allow`."""
    redirects: int = 5
    """Most redirects followed; each is checked as the first address was."""
    size: int = 2_000_000
    """Bytes read of an answer, before and after decompression; the rest is left."""
    seconds: float = 20.0
    """For everything together: finding the host, connecting, redirects, reading."""

    def __post_init__(self) -> None:
        for name in ("allow", "only", "ports"):
            if isinstance(getattr(self, name), str | int):
                raise ConfigError(f"Access: {name} must be a sequence")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _rules(self.allow)
        if not 0 < self.seconds < float("inf"):
            raise ConfigError(f"Access: seconds must be above 0 and finite, not {self.seconds}")
        if self.size < 1 or self.redirects < 0:
            raise ConfigError("Access: size must be 1 or more, redirects 0 or more")


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address on the web."""

    url: httpx.URL
    """Without a fragment; the host in small letters and without a dot at its end."""
    host: str
    port: int
    address: Address | None
    """The host, where it is written as an address."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.url.scheme, self.host, self.port


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of `Access.allow`."""

    host: str
    network: Network | None
    port: int | None

    def fits(self, target: Target, access: Access) -> bool:
        """Whether it speaks of this host by name, at this port."""
        return self.host == target.host and self.fits_port(target, access)

    def fits_port(self, target: Target, access: Access) -> bool:
        """Whether it speaks of this port."""
        return target.port == self.port if self.port else target.port in access.ports


def check_url(url: str | httpx.URL, access: Access) -> Target:
    """Read an address as it was given and check all that can be told without resolving names.

    Raises:
        ToolError: If it is none, or may not be reached.
    """
    target = _read(url)
    if access.only and not any(_below(target.host, name) for name in access.only):
        raise ToolError(f"{target.host} is not among the hosts that may be read")
    rules = _rules(access.allow)
    named = any(
        rule.port == target.port and (rule.fits(target, access) or _inside(target.address, rule))
        for rule in rules
    )
    if target.port not in access.ports and not named:
        raise ToolError(f"port {target.port} may not be reached; use the address without it")
    if target.address is not None:
        check_address(target, target.address, access)
    return target


def check_address(target: Target, address: Address, access: Access) -> None:
    """Check one of the addresses that a host leads to.

    Raises:
        ToolError: If it is not public and not allowed.
    """
    kind = kind_of(address)
    if not kind:
        return
    for rule in _rules(access.allow):
        if _inside(address, rule) and _covers(rule, address) and rule.fits_port(target, access):
            return
        if kind in NAMED_KINDS and rule.fits(target, access):
            return
    raise ToolError(f"{target.host} is refused: it leads to an address of the kind {kind!r}")


def shown(url: httpx.URL | str) -> str:
    """An address for people and traces: values of parameters that look secret are left out."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "(unreadable address)"
    parsed = parsed.copy_with(fragment=None, userinfo=b"")
    if not any(_is_secret(name) for name in parsed.params):
        return str(parsed)
    pairs = [(n, "hidden" if _is_secret(n) else v) for n, v in parsed.params.multi_items()]
    return str(parsed.copy_with(params=pairs))


def _is_secret(name: str) -> bool:
    small = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return _SECRET.search(small) is not None


def _read(url: str | httpx.URL) -> Target:
    if len(str(url)) > LONGEST_ADDRESS:
        raise ToolError(f"the address has more than {LONGEST_ADDRESS} characters")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ToolError(f"this is no address that can be read: {error}") from error
    if parsed.scheme not in _STANDARD:
        raise ToolError("only addresses that begin with http:// or https:// can be read")
    if parsed.userinfo:
        raise ToolError("an address with a user name or password in it is refused; leave them out")
    host = parsed.raw_host.decode("ascii").lower().removesuffix(".")
    try:
        address = literal(host)
    except ValueError as error:
        raise ToolError(f"{host!r} is refused: it is {error}") from error
    if address is None and not _HOST.fullmatch(host):
        raise ToolError(f"{host!r} is not the name of a host")
    host = host if address is None else str(address)
    url = parsed.copy_with(host=host, fragment=None)
    port = _STANDARD[parsed.scheme] if parsed.port is None else parsed.port
    return Target(url, host, port, address)


def _below(host: str, name: str) -> bool:
    small = name.lower().rstrip(".")
    return host == small or host.endswith(f".{small}")


def _inside(address: Address | None, rule: _Rule) -> bool:
    return address is not None and rule.network is not None and address in rule.network


def _covers(rule: _Rule, address: Address) -> bool:
    """Whether naming a network is enough for an address in it, or it has to be named itself."""
    if rule.network is not None and rule.network.num_addresses == 1:
        return True
    meant = inside_nat64(address)
    return kind_of(meant) == "" if meant != address else kind_of(address) != METADATA


@lru_cache(maxsize=64)
def _rules(entries: Sequence[str]) -> tuple[_Rule, ...]:
    return tuple(_rule(entry) for entry in entries)


def _rule(entry: str) -> _Rule:
    text = entry.strip().lower()
    try:
        return _Rule("", ipaddress.ip_network(text.strip("[]")), None)
    except ValueError:
        pass
    match = _ENTRY.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    host = match["host"].strip("[]").removesuffix(".") if match else ""
    try:
        address = literal(host)
    except ValueError as error:
        raise ConfigError(f"Access: allow names {entry!r}, which is {error}") from error
    if address is not None:
        return _Rule(str(address), ipaddress.ip_network(address), port)
    if not _HOST.fullmatch(host) or (port is not None and not 0 < port < 65536):
        raise ConfigError(f"Access: allow must name hosts, host:port or networks, not {entry!r}")
    return _Rule(host, None, port)
