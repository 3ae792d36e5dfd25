"""Where files of the library's own lie on this machine."""

import os
from pathlib import Path


def cache_home() -> Path:
    """Where caches live: `FORETHOUGHT_CACHE`, else the user's cache folder."""
    given = os.environ.get("FORETHOUGHT_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "forethought"
