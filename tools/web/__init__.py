"""Searching the web and reading pages, with what a request may reach checked at every step.

Names resolve on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.tools.web.access import Access
    from forethought.tools.web.engines import Brave, SearXNG, Tavily, Wikipedia
    from forethought.tools.web.pages import Page, PageReader, fetch_page
    from forethought.tools.web.search import Citation, Hit, WebSearch, web_search

__all__ = [
    "Access",
    "Brave",
    "Citation",
    "Hit",
    "Page",
    "PageReader",
    "SearXNG",
    "Tavily",
    "WebSearch",
    "Wikipedia",
    "fetch_page",
    "web_search",
]

_MODULES = {
    "Access": "access",
    "Brave": "engines",
    "Citation": "search",
    "Hit": "search",
    "Page": "pages",
    "PageReader": "pages",
    "SearXNG": "engines",
    "Tavily": "engines",
    "WebSearch": "search",
    "Wikipedia": "engines",
    "fetch_page": "pages",
    "web_search": "search",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
