"""Searching the web and reading pages, with what a request may reach checked at every step.

Names resolve on first use.
"""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

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

__getattr__, __dir__ = lazy(
    __name__,
    {
        "access": ("Access",),
        "engines": ("Brave", "SearXNG", "Tavily", "Wikipedia"),
        "pages": ("Page", "PageReader", "fetch_page"),
        "search": ("Citation", "Hit", "WebSearch", "web_search"),
    },
)
