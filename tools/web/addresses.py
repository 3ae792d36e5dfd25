"""Which addresses are on the public internet, and what kind the others are of. Pure.

The tables are written out and do not change with the Python version. Of IPv6 only global unicast
addresses count as public, less the blocks that carry an IPv4 address inside (6to4, Teredo) or are
kept for documents. Addresses of cloud metadata services are a kind of their own, though some of
them lie in public space.
"""

import ipaddress
import re
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = "cloud metadata"
"""The kind of addresses at which clouds hand out credentials."""
NAMED_KINDS = frozenset({"loopback", "private", "shared"})
"""Kinds that a host allowed by its name may lead to; others have to be allowed by address."""

_V4 = {
    "unspecified": ("0.0.0.0/8",),
    "loopback": ("127.0.0.0/8",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared": ("100.64.0.0/10",),
    "link-local": ("169.254.0.0/16",),
    "multicast": ("224.0.0.0/4",),
    "reserved": (
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
    ),
}
_V6 = {
    "unspecified": ("::/128",),
    "loopback": ("::1/128",),
    "IPv4-mapped": ("::ffff:0:0/96",),
    "NAT64": ("64:ff9b::/96", "64:ff9b:1::/48"),
    "6to4": ("2002::/16",),
    "private": ("fc00::/7", "fec0::/10"),
    "link-local": ("fe80::/10",),
    "multicast": ("ff00::/8",),
    "reserved": ("2001::/23", "2001:db8::/32", "3fff::/20"),
}
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # task credentials
        "169.254.170.23",  # pod credentials
        "169.254.0.23",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",  # in public space
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def _table(rows: dict[str, tuple[str, ...]]) -> list[tuple[Network, str]]:
    return [(ipaddress.ip_network(text), kind) for kind, texts in rows.items() for text in texts]


_KINDS = {4: _table(_V4), 6: _table(_V6)}

_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)")


def kind_of(address: Address) -> str:
    """The kind of an address that is not on the public internet; empty for one that is."""
    if address in _METADATA:
        return METADATA
    for network, kind in _KINDS[address.version]:
        if address in network:
            return kind
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return "reserved"
    return ""


def inside_nat64(address: Address) -> Address:
    """The IPv4 address that a well-known NAT64 address stands for; any other address as it is."""
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def literal(host: str) -> Address | None:
    """The address that a host is written as; `None` where it is a name.

    Raises:
        ValueError: If it is a number in an unusual spelling (decimal, octal, hexadecimal, short),
            or has a zone.
    """
    if "%" in host:
        raise ValueError("an address with a zone")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise ValueError("an address in an unusual spelling")
    return None
