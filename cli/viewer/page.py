"""The page itself: markup, style and script from `assets`, and the data, in one HTML file.

The script comes first and the data behind it, piece by piece. A content security policy allows that
script and that style alone, by their hashes, and no connection anywhere (`live` pages: to their own
server). So text from a trace could do nothing even if it were taken for markup.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from forethought.cli.viewer.packing import Packed, packed

_SCRIPTS = (
    "dom",
    "data",
    "charts",
    "table",
    "goals",
    "step",
    "episode",
    "compare",
    "more",
    "policies",
    "main",
)
"""In the order in which they run."""


def page(
    episodes: Packed,
    *,
    title: str,
    more: Mapping[str, Any],
    live: int | None = None,
) -> str:
    """The page as text.

    Args:
        episodes: What the table holds.
        title: Of the page.
        more: What else is shown, as `Found.more` gives it.
        live: The number of the last change that the episodes hold, where a server adds to them.
    """
    style, script = _style(), _script()
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; "
        f"script-src 'sha256-{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"connect-src {chr(39)}{'none' if live is None else 'self'}{chr(39)}"
    )
    head = {"title": title, "live": live, "pieces": len(episodes.pieces)}
    data = [_data("index", packed(episodes.index())), _data("more", packed(more))]
    data += [_data(f"piece-{number}", piece) for number, piece in enumerate(episodes.pieces)]
    parts = {
        "policy": escape(policy),
        "title": escape(title),
        "style": style,
        "script": script,
        "head": escape(json.dumps(head)),
        "data": "\n".join(data),
    }
    # in one pass: what is put in may itself look like a place to put something
    return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], _asset("page.html"))


def _data(name: str, text: str) -> str:
    return f'<script type="application/gzip;base64" id="{name}">{text}</script>'


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _asset(name: str) -> str:
    return (files("forethought.cli.viewer") / "assets" / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    return "\n" + _asset("viewer.css")


@cache
def _script() -> str:
    parts = "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    return f'\n"use strict";\n{parts}'
