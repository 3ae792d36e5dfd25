"""The stage `rank` of `tests/benchmarks/prefix_behaviour.py`: a value head chooses the prefix.

A question is a one-step episode: its text is the state, a prefix is the candidate, and what came of
the reply are the goals. A head is trained on the training questions under every prefix; `Rank` then
decides held-out questions, and the reply it gets is the one already kept for that prefix.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from prefix_study import DOMAINS, Graded

from forethought.agent.models.scripted import FunctionModel
from forethought.agent.planners.rank import Rank
from forethought.agent.protocols import Turn, ValueFunction
from forethought.agent.types import (
    Candidate,
    Decision,
    Episode,
    Goal,
    Observation,
    Outcome,
    Request,
    Step,
    Trace,
)
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.fit import fit_head

THOUGHT = "I answer the question."
GOALS = (
    Goal("The answer is right.", "hoped", 1.0),
    Goal("The answer took more than 40 tokens.", "feared", 0.11),
    Goal("The answer took more than 200 tokens.", "feared", 0.18),
)
"""Weights: a token costs 0.001, so about 0.01, 0.12 and 0.3 below, between and above the limits."""
LIMITS = (40, 200)
FOLDS = 4
Table = Mapping[str, Mapping[str, Graded]]
"""Replies by question and mode."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a policy did with one question."""

    mode: str
    fallback: bool
    result: Graded


def settings() -> dict[str, HeadConfig]:
    """The heads that cross-validation chooses from."""
    found = {}
    for encoder in ("hashed", "hashed+minilm"):
        for hidden, decay in ((16, 1e-3), (16, 1.0), (32, 10.0)):
            name = f"{encoder}, {hidden} units, decay {decay:g}"
            found[name] = head_config(
                "monte-carlo",
                encoder=encoder,
                hidden=hidden,
                weight_decay=decay,
                learning_rate=5e-4,
                batch=128,
                steps=600,
            )
    return found


def by_question(graded: Iterable[Graded]) -> dict[str, dict[str, Graded]]:
    """A table of graded replies."""
    table: dict[str, dict[str, Graded]] = {}
    for each in graded:
        table.setdefault(each.question.id, {})[each.mode] = each
    return table


def traces(table: Table, prefixes: Mapping[str, str]) -> list[Trace]:
    """One episode for each question and prefix; episodes of one question are one instance."""
    found = []
    for number, (question, row) in enumerate(table.items()):
        for mode, prefix in prefixes.items():
            each = row[mode]
            truth = (each.right, *(each.tokens > limit for limit in LIMITS))
            outcome = Outcome(
                each.utility,
                each.right,
                reached=tuple(g.text for g, true in zip(GOALS, truth, strict=True) if true),
                missed=tuple(g.text for g, true in zip(GOALS, truth, strict=True) if not true),
            )
            decision = Decision(Candidate(THOUGHT, prefix), "", "fixed")
            step = Step(0, each.question.text, each.question.text, decision, each.utility)
            episode = Episode(f"{question} {mode}", "prefixes", instance=number, goals=GOALS)
            found.append(Trace(episode, (step,), outcome))
    return found


def decide(critic: ValueFunction, table: Table, prefixes: Mapping[str, str]) -> dict[str, Chosen]:
    """Have `Rank` answer every question of a table; replies are looked up.

    Args:
        critic: Scores the prefixes.
        table: What came of every question under every prefix.
        prefixes: Prefix by mode, in the order in which ties go.
    """
    planner = Rank(critic)
    modes = {prefix: mode for mode, prefix in prefixes.items()}

    async def one(row: Mapping[str, Graded]) -> Chosen:
        def reply(request: Request) -> str:
            return row[modes[request.prefix]].text

        text = next(iter(row.values())).question.text
        seen = Observation(
            text,
            state=text,
            candidates=tuple(Candidate(THOUGHT, prefix) for prefix in prefixes.values()),
            goals=GOALS,
        )
        turn = Turn(seen, text, FunctionModel(reply), random.Random(0))
        decision = await planner.decide(turn)
        mode = modes[decision.candidate.prefix]
        return Chosen(mode, bool(decision.fallback), row[mode])

    async def everyone() -> list[Chosen]:
        return [await one(row) for row in table.values()]

    return dict(zip(table, asyncio.run(everyone()), strict=True))


def select(
    table: Table, prefixes: Mapping[str, str], heads: Mapping[str, HeadConfig]
) -> tuple[str, dict[str, float]]:
    """Settings with the best mean utility in cross-validation by question; the first of equals."""
    questions = list(table)
    random.Random("folds").shuffle(questions)
    scores: dict[str, float] = {}
    for name, config in heads.items():
        utilities: list[float] = []
        for fold in range(FOLDS):
            asked = set(questions[fold::FOLDS])
            train = {key: row for key, row in table.items() if key not in asked}
            test = {key: row for key, row in table.items() if key in asked}
            critic = LearnedValue(fit_head(traces(train, prefixes), config))
            picks = decide(critic, test, prefixes)
            utilities += [pick.result.utility for pick in picks.values()]
        scores[name] = fmean(utilities)
    return max(scores, key=lambda name: scores[name]), scores


def best_first(table: Table, prefixes: Mapping[str, str]) -> dict[str, str]:
    """Prefixes by mean utility: `Rank` takes the first where the head has no data."""
    utility = {mode: fmean(row[mode].utility for row in table.values()) for mode in prefixes}
    return {mode: prefixes[mode] for mode in sorted(prefixes, key=lambda mode: -utility[mode])}


def best_by_domain(table: Table, prefixes: Mapping[str, str]) -> dict[str, str]:
    """The mode with the best mean utility in each domain: a rule that needs no head."""
    return {
        domain: max(
            prefixes,
            key=lambda mode: fmean(
                row[mode].utility for row in table.values() if row[mode].question.domain == domain
            ),
        )
        for domain in DOMAINS
    }
