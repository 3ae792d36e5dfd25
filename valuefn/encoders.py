"""Encoders by name, alone or joined by `+`; their packages are imported when asked for."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.protocols import Encoder
from forethought.valuefn.cache import CachedEncoder, RememberingEncoder
from forethought.valuefn.hashed import HashedEncoder
from forethought.valuefn.heard import HeardEncoder
from forethought.valuefn.lines import LinesEncoder, NotesEncoder

Floats = NDArray[np.float32]


class JoinedEncoder:
    """Several encoders side by side.

    Args:
        parts: The encoders, in order.
    """

    def __init__(self, parts: Sequence[Encoder]) -> None:
        self.parts = tuple(parts)
        self.name = "+".join(part.name for part in self.parts)
        self.dim = sum(part.dim for part in self.parts)

    @property
    def fingerprint(self) -> str:
        """The parts' own, joined."""
        return "+".join(part.fingerprint for part in self.parts)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`: the parts' vectors one after the other."""
        return np.concatenate([part.encode(texts) for part in self.parts], axis=1)


def _sentence() -> Encoder:
    encoder: Encoder = import_module("forethought.valuefn.sentence").SentenceEncoder()
    return CachedEncoder(encoder)


def _lines() -> Encoder:
    return LinesEncoder(make_encoder("minilm"))


def _notes() -> Encoder:
    return NotesEncoder(make_encoder("hashed"))


def _static() -> Encoder:
    encoder: Encoder = import_module("forethought.valuefn.static").StaticEncoder()
    return encoder


ENCODERS: Mapping[str, Callable[[], Encoder]] = MappingProxyType(
    {
        "hashed": HashedEncoder,
        "minilm": _sentence,
        "static": _static,
        "lines": _lines,
        "notes": _notes,
        "heard": HeardEncoder,
    }
)


def _sentence_on(device: str) -> Encoder:
    module = import_module("forethought.valuefn.sentence")
    encoder: Encoder = module.SentenceEncoder(256, device=device, bf16=True)
    return encoder


_ON_DEVICE: Mapping[str, Callable[[str], Encoder]] = MappingProxyType({"minilm": _sentence_on})
"""Those worth running elsewhere than on the CPU; there they are fast enough to keep no files."""


@cache
def make_encoder(name: str, device: str = "cpu") -> Encoder:
    """Build an encoder, or find the one already built.

    Args:
        name: `hashed`, `minilm`, `static`, `lines`, `notes`, `heard`, or several joined by `+`, as
            in `hashed+minilm`.
        device: Where neural encoders run, in bfloat16 where it is not `cpu`.

    Raises:
        UnknownName: If a part is unknown.
        ConfigError: If a part is named twice.
        MissingExtra: If a part's package is not installed.
    """
    parts = name.split("+")
    for part in parts:
        if part not in ENCODERS:
            raise UnknownName("encoder", part, ENCODERS)
    if len(set(parts)) < len(parts):
        raise ConfigError(f"encoder {name!r} names a part twice")
    there = {} if device == "cpu" else _ON_DEVICE
    built = [there[part](device) if part in there else ENCODERS[part]() for part in parts]
    return built[0] if len(built) == 1 else JoinedEncoder(built)


def parts_of(encoder: Encoder) -> list[tuple[str, int]]:
    """Names and widths of the encoders that stand side by side in its vectors."""
    if isinstance(encoder, RememberingEncoder):
        return parts_of(encoder.inner)
    parts = encoder.parts if isinstance(encoder, JoinedEncoder) else (encoder,)
    return [(part.name, part.dim) for part in parts]
