"""Forethought: language-model agents that think ahead.

The public face. Names resolve on first use, so that importing this loads neither torch nor any SDK.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.agent.agent import Agent
    from forethought.agent.budget import Budget
    from forethought.agent.critics import ScriptedCritic
    from forethought.agent.errors import ToolError
    from forethought.agent.loop import run_episode
    from forethought.agent.models.names import load_model
    from forethought.agent.models.scripted import ScriptedModel
    from forethought.agent.prefixes import PrefixBank
    from forethought.agent.trace import read_traces
    from forethought.agent.types import Candidate, Estimate, Goal, Trace
    from forethought.tools.function import tool
    from forethought.valuefn.critic import load_critic

__all__ = [
    "Agent",
    "Budget",
    "Candidate",
    "Estimate",
    "Goal",
    "PrefixBank",
    "ScriptedCritic",
    "ScriptedModel",
    "ToolError",
    "Trace",
    "load_critic",
    "load_model",
    "read_traces",
    "run_episode",
    "tool",
]

_HOMES = MappingProxyType(
    {
        "Agent": "forethought.agent.agent",
        "Budget": "forethought.agent.budget",
        "Candidate": "forethought.agent.types",
        "Estimate": "forethought.agent.types",
        "Goal": "forethought.agent.types",
        "PrefixBank": "forethought.agent.prefixes",
        "ScriptedCritic": "forethought.agent.critics",
        "ScriptedModel": "forethought.agent.models.scripted",
        "ToolError": "forethought.agent.errors",
        "Trace": "forethought.agent.types",
        "load_critic": "forethought.valuefn.critic",
        "load_model": "forethought.agent.models.names",
        "read_traces": "forethought.agent.trace",
        "run_episode": "forethought.agent.loop",
        "tool": "forethought.tools.function",
    }
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
