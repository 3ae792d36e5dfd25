"""bfcl-eval's multi-turn cases through our toolbox. `python tests/benchmarks/bfcl_replay.py`.

The methods of its simulated backends become tools as they are: their signatures and docstrings are
enough. An agent with a scripted model answers the questions of a case one after another, and makes
the gold calls of each turn, one a step. After every turn the backends must be in the state in which
the package's own replay leaves its backends, by its own check, and every call must have told the
same. What a tool objects to because it does not fit the method's own signature is printed, and the
case is played again with its arguments unchecked. 800 cases, a minute; `--cases 20` takes the first
of each category. Needs

    pip install --no-deps bfcl-eval && pip install mpmath
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from itertools import islice
from typing import Any

from bfcl_backends import (
    CATEGORIES,
    Case,
    Replay,
    cases,
    methods,
    read_call,
    same_result,
    same_state,
)

from forethought.agent.agent import Agent
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.protocols import RunContext, Tool
from forethought.agent.types import Message, ToolCall
from forethought.tools.function import FunctionTool
from forethought.tools.wrappers import Wrapped

LIMIT = 1_000_000
"""Longest result in characters: none is cut, as in the package."""


def script(turns: Sequence[Sequence[ToolCall]]) -> list[str]:
    """Replies that make the calls of each turn one by one, and then end it."""
    acts: list[object] = []
    for calls in turns:
        acts += [{"name": each.name, "arguments": dict(each.arguments)} for each in calls]
        acts.append({"answer": "Done."})
    return [json.dumps({"thought": "Next.", "action": act}) for act in acts]


class Unchecked(Wrapped):
    """A tool that hands its arguments to a method as they are."""

    def __init__(self, tool: Tool, method: Callable[..., Any]) -> None:
        super().__init__(tool)
        self._method = method

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        result = self._method(**arguments)
        return result if isinstance(result, str) else json.dumps(result, default=str)


@dataclass(slots=True)
class Compared:
    """A case, made by us and by the package."""

    same: bool = True
    """Whether the backends were in the same state after every turn."""
    differ: int = 0
    """Calls that told something else."""
    refused: list[str] = field(default_factory=list)
    """The calls that tools objected to or broke on, and what was told."""


async def replay(case: Case, *, checked: bool = True) -> Compared:
    """A case, made by us and by the package.

    Args:
        case: The case.
        checked: Whether tools check their arguments.
    """
    ours, theirs = case.backends(), Replay(case)
    tools: list[Tool] = []
    for method in (method for backend in ours.values() for method in methods(backend)):
        made = FunctionTool(method, limit=LIMIT)
        tools.append(made if checked else Unchecked(made, method))
    names = {each.name: list(each.schema["properties"]) for each in tools}
    turns = [[read_call(text, names) for text in turn] for turn in case.gold]
    model = ScriptedModel(script(turns))
    agent = Agent(model, tools=tools, max_steps=max(map(len, turns)) + 1)
    told, history = Compared(), tuple[Message, ...]()
    for question, calls in zip(case.questions, case.gold, strict=True):
        result = await agent.run(question or "There are more tools now.", history=history)
        history, steps = result.messages, result.trace.steps
        seen = [str(step.observation) for step in steps[1:]]
        expected, backends = theirs.turn(calls)
        told.same = told.same and same_state(ours, backends)
        told.differ += sum(not same_result(a, b) for a, b in zip(seen, expected, strict=True))
        made_of = zip(steps, calls, seen, strict=False)
        told.refused += [f"{c}: {text}" for step, c, text in made_of if step.facts.get("failed")]
    model.check_done()
    theirs.close()
    return told


async def count(case: Case) -> Counter[str]:
    """Counts of what was compared and what differed."""
    told = await replay(case)
    again = told if told.same and not told.differ else await replay(case, checked=False)
    for each in told.refused:
        sys.stderr.write(f"{case.id}: {each}\n")
    return Counter(
        {
            "cases": 1,
            "turns": len(case.gold),
            "calls": sum(map(len, case.gold)),
            "same": told.same,
            "differ": told.differ,
            "refused": len(told.refused),
            "unchecked": again.same and not again.differ,
        }
    )


def main(arguments: Sequence[str] | None = None) -> Mapping[str, Counter[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, help="of each category; all by default")
    parser.add_argument("--categories", default=",".join(CATEGORIES), help="with commas")
    given = parser.parse_args(arguments)
    begun = time.monotonic()
    version = metadata.version("bfcl-eval")
    sys.stdout.write(f"bfcl-eval {version}\n\n")
    head = (
        "category",
        "cases",
        "turns",
        "gold calls",
        "same states",
        "other results",
        "calls refused",
        "same states and results, those calls unchecked",
    )
    sys.stdout.write(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n")
    told: dict[str, Counter[str]] = {}
    for category in given.categories.split(","):
        counts = Counter[str]()
        for case in islice(cases(category), given.cases):
            counts.update(asyncio.run(count(case)))
        told[category] = counts
    told["all"] = sum(told.values(), Counter[str]())
    for category, counts in told.items():
        keys = ("cases", "turns", "calls", "same", "differ", "refused", "unchecked")
        cells = (str(counts[key]) for key in keys)
        sys.stdout.write(f"| {category} | {' | '.join(cells)} |\n")
    sys.stdout.write(f"\n{time.monotonic() - begun:.0f} s\n")
    return told


if __name__ == "__main__":
    main()
