"""Models: by name, scripted, behind a server, on llama.cpp or transformers; and what wraps one.

Names resolve on first use.
"""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

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

__getattr__, __dir__ = lazy(
    __name__,
    {
        "anthropic": ("AnthropicModel",),
        "cache": ("Cached",),
        "limits": ("Limited", "Limiter"),
        "llamacpp": ("BuiltinModel", "LlamaCppModel"),
        "local": ("LocalModel",),
        "names": ("load_model", "model_schemes"),
        "openai": ("OpenAIModel",),
        "prices": ("Priced", "load_prices"),
        "requests": ("allow_requests", "forbid_requests"),
        "scripted": ("FunctionModel", "ScriptedModel"),
    },
)
