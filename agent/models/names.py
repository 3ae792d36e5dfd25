"""Models by name, such as `openai:NAME@http://host/v1`, `gguf:FILE` or `builtin`.

A scheme is one row of a table; its module is imported when it is asked for, not before. Knows
nothing of how a model works.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.protocols import Model


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of model name."""

    form: str
    """How it is written."""
    summary: str
    module: str
    """Where its maker lives."""
    maker: str
    """A function or class: takes what follows the colon, where something does, and options."""
    rest: bool = True
    """Whether something must follow the colon."""


_SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "builtin": Scheme(
            "builtin",
            "SmolLM2-135M-Instruct on llama.cpp, offline",
            "forethought.agent.models.llamacpp",
            "BuiltinModel",
            rest=False,
        ),
        "gguf": Scheme(
            "gguf:FILE",
            "a GGUF file on llama.cpp, in this process",
            "forethought.agent.models.llamacpp",
            "LlamaCppModel",
        ),
        "local": Scheme(
            "local:DIR-or-hub-id",
            "a directory, a GGUF file or a hub id on transformers, in this process",
            "forethought.agent.models.local",
            "LocalModel",
        ),
        "openai": Scheme(
            "openai:NAME[@http://host/v1]",
            "the OpenAI service, or any server that speaks its protocol",
            "forethought.agent.models.openai",
            "from_name",
        ),
        "scripted": Scheme(
            "scripted:FILE",
            "replies read from a JSON file, for tests",
            "forethought.agent.models.scripted",
            "from_file",
        ),
    }
)


def model_schemes() -> Mapping[str, Scheme]:
    """The kinds of model that `load_model` knows."""
    return _SCHEMES


def load_model(name: str, **options: Any) -> Model:
    """Make the model of that name. Nothing is sent or started before its first request.

    Args:
        name: A scheme, and after a colon what it needs; see `model_schemes`.
        options: Keyword arguments of the model's class, such as `timeout=` or `context=`.

    Raises:
        UnknownName: If there is no such scheme.
        ConfigError: If the rest of the name or an option cannot work.
        MissingExtra: If an optional package is not installed; says how to install it.
    """
    scheme_name, colon, rest = name.partition(":")
    if scheme_name not in _SCHEMES:
        raise UnknownName("kind of model", scheme_name or name, _SCHEMES)
    scheme = _SCHEMES[scheme_name]
    if scheme.rest != bool(rest.strip()) or (colon and not scheme.rest):
        raise ConfigError(f"a model {name!r} cannot be: write {scheme.form}")
    maker = getattr(import_module(scheme.module), scheme.maker)
    _check_options(scheme_name, maker, options)
    model: Model = maker(rest, **options) if scheme.rest else maker(**options)
    return model


def _check_options(scheme: str, maker: Callable[..., Model], options: Mapping[str, Any]) -> None:
    """Refuse options that the maker does not have."""
    parameters = inspect.signature(maker).parameters.values()
    known = sorted(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{scheme} models have no option {unknown[0]!r}; known: {', '.join(known) or 'none'}"
        )
