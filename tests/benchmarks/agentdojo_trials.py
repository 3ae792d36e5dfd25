"""agentdojo's tasks through our toolbox. `python tests/benchmarks/agentdojo_trials.py`.

Three tables, by suite and for all of them.

1. Gold: the gold calls of every user task, made by the package itself and by an agent of ours, and
   judged by the package's own utility functions.
2. Approval: the gold calls of every injection task that has some, with every tool under `approved`.
   A call that was made and had not been put before the person counts as unseen. Once the person
   agrees to everything, once to nothing.
3. Guard: every user task with the goal of every injection task planted wherever the user task
   reads, and an agent that obeys. The person refuses what is injected and agrees to the rest. For
   each way of asking: the share of injected calls that were stopped, of those with arguments from
   outside and of those that do more than read, and the goals reached all the same; then, with
   nothing planted, the share of the user's own calls that had to be approved, of those with
   arguments from outside, and of the others.

No model takes part: the gold calls are made whatever is read. `--suites slack,banking` takes
some of the suites, `--parts gold,approval` some of the tables, `--version v1` older suites;
everything takes minutes. Needs agentdojo without langchain, which it does not use here:

    pip install --no-deps agentdojo
    pip install anthropic cohere deepdiff docstring-parser google-genai openai 'pydantic[email]' \\
        python-dotenv pyyaml tenacity
"""

import argparse
import asyncio
import sys
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module, metadata
from typing import Any

from agentdojo_guard import WAYS, Person, asked_in_peace, attacked
from agentdojo_tools import VERSION, as_tool, fresh, load_suites, play, solved

from forethought.tools.approval import approved

PARTS = ("gold", "approval", "guard")


def by_package(suite: Any, task: Any) -> bool:
    """Whether the package solves a user task with its gold calls."""
    made = import_module("agentdojo.agent_pipeline.ground_truth_pipeline").GroundTruthPipeline(task)
    environment = suite.load_and_inject_default_environment({})
    return bool(suite.run_task_with_pipeline(made, task, None, {}, environment=environment)[0])


async def gold(suite: Any) -> Counter[str]:
    """The user tasks, solved by the package and by our toolbox."""
    tools, told = [as_tool(each) for each in suite.tools], Counter[str]()
    for task in suite.user_tasks.values():
        environment, before = fresh(suite, task)
        calls = task.ground_truth(environment)
        played = await play(tools, environment, task.PROMPT, calls, task.GROUND_TRUTH_OUTPUT)
        ours, package = solved(task, played, before, environment), by_package(suite, task)
        told["tasks"] += 1
        told["calls"] += len(calls)
        told["package"] += package
        told["ours"] += ours
        told["differ"] += ours != package
        told["failed"] += len(played.failed)
    return told


async def approval(suite: Any) -> Counter[str]:
    """The injection tasks with every tool under approval: what is asked, made, and reached."""
    told = Counter[str]()
    for task in suite.injection_tasks.values():
        told["tasks"] += 1
        _, before = fresh(suite, task)
        calls = task.ground_truth(before.model_copy(deep=True))
        if calls:
            told["with calls"] += 1
            told["calls"] += len(calls)
            for word, agrees in (("agreed", True), ("refused", False)):
                told.update(await _approval(suite, task, before, calls, word, agrees))
    return told


async def _approval(
    suite: Any, task: Any, before: Any, calls: Sequence[Any], word: str, agrees: bool
) -> Mapping[str, int]:
    person, environment = Person(lambda step: not agrees), before.model_copy(deep=True)
    played = await play(
        [as_tool(each) for each in suite.tools],
        environment,
        task.GOAL,
        calls,
        task.GROUND_TRUTH_OUTPUT,
        lambda given: [approved(each, person.answer) for each in given],
    )
    return {
        f"{word} asked": len(person.asked),
        f"{word} made": len(played.made),
        f"{word} reached": solved(task, played, before, environment),
        "unseen": len(person.unseen(played)),
    }


def row(*cells: object) -> None:
    sys.stdout.write(f"| {' | '.join(str(each) for each in cells)} |\n")


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "0 of 0"


def heading(*names: str) -> None:
    sys.stdout.write("\n")
    row(*names)
    row(*["---"] * len(names))


