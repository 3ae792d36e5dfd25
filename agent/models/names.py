"""Models by name, such as `openai:NAME@http://host/v1`, `gguf:FILE` or `builtin`.

A scheme is one row of a table; its module is imported when it is asked for, not before, and so are
the wrappers (prices, limits, a cache) that any model can be given. Knows nothing of how a model
works.
"""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from forethought.agent import models
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.protocols import Model

if TYPE_CHECKING:
    from forethought.agent.models.prices import Prices


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
    paid: bool = False
    """Whether its calls cost money, so that their price is looked up."""


_SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "anthropic": Scheme(
            "anthropic:NAME[@http://host]",
            "the Anthropic service, or any server that speaks its protocol",
            "forethought.agent.models.anthropic",
            "from_name",
            paid=True,
        ),
        "builtin": Scheme(
            "builtin",
            "SmolLM2-135M-Instruct on llama.cpp, offline",
            "forethought.agent.models.llamacpp",
            "BuiltinModel",
            rest=False,
        ),
        "function": Scheme(
            "function:MODULE:FUNCTION",
            "a function of the request, imported",
            "forethought.agent.models.scripted",
            "from_import",
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
            paid=True,
        ),
        "scripted": Scheme(
            "scripted:FILE",
            "replies read from a JSON file, for tests",
            "forethought.agent.models.scripted",
            "from_file",
        ),
    }
)


_COMMON = ("cache", "concurrency", "prices", "requests_per_minute", "tokens_per_minute")
"""Options of `load_model` itself."""


def model_schemes() -> Mapping[str, Scheme]:
    """The kinds of model that `load_model` knows."""
    return _SCHEMES


def load_model(
    name: str,
    *,
    cache: str | os.PathLike[str] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    concurrency: int | None = None,
    prices: "Prices | str | os.PathLike[str] | None" = None,
    **options: Any,
) -> Model:
    """Make the model of that name. Nothing is sent or started before its first request.

    Args:
        name: A scheme, and after a colon what it needs; see `model_schemes`.
        cache: Folder in which replies are kept, see `Cached`; `None` keeps none.
        requests_per_minute: As for `Limiter`.
        tokens_per_minute: As for `Limiter`.
        concurrency: As for `Limiter`.
        prices: A table of prices or its file; by default as `load_prices`, for models that cost
            money. A model with a price is wrapped in `Priced`.
        options: Keyword arguments of the model's class, such as `timeout=` or `context=`.

    Raises:
        UnknownName: If there is no such scheme.
        ConfigError: If the rest of the name or an option cannot work.
        DataError: If a file named is not what it should be.
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
    if scheme.paid or prices is not None:
        model = _priced(model, prices)
    if (requests_per_minute, tokens_per_minute, concurrency) != (None, None, None):
        model = models.Limited(
            model,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            concurrency=concurrency,
        )
    return model if cache is None else models.Cached(model, cache)


def _priced(model: Model, prices: "Prices | str | os.PathLike[str] | None") -> Model:
    """The model with its price; the bare model where none is known."""
    if prices is None or isinstance(prices, str | os.PathLike):
        prices = models.load_prices(prices)
    priced = models.Priced(model, prices)
    return model if priced.price is None else priced


def _check_options(scheme: str, maker: Callable[..., Model], options: Mapping[str, Any]) -> None:
    """Refuse options that the maker does not have."""
    parameters = inspect.signature(maker).parameters.values()
    known = sorted(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{scheme} models have no option {unknown[0]!r}; known: {', '.join(known) or 'none'};"
            f" for every model: {', '.join(_COMMON)}"
        )
