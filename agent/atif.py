"""Traces as ATIF trajectories and back: the Agent Trajectory Interchange Format, version 1.8.

Out: the first observation is a user's turn, every decision an agent's turn with its thought as
reasoning, its action as a message or a tool call, what came of it as observation, and its cost as
metrics. What ATIF has no place for goes to `extra` under "forethought", without repeating what is
told already, so that a trace comes back exactly as it was.

In: a trajectory of somebody else becomes a trace as well as it can: one step for each agent's turn.
Files are the caller's part.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forethought.agent.errors import DataError, needs
from forethought.agent.parsing import parse_call
from forethought.agent.types import (
    Candidate,
    Decision,
    Episode,
    Outcome,
    Scalar,
    Step,
    Trace,
    Usage,
)

with needs("ATIF", "pip install 'forethought[atif]'"):
    import atif

SCHEMA = "ATIF-v1.8"
OURS = "forethought"
"""Where `extra` holds what ATIF has no place for."""
