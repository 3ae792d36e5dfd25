"""Prefixes mined from a model's own replies, and `rank` choosing among them by value.

Usage: PYTHONPATH=tests/support python tests/benchmarks/prefix_behaviour.py MODEL --out DIR
    [--questions 40] [--training 50] [--seed 0] [--stage collect|mine|switch|rank|report]

Needs $FORETHOUGHT_DATA with gsm8k/. Stages run in order; with `--stage` only up to that one.
Replies are kept in DIR/replies.jsonl and never written twice: a run that was stopped goes on, and
more questions add to what is there. DIR/report.md, DIR/results.json and DIR/modes.png are the end.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from prefix_rank import Table, best_first, by_question, decide, select, settings, traces
from prefix_replies import Replies
from prefix_report import draw, policies, rank_page, rank_rows, switch_page, switch_rows
from prefix_study import (
    BEHAVIOURS,
    DOMAINS,
    NO_PREFIX,
    Sizes,
    answer,
    choose,
    collect,
    make_splits,
    mine,
    save,
)

from forethought.agent.models.names import load_model
from forethought.agent.protocols import Model
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.fit import fit_head

STAGES = ("collect", "mine", "switch", "rank", "report")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    out: Path
    data: Path
    sizes: Sizes
    seed: int = 0
    stage: str = "report"
    """The last one."""
    training: int | None = None
    """Training questions of each domain that are used; all of them by default."""
    heads: Mapping[str, HeadConfig] = field(default_factory=settings)
    """Settings to choose from."""
    seeds: int = 5
    """Heads trained and controls drawn, each with a seed of its own."""


def run(model: Model, plan: Plan) -> dict[str, Any]:
    """All stages up to the plan's last one; returns what was found."""
    reached = STAGES.index(plan.stage)
    replies = Replies(plan.out / "replies.jsonl", model)
    splits = make_splits(plan.data, plan.sizes, plan.seed)
    found: dict[str, Any] = {"model": model.name}

    async def generate() -> list[dict[str, Any]]:
        """One event loop for all requests: a model's connections belong to it."""
        said = await collect(replies, splits)
        if reached < STAGES.index("mine"):
            return []
        bank = mine(said)
        bank.save(plan.out / "bank.json")
        found["tried"] = await choose(replies, splits, bank)
        found["prefixes"] = {name: str(found["tried"][name][0]["text"]) for name in BEHAVIOURS}
        if reached < STAGES.index("switch"):
            return []
        modes = {NO_PREFIX: "", **found["prefixes"]}
        held = by_question(await answer(replies, splits.held_out, modes))
        if reached < STAGES.index("rank"):
            return [held]
        used = splits.training[: plan.training and plan.training * len(DOMAINS)]
        trained = by_question(await answer(replies, used, found["prefixes"]))
        return [held, trained]

    tables = asyncio.run(generate())
    if tables:
        found["switch"] = switch_rows(tables[0])
    if len(tables) > 1:
        found["rank"] = rank(tables[0], tables[1], found["prefixes"], plan)
    save(plan.out / "results.json", found)
    if plan.stage == "report":
        report(found, plan.out)
    return found


def rank(held: Table, trained: Table, prefixes: Mapping[str, str], plan: Plan) -> dict[str, Any]:
    """Choose settings on training questions, train heads and controls, decide held-out ones."""
    prefixes = best_first(trained, prefixes)
    name, scores = select(trained, prefixes, plan.heads)
    config = plan.heads[name]
    episodes = traces(trained, prefixes)
    heads = {
        critic: [
            decide(
                LearnedValue(
                    fit_head(episodes, config.model_copy(update={"seed": seed, "permute": permute}))
                ),
                held,
                prefixes,
            )
            for seed in range(plan.seeds)
        ]
        for critic, permute in (("rank", False), ("rank+permuted", True))
    }
    got = policies(held, heads, trained, prefixes)
    picks = [pick for run in heads["rank"] for pick in run.values()]
    return {
        "settings": name,
        "cross-validated utility": scores,
        "chosen": {
            f"{domain} {mode}": sum(
                (pick.result.question.domain, pick.mode) == (domain, mode) for pick in picks
            )
            / plan.seeds
            for domain in DOMAINS
            for mode in prefixes
        },
        "fallbacks": sum(pick.fallback for pick in picks) / len(picks),
        "rows": [row for part in ("", *DOMAINS) for row in rank_rows(got, part)],
    }


def report(found: dict[str, Any], out: Path) -> None:
    """Write and print the tables; draw the picture."""
    ranked = found["rank"]
    text = "\n".join(
        [
            f"Model {found['model']}; prefixes {found['prefixes']}\n",
            switch_page(found["switch"]),
            f"Head: {ranked['settings']}; chosen per run {ranked['chosen']}; fallbacks"
            f" {ranked['fallbacks']:.2f}\n",
            rank_page(ranked["rows"]),
        ]
    )
    (out / "report.md").write_text(text, encoding="utf-8")
    draw(found["switch"], out / "modes.png")
    sys.stdout.write(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=40, help="held-out ones of each domain")
    parser.add_argument("--training", type=int, default=50, help="of the 50 to train heads on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=STAGES, default="report", help="the last one to run")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = os.environ.get("FORETHOUGHT_DATA")
    if not data:
        parser.error("FORETHOUGHT_DATA must name the folder that holds gsm8k/")
    sizes = Sizes(held_out=given.questions)
    plan = Plan(given.out, Path(data), sizes, given.seed, given.stage, training=given.training)
    run(load_model(given.model), plan)


if __name__ == "__main__":
    main()
