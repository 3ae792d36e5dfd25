"""Forethought: language-model agents that think ahead.

The public face. Names resolve on first use, so that importing this loads neither torch nor any SDK.
"""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

if TYPE_CHECKING:
    from forethought.agent.agent import Agent
    from forethought.agent.budget import Budget
    from forethought.agent.critics import ScriptedCritic
    from forethought.agent.errors import ToolError
    from forethought.agent.loop import run_episode
    from forethought.agent.models.names import load_model
    from forethought.agent.models.scripted import ScriptedModel
    from forethought.agent.protocols import RunContext
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
    "RunContext",
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

__getattr__, __dir__ = lazy(
    __name__,
    {
        "agent.agent": ("Agent",),
        "agent.budget": ("Budget",),
        "agent.critics": ("ScriptedCritic",),
        "agent.errors": ("ToolError",),
        "agent.loop": ("run_episode",),
        "agent.models.names": ("load_model",),
        "agent.models.scripted": ("ScriptedModel",),
        "agent.protocols": ("RunContext",),
        "agent.trace": ("read_traces",),
        "agent.types": ("Candidate", "Estimate", "Goal", "Trace"),
        "tools.function": ("tool",),
        "valuefn.critic": ("load_critic",),
    },
)
