"""Models: by name, scripted, behind a server, on llama.cpp or transformers; and what wraps one.

Names resolve on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.agent.models.anthropic import AnthropicModel
    from forethought.agent.models.cache import Cached
    from forethought.agent.models.limits import Limited, Limiter
    from forethought.agent.models.llamacpp import BuiltinModel, LlamaCppModel
    from forethought.agent.models.local import LocalModel
    from forethought.agent.models.names import load_model, model_schemes
    from forethought.agent.models.openai import OpenAIModel
    from forethought.agent.models.prices import Priced, load_prices
    from forethought.agent.models.requests import allow_requests, forbid_requests
    from forethought.agent.models.scripted import FunctionModel, ScriptedModel

__all__ = [
    "AnthropicModel",
    "BuiltinModel",
    "Cached",
    "FunctionModel",
    "Limited",
    "Limiter",
    "LlamaCppModel",
    "LocalModel",
    "OpenAIModel",
    "Priced",
    "ScriptedModel",
    "allow_requests",
    "forbid_requests",
    "load_model",
    "load_prices",
    "model_schemes",
]

_MODULES = {
    "AnthropicModel": "anthropic",
    "BuiltinModel": "llamacpp",
    "Cached": "cache",
    "FunctionModel": "scripted",
    "Limited": "limits",
    "Limiter": "limits",
    "LlamaCppModel": "llamacpp",
    "LocalModel": "local",
    "OpenAIModel": "openai",
    "Priced": "prices",
    "ScriptedModel": "scripted",
    "allow_requests": "requests",
    "forbid_requests": "requests",
    "load_model": "names",
    "load_prices": "prices",
    "model_schemes": "names",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