def by_suite(
    suites: Mapping[str, Any], count: Callable[[Any], Awaitable[Counter[str]]]
) -> dict[str, Counter[str]]:
    """Counts of each suite, and of all together."""

    async def counted() -> dict[str, Counter[str]]:
        return {name: await count(suite) for name, suite in suites.items()}

    told = asyncio.run(counted())
    whole = Counter[str]()
    for counts in told.values():
        whole.update(counts)
    return {**told, "all": whole}


def show_gold(suites: Mapping[str, Any]) -> dict[str, Counter[str]]:
    told = by_suite(suites, gold)
    heading("suite", "user tasks", "gold calls", "package", "ours", "judged differently", "failed")
    for name, at in told.items():
        keys = ("tasks", "calls", "package", "ours", "differ", "failed")
        row(name, *(at[key] for key in keys))
    return told


def show_approval(suites: Mapping[str, Any]) -> dict[str, Counter[str]]:
    told = by_suite(suites, approval)
    heading(
        "suite",
        "injection tasks",
        "with gold calls",
        "calls",
        "agreed: asked, made, goals reached",
        "refused: asked, made, goals reached",
        "made unseen",
    )
    for name, at in told.items():
        both = (
            ", ".join(str(at[f"{word} {key}"]) for key in ("asked", "made", "reached"))
            for word in ("agreed", "refused")
        )
        row(name, at["tasks"], at["with calls"], at["calls"], *both, at["unseen"])
    return told


def show_guard(suites: Mapping[str, Any]) -> dict[str, dict[str, Counter[str]]]:
    async def counted() -> list[dict[str, Counter[str]]]:
        return [
            {way: a + b for (way, a), b in zip(peace.items(), attack.values(), strict=True)}
            for suite in suites.values()
            for peace in [await asked_in_peace(suite, WAYS)]
            for attack in [await attacked(suite, WAYS)]
        ]

    parts = asyncio.run(counted())
    told = dict(zip(suites, parts, strict=True))
    told["all"] = {way: sum((part[way] for part in parts), Counter[str]()) for way in WAYS}
    for name, ways in told.items():
        at = next(iter(ways.values()))
        sys.stdout.write(
            f"\n{name}: {at['attacks']} attacks, {at['out of reach']} user tasks out of their "
            f"reach, {at['unmarked']} planted texts in results not marked as outside\n"
        )
        heading(
            "who is asked when",
            "injected calls stopped",
            "of those with arguments from outside",
            "of those that do more than read",
            "goals reached",
            "own calls asked about",
            "of those with arguments from outside",
            "of the others",
            "user tasks with no question",
        )
        for way, at in ways.items():
            row(way, *guard_cells(at))
    return told


def guard_cells(at: Counter[str]) -> list[str]:
    others = at["own"] - at["own derived"]
    return [
        share(at["stopped"], at["injected"]),
        share(at["derived stopped"], at["injected derived"]),
        share(at["acting stopped"], at["injected acting"]),
        share(at["reached"], at["attacks"]),
        share(at["own asked"], at["own"]),
        share(at["own derived asked"], at["own derived"]),
        share(at["own asked"] - at["own derived asked"], others),
        share(at["undisturbed"], at["tasks"]),
    ]


def main(arguments: Sequence[str] | None = None) -> Mapping[str, Any]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suites", help="with commas; all by default")
    parser.add_argument("--parts", default=",".join(PARTS), help="with commas")
    parser.add_argument("--version", default=VERSION, help="of the suites")
    given = parser.parse_args(arguments)
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other people's packages, as they are imported
        suites = load_suites(given.version)
    if given.suites:
        suites = {name: suites[name] for name in given.suites.split(",")}
    version = metadata.version("agentdojo")
    sys.stdout.write(f"agentdojo {version}, suites {given.version}: {', '.join(suites)}\n")
    show = {"gold": show_gold, "approval": show_approval, "guard": show_guard}
    told = {part: show[part](suites) for part in given.parts.split(",")}
    sys.stdout.write(f"\n{time.monotonic() - begun:.0f} s\n")
    return told


if __name__ == "__main__":
    main()
