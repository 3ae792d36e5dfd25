"""What search engines answer, and engines that ask a server on loopback."""

import json
from typing import Any

from web_server import Reply, WebServer

from forethought.tools.web import Brave, SearXNG, Tavily

KEY = "BSA-s3cret"


# Answers in the form that the engines' own documents show.
BRAVE = {
    "type": "search",
    "query": {"original": "gravel", "more_results_available": True},
    "mixed": {"type": "mixed", "main": [{"type": "web", "index": 0, "all": False}]},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "Gravel &amp; bikes",
                "url": "https://example.org/gravel",
                "is_source_local": False,
                "description": "All about <strong>gravel</strong>.\nAnd bikes.",
                "page_age": "2026-01-02T00:00:00",
                "profile": {"name": "Example", "url": "https://example.org"},
                "type": "search_result",
            },
            {"title": "No page", "url": "javascript:alert(1)", "description": ""},
            {"title": "Bare", "url": "https://example.org/2"},
        ],
        "family_friendly": True,
    },
}


TAVILY = {
    "query": "gravel",
    "follow_up_questions": None,
    "answer": None,
    "images": [],
    "results": [
        {
            "url": "https://example.org/gravel",
            "title": "Gravel & bikes",
            "content": "All about gravel.\nAnd bikes where x < 3.",
            "score": 0.98,
            "raw_content": None,
        }
    ],
    "response_time": 1.09,
    "request_id": "123e4567-e89b-12d3-a456-426614174111",
}


SEARXNG = {
    "query": "gravel",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://example.org/gravel",
            "title": "Gravel & bikes",
            "content": "All about gravel.",
            "engine": "duckduckgo",
            "engines": ["duckduckgo", "qwant"],
            "score": 4.0,
            "category": "general",
            "publishedDate": None,
        },
        {"url": "https://example.org/2", "title": "Second", "content": None},
    ],
    "answers": [],
    "corrections": [],
    "infoboxes": [],
    "suggestions": ["gravel bike"],
    "unresponsive_engines": [["google", "timeout"]],
}


WIKIPEDIA = {
    "batchcomplete": True,
    "continue": {"sroffset": 2, "continue": "-||"},
    "query": {
        "searchinfo": {"totalhits": 8431},
        "search": [
            {
                "ns": 0,
                "title": "Gravel bicycle",
                "pageid": 60133541,
                "size": 9123,
                "wordcount": 981,
                "snippet": 'A <span class="searchmatch">gravel</span> bicycle is a &quot;bicycle',
                "timestamp": "2026-10-02T14:33:10Z",
            },
            {"ns": 0, "title": "What is 100%? (AC/DC)", "snippet": ""},
        ],
    },
}


def brave(server: WebServer) -> Brave:
    return Brave(KEY, url=f"{server.url}/search", seconds=2)


def tavily(server: WebServer) -> Tavily:
    return Tavily(KEY, url=f"{server.url}/search", seconds=2)


def searxng(server: WebServer) -> SearXNG:
    return SearXNG(f"{server.url}/", seconds=2)


def as_json(said: Any, status: int = 200, **headers: str) -> Reply:
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(json.dumps(said).encode(), status, lines, kind="application/json")
