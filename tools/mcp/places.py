"""Where a server is: a command that is started, or an address that is reached over HTTP.

The environment of a command is what is named and nothing else. Values of variables and headers are
never part of a `repr` or a message.
"""

import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from forethought.agent.errors import ConfigError, needs
from forethought.tools.mcp.process import Report, Streams, child

with needs("connecting to an MCP server", "pip install 'forethought[mcp]'"):
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

PASSED = ("HOME", "PATH")
"""Variables of this process that a command gets unless others are named."""
WAITS = httpx2.Timeout(30, read=600)
"""Seconds to connect and between two pieces of an answer; the deadline of a call is shorter."""


@dataclass(frozen=True, slots=True)
class Command:
    """A server that is started as a child process and spoken to over its standard streams.

    Raises:
        ConfigError: If there is nothing to start.
    """

    words: Sequence[str]
    """The program and its arguments; no shell reads them."""
    env: Sequence[str] = PASSED
    """Names of the variables of this process that are passed on; the child gets no others."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables beside those, with their values."""
    folder: str | os.PathLike[str] | None = None
    """Where it is started; here by default."""

    def __post_init__(self) -> None:
        if isinstance(self.words, str) or not self.words:
            raise ConfigError(
                "an MCP command is a list of words, as in Command(['python', 'server.py'])"
            )
        if isinstance(self.env, str):
            raise ConfigError("env of an MCP command is a list of names, as in ['HOME', 'PATH']")

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return Path(self.words[0]).name

    def open(self, report: Report) -> AbstractAsyncContextManager[Streams]:
        """Start it and speak to it; it is ended on the way out.

        Raises:
            OSError: If it cannot be started.
        """
        program = shutil.which(self.words[0]) or self.words[0]
        passed = {name: os.environ[name] for name in self.env if name in os.environ}
        return child([program, *self.words[1:]], passed | dict(self.variables), self.folder, report)


@dataclass(frozen=True, slots=True)
class Address:
    """A server that is reached by streamable HTTP.

    Raises:
        ConfigError: If it is no http address.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request, as for a bearer token."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"an MCP address begins with http:// or https://, not {self.url!r}")
        if parts.username or parts.password:
            raise ConfigError("an MCP address holds no password; give it as a header")

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return urlsplit(self.url).netloc

    @asynccontextmanager
    async def open(self, report: Report) -> AsyncIterator[Any]:  # the SDK's streams, not ours
        """Speak to it; redirects are followed within its own origin only."""
        async with (
            httpx2.AsyncClient(headers=dict(self.headers), timeout=WAITS) as http,
            streamable_http_client(self.url, http_client=http) as streams,
        ):
            yield streams


Place: TypeAlias = Command | Address
