"""Four engines: Brave, Tavily, SearXNG and Wikipedia.

An engine is what its server is asked and how its answer is read. Keys come from the environment or
an argument; they travel in headers, to the engine's own address alone, and stand in no message.
"""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from forethought.agent.errors import ConfigError
from forethought.tools.web.asking import Ask, Engine
from forethought.tools.web.door import AGENT
from forethought.tools.web.reading import one_line, text_of
from forethought.tools.web.search import Hit

BRAVE_URL = "https://api.search.brave.com/res/v1/web/search"
TAVILY_URL = "https://api.tavily.com/search"
_LANGUAGE = frozenset("abcdefghijklmnopqrstuvwxyz-")


class Brave(Engine):
    """Brave Search.

    Args:
        key: The subscription token; by default the one in `BRAVE_API_KEY`.
        url: Where it is.
        seconds: For one search with all its tries.

    Raises:
        ConfigError: If there is no key, or the address cannot work.
    """

    name = "brave"
    variable = "BRAVE_API_KEY"

    def __init__(
        self, key: str | None = None, *, url: str = BRAVE_URL, seconds: float = 20.0
    ) -> None:
        super().__init__(url, key=key_for(self.name, self.variable, key), seconds=seconds)

    def ask(self, query: str, count: int) -> Ask:
        """What the server is asked."""
        url = httpx.URL(self.url).copy_merge_params(
            {"q": query, "count": str(count), "text_decorations": "false"}
        )
        headers = {"Accept": "application/json", "X-Subscription-Token": self.key}
        return Ask(str(url), headers)

    def read(self, data: Any) -> list[Hit]:
        """What it found; its texts are HTML."""
        found = data.get("web") if isinstance(data, dict) else None
        if found is None and isinstance(data, dict) and data.get("type") == "search":
            return []  # left out where nothing was found
        return [
            Hit(text_of(row.text("title")), row.text("url"), text_of(row.text("description")))
            for row in self.rows(found, "results")
        ]

    def refuses_key(self, answer: bytes, status: int) -> bool:
        """A bad key is no 401 here, but a 422 that says so."""
        return super().refuses_key(answer, status) or b"SUBSCRIPTION_TOKEN_INVALID" in answer


class Tavily(Engine):
    """Tavily.

    Args:
        key: The API key; by default the one in `TAVILY_API_KEY`.
        url: Where it is.
        depth: `basic`, or `advanced`, which costs twice as much.
        seconds: For one search with all its tries.

    Raises:
        ConfigError: If there is no key, or the address cannot work.
    """

    name = "tavily"
    variable = "TAVILY_API_KEY"

    def __init__(
        self,
        key: str | None = None,
        *,
        url: str = TAVILY_URL,
        depth: str = "basic",
        seconds: float = 20.0,
    ) -> None:
        super().__init__(url, key=key_for(self.name, self.variable, key), seconds=seconds)
        self._depth = depth

    def ask(self, query: str, count: int) -> Ask:
        """What the server is asked."""
        body = {"query": query, "max_results": count, "search_depth": self._depth}
        return Ask(self.url, {"Authorization": f"Bearer {self.key}"}, body)

    def read(self, data: Any) -> list[Hit]:
        """What it found."""
        return [
            Hit(one_line(row.text("title")), row.text("url"), one_line(row.text("content")))
            for row in self.rows(data, "results")
        ]


class SearXNG(Engine):
    """A SearXNG server, one's own or somebody's.

    Its `settings.yml` must list `json` under `search: formats:`. The address is one that the
    application names, so it may be private.

    Args:
        url: Where it is; by default what `SEARXNG_URL` says.
        language: Code of the language to search in; empty for the server's default.
        seconds: For one search with all its tries.

    Raises:
        ConfigError: If there is no address, or it cannot work.
    """

    name = "searxng"
    variable = "SEARXNG_URL"
    forbidden = "the server does not give JSON: list json under search: formats: in settings.yml"

    def __init__(
        self, url: str | None = None, *, language: str = "", seconds: float = 20.0
    ) -> None:
        place = url or os.environ.get(self.variable, "")
        if not place:
            raise ConfigError(f"searxng needs its address: set {self.variable}, or give url=")
        super().__init__(place.rstrip("/").removesuffix("/search") + "/search", seconds=seconds)
        self._language = language

    def ask(self, query: str, count: int) -> Ask:
        """What the server is asked."""
        said = {"q": query, "format": "json"} | (
            {"language": self._language} if self._language else {}
        )
        return Ask(str(httpx.URL(self.url).copy_merge_params(said)))

    def read(self, data: Any) -> list[Hit]:
        """What it found."""
        return [
            Hit(one_line(row.text("title")), row.text("url"), one_line(row.text("content")))
            for row in self.rows(data, "results")
        ]


class Wikipedia(Engine):
    """Wikipedia's own search; needs no key.

    Args:
        language: Code of the language, as in `en.wikipedia.org`.
        url: Where another MediaWiki has its `api.php`.
        contact: A mail or web address of yours, which Wikimedia asks those who search much to give.
        seconds: For one search with all its tries.

    Raises:
        ConfigError: If the language, the address or the contact cannot work.
    """

    name = "wikipedia"

    def __init__(
        self, language: str = "en", *, url: str = "", contact: str = "", seconds: float = 20.0
    ) -> None:
        if not language or not set(language) <= _LANGUAGE:
            raise ConfigError(f"wikipedia: language must be a code such as en, not {language!r}")
        if not contact.isascii() or not contact.isprintable():
            raise ConfigError("wikipedia: contact must be a mail or web address")
        place = url or f"https://{language}.wikipedia.org/w/api.php"
        agent = f"{AGENT} {contact}".strip()
        super().__init__(place, seconds=seconds, agent=agent)

    def ask(self, query: str, count: int) -> Ask:
        """What the server is asked."""
        said = {
            "action": "query",
            "list": "search",
            "srsearch": query,
            "srlimit": str(count),
            "format": "json",
            "formatversion": "2",
        }
        return Ask(str(httpx.URL(self.url).copy_merge_params(said)))

    def read(self, data: Any) -> list[Hit]:
        """What it found; its snippets are HTML."""
        self.objections(data)
        found: Mapping[str, Any] | None = data.get("query") if isinstance(data, dict) else None
        return [
            Hit(
                one_line(row.text("title")),
                self._page(row.text("title")),
                text_of(row.text("snippet")),
            )
            for row in self.rows(found, "search")
        ]

    def _page(self, title: str) -> str:
        """The address of an article."""
        path = "/wiki/" + quote(title.replace(" ", "_"), safe="/:,()!*'")
        return str(httpx.URL(self.url).copy_with(raw_path=path.encode())) if title else ""


def key_for(name: str, variable: str, given: str | None) -> str:
    """A key, as given or from the environment.

    Raises:
        ConfigError: If there is none, or it cannot be sent.
    """
    key = (given if given is not None else os.environ.get(variable, "")).strip()
    if not key:
        raise ConfigError(f"{name} needs a key: set {variable}, or give key=")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"the key for {name} has characters that no key has: check {variable}")
    return key
