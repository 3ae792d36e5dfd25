"""Addresses and keys of servers: taken from a model's name, checked before the first request."""

import re
from urllib.parse import urlsplit

from forethought.agent.errors import ConfigError
from forethought.agent.models.border import display


def split(scheme: str, rest: str) -> tuple[str, str | None]:
    """A model's name and its server's address, from `NAME` or `NAME@http://host`.

    Raises:
        ConfigError: If an address stands after `@` without `http://`.
    """
    match = re.fullmatch(r"(?P<model>.+?)@(?P<url>https?://.*)", rest)
    if match is None and re.search(r"@([\w.-]+:\d+|localhost)(/|$)", rest):
        raise ConfigError(f"in model '{scheme}:{rest}' write the address with http:// in front")
    return (match["model"], match["url"]) if match else (rest, None)


def is_at(url: str, host: str) -> bool:
    """Whether an address is that of a public service."""
    return f".{urlsplit(url).hostname or ''}".endswith(f".{host}")


def check(model: str, url: str, key: str, variable: str) -> None:
    """Refuse what cannot be asked.

    Args:
        model: The model as it is named, scheme included.
        url: The address.
        key: The API key.
        variable: The environment variable of a key that is needed; empty where none is.

    Raises:
        ConfigError: If the address or the name is none, or the key is missing or cannot be sent.
    """
    name = model.partition(":")[2]
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not name or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ConfigError(f"not the address of a model: {name or '(no name)'}@{display(url)}")
    if variable and not key:
        raise ConfigError(
            f"model {model!r} needs an API key: set the variable {variable} or pass api_key="
        )
    if not (key.isascii() and (key.isprintable() or not key)):
        raise ConfigError(f"the API key for model {model!r} has characters that cannot be sent")
