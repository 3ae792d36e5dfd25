"""The one border to the SDKs: their clients, and their errors made ours.

Inside `border` nothing but `ModelUnavailable` and `ModelRefused` comes out (and cancellation, which
passes). Each is one line that names the server and says what to check; the original error is kept
as its cause. The API key is blotted out of both. What differs between SDKs is one row each (`Sdk`).
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import httpx

from forethought.agent.errors import ModelError, ModelRefused, ModelUnavailable
from forethought.agent.models.retry import parse_retry_after

_Errors: TypeAlias = tuple[type[Exception], ...]
_ANYWHERE: _Errors = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    OSError,  # TimeoutError and ConnectionError among them
)
_AGAIN = frozenset({408, 409, 425, 429})
"""Statuses below 500 that can succeed when tried again."""
_BROKE = frozenset({"insufficient_quota", "billing_error"})
"""Codes of errors that wait for money, not for time."""
_LEAST_KEY = 8
"""Characters of a key that is one; shorter ones stand in for none and are ordinary words."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK: its errors, its client, and what to check where a server refuses."""

    status: _Errors
    """Answers with a status of 4xx or 5xx."""
    late: _Errors
    unreachable: _Errors
    other: _Errors
    """Whatever else it raises: requests that cannot be made."""
    hints: Mapping[int, str]
    """What to check, by status."""
    client: Callable[[str, str, float, bool], AbstractAsyncContextManager[Any]]
    """Makes a client from address, key, seconds a read may take, and whether proxies and the like
    of the environment count."""

    @property
    def foreign(self) -> _Errors:
        """Every error that may come from a call to a server."""
        return (*self.status, *self.late, *self.unreachable, *self.other, *_ANYWHERE)


@dataclass(frozen=True, slots=True)
class Server:
    """A server as a model knows it."""

    sdk: Sdk
    url: str
    key: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The address without user name and password."""
        return display(self.url)


_Place: TypeAlias = tuple[asyncio.AbstractEventLoop, int, str, str, float]
_open: dict[_Place, tuple[AsyncGenerator[Any, None], Any]] = {}


async def client_for(server: Server, timeout: float) -> Any:
    """The running loop's client for a server: connections cannot move between loops.

    It is shared by all models of the same settings, and closed with the loop: a loop that ends (as
    `asyncio.run` ends it) closes its open generators.
    """
    place = (asyncio.get_running_loop(), id(server.sdk), server.url, server.key, timeout)
    if place not in _open:
        session = _session(place, server, timeout)
        _open[place] = (session, await anext(session))
    return _open[place][1]


async def _session(place: _Place, server: Server, timeout: float) -> AsyncGenerator[Any, None]:
    """Yield one client and close it. Proxies of the environment are not for loopback."""
    loopback = urlsplit(server.url).hostname in {"127.0.0.1", "::1", "localhost"}
    try:
        async with server.sdk.client(
            server.url, server.key or "none", timeout, not loopback
        ) as client:
            yield client
    finally:
        del _open[place]


@cache
def trust(read: Callable[..., ssl.SSLContext], environment: bool) -> ssl.SSLContext:
    """The certificates that clients trust, read once: that takes longer than a short request.

    Args:
        read: Reads them; takes `trust_env`.
        environment: Whether the environment may name others.
    """
    return read(trust_env=environment)


def display(url: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@contextmanager
def border(server: Server) -> Iterator[None]:
    """Translate what a call to `server` raises; the key is taken out of it.

    Raises:
        ModelUnavailable: If no answer came, or one that may be better next time.
        ModelRefused: If the server will not serve the request.
    """
    try:
        yield
    except ModelError as error:  # what an answer itself said
        _blot(error, server.key)
        raise
    except server.sdk.foreign as error:
        _blot(error, server.key)
        raise _translate(error, server) from error


def _translate(error: Exception, server: Server) -> ModelError:
    shown = server.shown
    if isinstance(error, server.sdk.status):
        return _status(error, server)
    if isinstance(error, (TimeoutError, *server.sdk.late)):
        return ModelUnavailable(
            f"no answer from {shown} in time: give it more (timeout=) or check the server's load"
        )
    if isinstance(error, (httpx.HTTPError, *server.sdk.unreachable)):
        return ModelUnavailable(
            f"no answer from {shown} ({_reason(error)}): check that the server runs and that the"
            " address is right"
        )
    if isinstance(error, OSError):
        return ModelUnavailable(f"no answer from {shown} ({_reason(error)})")
    return ModelRefused(f"the request to {shown} could not be made ({_reason(error)})")


def _status(error: Any, server: Server) -> ModelError:
    """The error of an answer; the SDKs keep its parts under the same names."""
    inner = error.body if isinstance(error.body, dict) else {}
    inner = inner["error"] if isinstance(inner.get("error"), dict) else inner
    words = inner.get("message") if inner else error.body
    return refusal(
        error.status_code,
        words if isinstance(words, str) else error.response.text,
        server,
        broke=not _BROKE.isdisjoint({str(inner.get("code")), str(inner.get("type"))}),
        retry_after=parse_retry_after(error.response.headers),
    )


def refusal(
    status: int,
    words: str,
    server: Server,
    *,
    broke: bool = False,
    retry_after: float | None = None,
) -> ModelError:
    """The error for an answer with this status, or an event of a stream that stands for it.

    Args:
        status: HTTP status, 400 or above.
        words: The server's own.
        server: Who answered.
        broke: Whether the account is out of money.
        retry_after: Seconds it asked to wait; `None` when it did not say.
    """
    said = one_line(words)
    text = f"{server.shown} answered HTTP {status}{': ' + said if said else ''}"
    if (status in _AGAIN or status >= 500) and status != 501 and not broke:
        hint = "; it is overloaded or limits the rate, try later" if status in {429, 529} else ""
        return ModelUnavailable(text + hint, retry_after)
    hint = "check the account's quota" if broke else server.sdk.hints.get(status, "")
    return ModelRefused(f"{text}; {hint}" if hint else text, status)


def words_of(error: ModelRefused) -> str:
    """The server's words in an error of `refusal`, without its address."""
    return str(error).partition(" answered HTTP ")[2]


def one_line(text: str) -> str:
    """A server's words on one line, cut where they get long."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."


def _reason(error: BaseException) -> str:
    """The innermost error's words: the outer ones say only that something went wrong."""
    while error.__cause__ is not None:
        error = error.__cause__
    return one_line(str(error)) or type(error).__name__


def _blot(error: BaseException | None, secret: str) -> None:
    """Take the key out of an error and those before it: servers quote the key they refuse."""
    seen: set[int] = set()
    while len(secret) >= _LEAST_KEY and error is not None and id(error) not in seen:
        seen.add(id(error))
        error.args = tuple(_blotted(arg, secret) for arg in error.args)
        for name, value in list(vars(error).items()):
            if isinstance(value, str | dict | list):
                setattr(error, name, _blotted(value, secret))
        error = error.__cause__ or error.__context__


def _blotted(value: object, secret: str) -> object:
    if isinstance(value, str):
        return value.replace(secret, "[key]")
    if isinstance(value, dict):
        return {key: _blotted(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_blotted(item, secret) for item in value]
    return value
