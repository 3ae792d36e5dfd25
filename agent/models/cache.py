"""Replies kept on disk, so that no request is paid for twice.

A request's key is the SHA-256 of the model's name and of all its fields; what a model's name does
not tell (weights replaced under one name, another server behind one address) the key does not know:
give such a model another folder. A sampled request without a seed is kept like any other, so asking
it again gives the same reply; planners of this library give every request a seed.

Each reply is one JSON file, written whole and then renamed, so many processes may share a folder.
An entry that cannot be read is passed over and written anew. Failures are never kept.
"""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forethought.agent.errors import ConfigError
from forethought.agent.models.wrapper import Wrapper
from forethought.agent.protocols import Hear, Model
from forethought.agent.types import Reply, Request, Usage

VERSION = 1
HIT = Usage(cached=1)
"""What a reply from the cache costs: nothing, and no call was made."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Entry:
    """One file."""

    version: int
    model: str
    key: str
    reply: Reply
    """As the model gave it, with what it cost."""


def request_key(model: str, request: Request) -> str:
    """What a reply is filed under: 64 hexadecimal digits.

    Args:
        model: The model's name.
        request: All of its fields count. Keys of a schema count in their order, because servers
            write in that order.

    Raises:
        ConfigError: If a schema holds something that is not JSON.
    """
    # 0 and 0.0 are one temperature, and would be two texts
    request = dataclasses.replace(request, temperature=float(request.temperature))
    try:
        text = json.dumps(
            [VERSION, model, _plain(request)],
            default=_plain,
            ensure_ascii=False,
            separators=(",", ":"),
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a request that is not JSON cannot be kept: {error}") from error
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cached(Wrapper):
    """A model that is asked only what it was never asked before.

    A reply from the cache has a usage of `cached=1` and nothing else: no call, no tokens, no
    dollars. When streamed, it is heard as one piece.

    Args:
        model: The model to wrap. Its name is part of every key.
        folder: Where replies are kept; made if it is not there.

    Raises:
        ConfigError: If the folder cannot be made.
    """

    def __init__(self, model: Model, folder: str | os.PathLike[str]) -> None:
        super().__init__(model)
        self.folder = Path(folder).expanduser()
        self.hits = 0
        """Requests answered from the cache."""
        self.misses = 0
        """Requests passed on to the model."""
        self.saved = Usage()
        """What the hits cost when they were asked."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot keep replies in {self.folder}: {error.strerror}; give another folder"
            ) from error

    async def complete(self, request: Request) -> Reply:
        """The reply kept, else the model's, which is kept from now on.

        Raises:
            ModelError: As the model wrapped; it is not kept.
            ConfigError: If the request cannot be written as JSON.
        """
        key = request_key(self.name, request)
        reply = self._find(key)
        return reply or self._keep(key, await super().complete(request))

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`; a reply kept is heard at once.

        Raises:
            ModelError: As the model wrapped; it is not kept.
            ConfigError: If the request cannot be written as JSON.
        """
        key = request_key(self.name, request)
        reply = self._find(key)
        if reply is None:
            return self._keep(key, await super().stream(request, hear))
        if reply.text:
            hear(reply.text)
        return reply

    def _file(self, key: str) -> Path:
        """Folders of two letters: directories with very many files are slow to list."""
        return self.folder / key[:2] / f"{key}.json"

    def _find(self, key: str) -> Reply | None:
        entry = None
        try:
            entry = _adapter().validate_json(self._file(key).read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValidationError) as error:
            _log.warning("passed over %s, no kept reply: %s", self._file(key), _line(error))
        if entry is None or (entry.version, entry.key) != (VERSION, key):
            self.misses += 1
            return None
        self.hits += 1
        self.saved = self.saved + entry.reply.usage
        return dataclasses.replace(entry.reply, usage=HIT)

    def _keep(self, key: str, reply: Reply) -> Reply:
        """Write a reply; one that cannot be written is not lost."""
        file = self._file(key)
        draft = file.with_name(f".{key}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            data = _adapter().dump_json(_Entry(VERSION, self.name, key, reply))
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(file)
        except (OSError, ValueError) as error:  # ValueError: half a surrogate pair, not JSON
            _log.warning("could not keep a reply in %s: %s", self.folder, _line(error))
            with suppress(OSError):
                draft.unlink()
        return reply


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter() -> TypeAdapter[_Entry]:
    """Build the schema on first use: it costs milliseconds that importing should not."""
    if _Entry not in _adapters:
        _adapters[_Entry] = TypeAdapter(_Entry)
    return _adapters[_Entry]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _plain(value: object) -> dict[str, Any]:
    """What JSON has no word for: records by field, so that a new field is part of the key."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
