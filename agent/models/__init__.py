"""Models: by name, scripted, behind a server, on llama.cpp or on transformers.

Names resolve on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.agent.models.llamacpp import BuiltinModel, LlamaCppModel
    from forethought.agent.models.local import LocalModel
    from forethought.agent.models.names import load_model, model_schemes
    from forethought.agent.models.openai import OpenAIModel
    from forethought.agent.models.scripted import FunctionModel, ScriptedModel

__all__ = [
    "BuiltinModel",
    "FunctionModel",
    "LlamaCppModel",
    "LocalModel",
    "OpenAIModel",
    "ScriptedModel",
    "load_model",
    "model_schemes",
]

_MODULES = {
    "BuiltinModel": "llamacpp",
    "FunctionModel": "scripted",
    "LlamaCppModel": "llamacpp",
    "LocalModel": "local",
    "OpenAIModel": "openai",
    "ScriptedModel": "scripted",
    "load_model": "names",
    "model_schemes": "names",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
