"""The one border to the OpenAI SDK: its client, and its errors made ours.

Inside `border` nothing but `ModelUnavailable` and `ModelRefused` comes out (and cancellation, which
passes). Each is one line that names the server and says what to check; the original error is kept
as its cause. The API key is blotted out of both.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import httpx

from forethought.agent.errors import MissingExtra, ModelError, ModelRefused, ModelUnavailable
from forethought.agent.models.retry import parse_retry_after

try:
    import httpx2
    import openai
except ModuleNotFoundError as error:
    raise MissingExtra(
        "a model behind an OpenAI-compatible server", "pip install 'forethought[openai]'"
    ) from error

Client: TypeAlias = openai.AsyncOpenAI

FOREIGN = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    OSError,  # TimeoutError and ConnectionError among them
)
"""Every error that may come from a call to a server."""

_AGAIN = frozenset({408, 409, 425, 429})
"""Statuses below 500 that can succeed when tried again."""
_HINTS = {
    401: "check the API key (api_key=, or the variable OPENAI_API_KEY)",
    403: "check that the API key may use this model",
    404: "check the model's name, and that the address ends in /v1",
}


_Place: TypeAlias = tuple[asyncio.AbstractEventLoop, str, str, float]
_open: dict[_Place, tuple[AsyncGenerator[Client, None], Client]] = {}


async def client_for(url: str, key: str, timeout: float) -> Client:
    """The running loop's client for a server: connections cannot move between loops.

    It is shared by all models of the same settings, and closed with the loop: a loop that ends (as
    `asyncio.run` ends it) closes its open generators.
    """
    place = (asyncio.get_running_loop(), url, key, timeout)
    if place not in _open:
        session = _session(place)
        _open[place] = (session, await anext(session))
    return _open[place][1]


async def _session(place: _Place) -> AsyncGenerator[Client, None]:
    """Yield one client and close it. Proxies of the environment are not for loopback."""
    _, url, key, timeout = place
    loopback = urlsplit(url).hostname in {"127.0.0.1", "::1", "localhost"}
    http = openai.DefaultAsyncHttpxClient(timeout=timeout, trust_env=not loopback)
    try:
        async with openai.AsyncOpenAI(
            api_key=key or "none", base_url=url, max_retries=0, http_client=http
        ) as client:
            yield client
    finally:
        del _open[place]


def display(url: str) -> str:
    """The address without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@contextmanager
def border(server: str, secret: str = "") -> Iterator[None]:
    """Translate what a call to `server` raises.

    Args:
        server: The server's address, as it may be shown.
        secret: The API key, which must not be shown.

    Raises:
        ModelUnavailable: If no answer came, or one that may be better next time.
        ModelRefused: If the server will not serve the request.
    """
    try:
        yield
    except FOREIGN as error:
        _blot(error, secret)
        raise _translate(error, server) from error


def _translate(error: Exception, server: str) -> ModelError:
    if isinstance(error, openai.APIStatusError):
        return _status(error, server)
    if isinstance(error, TimeoutError | openai.APITimeoutError | httpx2.TimeoutException):
        return ModelUnavailable(
            f"no answer from {server} in time: give it more (timeout=) or check the server's load"
        )
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError | httpx.HTTPError):
        return ModelUnavailable(
            f"no answer from {server} ({_reason(error)}): check that the server runs and that the"
            " address is right"
        )
    if isinstance(error, OSError):
        return ModelUnavailable(f"no answer from {server} ({_reason(error)})")
    return ModelRefused(f"the request to {server} could not be made ({_reason(error)})")


def _status(error: openai.APIStatusError, server: str) -> ModelError:
    status = error.status_code
    said = _said(error)
    text = f"{server} answered HTTP {status}{': ' + said if said else ''}"
    out_of_money = error.code == "insufficient_quota"
    if (status in _AGAIN or status >= 500) and status != 501 and not out_of_money:
        hint = "; it is overloaded or limits the rate, try later" if status == 429 else ""
        return ModelUnavailable(text + hint, parse_retry_after(error.response.headers))
    hint = "check the account's quota" if out_of_money else _HINTS.get(status, "")
    return ModelRefused(f"{text}; {hint}" if hint else text, status)


def _said(error: openai.APIStatusError) -> str:
    """The server's own words on one line, cut where they get long."""
    body = error.body
    words = body.get("message") if isinstance(body, dict) else body
    if not isinstance(words, str):
        words = error.response.text
    return _one_line(words)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."


def _reason(error: BaseException) -> str:
    """The innermost error's words: the outer ones say only that something went wrong."""
    while error.__cause__ is not None:
        error = error.__cause__
    return _one_line(str(error)) or type(error).__name__


def _blot(error: BaseException | None, secret: str) -> None:
    """Take the key out of an error and its causes: servers quote the key they refuse."""
    while secret and error is not None:
        error.args = tuple(_blotted(arg, secret) for arg in error.args)
        if isinstance(error, openai.APIError):
            error.message = str(_blotted(error.message, secret))
            error.body = _blotted(error.body, secret)
        error = error.__cause__


def _blotted(value: object, secret: str) -> object:
    if isinstance(value, str):
        return value.replace(secret, "[key]")
    if isinstance(value, dict):
        return {key: _blotted(item, secret) for key, item in value.items()}
    return value
