"""The one way out to the web: what is reached is checked, and what is checked is what is reached.

A name is resolved once; every address it has must be public or allowed, and the connection goes to
one of these very addresses, so that no second answer of a name server can swap it. The same holds
for every redirect. One deadline covers all of it. Proxies, `.netrc` and cookies are not used, and
headers that were given for one host do not travel to another. Does not retry.
"""

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo

import httpx

from forethought.agent.errors import ToolError
from forethought.tools.threads import in_thread
from forethought.tools.web.access import Access, Target, check_address, check_url, shown
from forethought.tools.web.addresses import Address

AGENT = "forethought/0.1 (library for language-model agents)"
"""How requests name themselves."""
CONNECT_SECONDS = 5.0
"""For one address of a host; then the next one is tried."""
MOST_ADDRESSES = 4
"""Addresses of one host that are tried."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host; raises `OSError` where there are none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    url: httpx.URL
    """Where it came from, after redirects."""
    status: int
    headers: httpx.Headers
    body: bytes
    """Decompressed."""
    cut: bool
    """Whether there was more of it than may be read."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them.

    Raises:
        OSError: If it has none.
    """
    found = await in_thread(partial(getaddrinfo, host, port, type=SOCK_STREAM))
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Door:
    """Makes requests within what may be reached.

    Args:
        access: What may be reached.
        agent: How requests name themselves.
        resolver: Finds the addresses of a host; by default the system does.
        tls: Which certificates are trusted; by default those that come with httpx, or those that
            `SSL_CERT_FILE` names.
    """

    def __init__(
        self,
        access: Access | None = None,
        *,
        agent: str = AGENT,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.access = access or Access()
        self._agent = agent
        self._resolve = resolver
        self._tls = tls

    async def request(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        follow: bool = True,
        seconds: float | None = None,
    ) -> Answer:
        """Ask once, following redirects of a GET.

        Args:
            url: Where to.
            method: GET, or POST with `content`.
            headers: Sent to this host alone.
            content: What is posted.
            follow: Whether redirects are followed; if not, they are the answer.
            seconds: The deadline, in place of that of `access`.

        Raises:
            ToolError: If it may not be reached, gives no answer, or the time is up.
        """
        given = dict(headers or {})
        target = check_url(url, self.access)
        limit = self.access.seconds if seconds is None else seconds
        try:
            async with asyncio.timeout(limit):
                for _ in range(self.access.redirects + 1):
                    answer = await self._once(target, method, given, content)
                    place = answer.headers.get("location")
                    if not follow or answer.status not in _REDIRECTS or place is None:
                        return answer
                    before, target = target, check_url(_joined(target, place), self.access)
                    if target.origin != before.origin:
                        given = {}
        except TimeoutError as error:
            raise ToolError(f"no answer from {target.host} within {limit:.3g} s") from error
        raise ToolError(f"more than {self.access.redirects} redirects")

    async def _once(
        self, target: Target, method: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        """Ask one server, at the first of its addresses that takes the connection."""
        failed: httpx.TransportError | None = None
        for address in await self._addresses(target):
            request = self._pinned(target, address, method, headers, content)
            try:
                return await self._send(target, request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
            except httpx.TransportError as error:
                raise ToolError(f"no answer from {target.host}: {_words(error)}") from error
        raise ToolError(f"cannot reach {target.host}: {_words(failed)}") from failed

    async def _addresses(self, target: Target) -> list[Address]:
        """Where a host may be reached: all of its addresses are checked, not one of them alone."""
        if target.address is not None:
            return [target.address]
        try:
            found = [ip_address(each) for each in await self._resolve(target.host, target.port)]
        except (OSError, ValueError) as error:
            raise ToolError(f"no host is called {target.host}") from error
        if not found:
            raise ToolError(f"no host is called {target.host}")
        for address in found:
            check_address(target, address, self.access)
        return found[:MOST_ADDRESSES]

    def _pinned(
        self,
        target: Target,
        address: Address,
        method: str,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> httpx.Request:
        """A request to an address that says which host it means."""
        wait = self.access.seconds
        extensions: dict[str, object] = {
            "timeout": {
                "connect": min(CONNECT_SECONDS, wait),
                "read": wait,
                "write": wait,
                "pool": wait,
            }
        }
        if target.address is None:
            extensions["sni_hostname"] = target.host  # the certificate must be this host's
        return httpx.Request(
            method,
            target.url.copy_with(host=str(address)),
            headers={
                "Host": target.url.netloc.decode("ascii"),
                "User-Agent": self._agent,
                "Accept": "*/*",
                "Accept-Encoding": "gzip",
                **headers,
            },
            content=content,
            extensions=extensions,
        )

    async def _send(self, target: Target, request: httpx.Request) -> Answer:
        # a connection of its own: one kept for an address could be another host's
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        async with httpx.AsyncHTTPTransport(
            verify=self._tls or _usual_tls(), trust_env=False, limits=limits
        ) as transport:
            response = await transport.handle_async_request(request)
            try:
                body, cut = await _read(response, self.access.size)
            finally:
                await response.aclose()
        return Answer(target.url, response.status_code, response.headers, body, cut)


@cache
def _usual_tls() -> ssl.SSLContext:
    """Read once: it takes as long as a request does."""
    return httpx.create_ssl_context()


async def _read(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """The body, decompressed piece by piece, and whether it was cut at `most` bytes."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise ToolError(f"the answer is compressed in a way that is not read: {coding[:40]!r}")
    inflate = zlib.decompressobj(31) if "gzip" in coding else None
    body, came = bytearray(), 0
    async for piece in response.aiter_raw():
        came += len(piece)
        if inflate is not None:
            try:
                piece = inflate.decompress(piece, most + 1 - len(body))
            except zlib.error as error:
                raise ToolError("the answer is not compressed as it says it is") from error
        body += piece
        if len(body) > most or came > most:
            return bytes(body[:most]), True
    return bytes(body), False


def _joined(target: Target, place: str) -> httpx.URL:
    """Where a redirect leads."""
    try:
        return target.url.join(place)
    except httpx.InvalidURL as error:
        raise ToolError(f"{shown(target.url)} redirects to what is no address") from error


def _words(error: Exception | None) -> str:
    """What happened, on one line and without the address that was tried."""
    return " ".join(str(error).split())[:200] or type(error).__name__
