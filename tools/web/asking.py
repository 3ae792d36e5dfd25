"""What all engines share: asking a server, waiting when it says so, and reading rows of JSON.

A server that is too busy or fails for a moment is asked again, within the deadline. What only the
developer can change (a key, a plan, a setting) is a `ConfigError`; the rest is for the model.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.web.access import Access, check_url, shown
from forethought.tools.web.door import AGENT, Answer, Door
from forethought.tools.web.reading import one_line
from forethought.tools.web.search import MOST_HITS, Hit, checked

TRIES = 3
FIRST_WAIT = 0.5
"""Seconds before the second try, where the server does not say; doubled before each further one."""
_SPENT = frozenset({402, 432, 433})
"""Statuses that say that a plan is used up."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a server is asked."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """Posted as JSON; `None` for a GET."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing found, as the server tells of it."""

    facts: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A text; empty where there is none of that name."""
        value = self.facts.get(name)
        return value if isinstance(value, str) else ""


class Engine(ABC):
    """A search engine behind an address: subclasses say what it is asked and read its answer.

    Args:
        url: Where it is. The application names it, so it may be private.
        key: Sent with each request; empty where there is none.
        seconds: For one search with all its tries.
        agent: How requests name themselves.

    Raises:
        ConfigError: If the address cannot work, or a key would be sent in the clear.
    """

    name = ""
    variable = ""
    """Where the key or the address comes from."""
    forbidden = ""
    """What a 403 means, where it is not the key."""

    def __init__(
        self, url: str, *, key: str = "", seconds: float = 20.0, agent: str = AGENT
    ) -> None:
        self.url = url
        self.key = key
        self._seconds = seconds
        self._door = Door(_access(self.name, url, seconds, secret=bool(key)), agent=agent)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @abstractmethod
    def ask(self, query: str, count: int) -> Ask:
        """What the server is asked."""

    @abstractmethod
    def read(self, data: Any) -> list[Hit]:
        """What it found.

        Raises:
            ToolError: If the answer is not of the form that is known.
        """

    def refuses_key(self, answer: bytes, status: int) -> bool:
        """Whether an answer says that the key is no good."""
        return bool(self.key) and status in {401, 403}

    def objections(self, data: Any) -> None:
        """Pass on what a server objects to with a status that says all is well.

        Raises:
            ToolError: If it does.
        """
        error = data.get("error") if isinstance(data, dict) else None
        if isinstance(error, dict):
            said = one_line(str(error.get("info") or error.get("code") or "no reason"))
            raise ToolError(f"{self.name} did not search: {said[:200]}")

    async def search(self, query: str, count: int = 5) -> list[Hit]:
        """The best pages, best first; those that are no web pages are left out.

        Raises:
            ToolError: If no answer came in time, or it cannot be read.
            ConfigError: If the server does not take the key.
        """
        wanted = max(1, min(count, MOST_HITS))
        ask = self.ask(checked(query), wanted)
        answer = await self._asked(ask)
        try:
            data = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise ToolError(f"{self.name} gave an answer that is no JSON") from error
        return [hit for hit in self.read(data) if _is_page(hit.url)][:wanted]

    def rows(self, data: Any, name: str) -> list[Row]:
        """The rows of a list in an answer.

        Raises:
            ToolError: If there is no such list.
        """
        found = data.get(name) if isinstance(data, dict) else None
        if not isinstance(found, list):
            raise ToolError(f"{self.name} gave an answer of an unknown form: no list {name!r}")
        return [Row(each) for each in found if isinstance(each, dict)]

    async def _asked(self, ask: Ask) -> Answer:
        """The answer, asked for again while that may help and there is time."""
        begun = time.monotonic()
        content = None if ask.body is None else json.dumps(ask.body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        for attempt in range(TRIES):
            answer = await self._door.request(
                ask.url,
                method="GET" if content is None else "POST",
                headers={**headers, **ask.headers},
                content=content,
                follow=False,  # a key goes to the address it was given for, no further
                seconds=self._seconds - (time.monotonic() - begun),
            )
            if answer.status == 200:
                return answer
            wait = self._wait(answer, attempt)
            if time.monotonic() - begun + wait >= self._seconds:
                raise ToolError(f"{self.name} is busy and asks to wait {wait:.0f} s; try later")
            await asyncio.sleep(wait)
        raise ToolError(f"{self.name} failed {TRIES} times, the last with status {answer.status}")

    def _wait(self, answer: Answer, attempt: int) -> float:
        """Seconds until the next try.

        Raises:
            ToolError: If another try would not help.
            ConfigError: If the developer must act.
        """
        status = answer.status
        if self.refuses_key(answer.body, status):
            raise ConfigError(f"{self.name} does not take the key ({status}): set {self.variable}")
        if status in _SPENT:
            raise ConfigError(f"{self.name}: the plan of the key is used up ({status})")
        if status == 403 and self.forbidden:
            raise ConfigError(f"{self.name}: {self.forbidden}")
        if status == 404 or 300 <= status < 400:
            raise ConfigError(f"{self.name}: no search is at {shown(self.url)} ({status})")
        if status != 429 and status < 500:
            raise ToolError(f"{self.name} answered with status {status}; try other words")
        asked = retry_after(answer.headers)
        return FIRST_WAIT * 2.0**attempt if asked is None else asked


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds a server asks to wait, 0 or more; `None` where it does not say."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and value.isascii():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _is_page(url: str) -> bool:
    return url.startswith(("http://", "https://")) and not any(c.isspace() for c in url)


def _access(name: str, url: str, seconds: float, *, secret: bool) -> Access:
    """What an engine may reach: its own address and nothing else."""
    try:
        parsed = httpx.URL(url)
        host, port = parsed.raw_host.decode("ascii"), parsed.port
        place = f"[{host}]" if ":" in host else host
        allowed = (place, *([f"{place}:{port}"] if port else []))
        access = Access(allow=allowed, only=(host,), seconds=seconds)
        target = check_url(parsed, access)
    except (httpx.InvalidURL, ToolError) as error:
        raise ConfigError(f"{name}: the address {url!r} cannot work: {error}") from error
    local = target.address is not None and target.address.is_loopback
    if secret and parsed.scheme != "https" and not (local or target.host == "localhost"):
        raise ConfigError(f"{name}: the address must begin with https://, as a key is sent to it")
    return access
