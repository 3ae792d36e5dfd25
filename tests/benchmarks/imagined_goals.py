"""Do imagined goals fall where the head has data, and do the estimates hold for them?

`python tests/benchmarks/imagined_goals.py MODEL HEAD --out DIR [--wording held|mapped|free]`
plays `refine` on validation episodes of `bargaining-v0` and reports, for the thoughts carried out,
the share of supported estimates and how the estimates agree with what then happened: for the goals
the model imagined, and beside them, on the very same decisions, for all outcomes the world states.
Ways of wording goals:

- `held`: the schema holds the model to the world's own outcomes (the default of `refine`);
- `mapped`: the model words them freely and they are mapped to the world's by meaning;
- `free`: the model words them freely and they are left as they are, for a head trained on
  outcomes in the model's words (`forethought reword`); the truth of a goal is known only where it
  has the words of a wording (`--wordings FILE`), else the goal counts for support alone.

Intervals: 95 %, episodes drawn again. Interrupted runs go on.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from forethought.agent.models.names import load_model
from forethought.agent.planners.refine import Refine
from forethought.agent.rewording import read_wordings
from forethought.agent.types import Step, Trace
from forethought.envs.registry import get_world
from forethought.envs.rollouts import Recording, plan, play
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.meaning import Meaning
from forethought.valuefn.resampling import auc_of, bootstrap, calibration_error_of

WAYS = ("held", "mapped", "free")
Cell = tuple[int, float, bool]
"""Episode, chance, whether it came true."""


def planner_of(way: str, critic: LearnedValue) -> Refine:
    if way == "held":
        return Refine(critic)
    if way == "free":
        return Refine(critic, closed=False, match=lambda texts, _: [None] * len(texts))
    judge = Meaning(make_encoder("minilm"))
    return Refine(critic, closed=False, match=judge.match, same=judge.same)


def chosen_row(step: Step) -> Iterator[tuple[str, float, bool]]:
    """Goal, chance and support of each estimate of the thought carried out."""
    for each in step.decision.considered:
        if each.candidate == step.decision.candidate:
            for goal, said in zip(step.decision.goals, each.estimates, strict=True):
                yield goal.text, said.chance, said.supported
            return


def truths(trace: Trace, meaning: dict[str, str]) -> dict[str, bool]:
    """What came true and what did not, by every wording known."""
    outcome = trace.outcome
    if outcome is None or not outcome.finished:
        return {}
    known = dict.fromkeys(outcome.reached, True) | dict.fromkeys(outcome.missed, False)
    return known | {said: known[text] for said, text in meaning.items() if text in known}


def agreement(cells: Sequence[Cell], episodes: int, seed: int = 0) -> dict[str, object]:
    """AUC and calibration error with intervals."""
    if not cells:
        return {"estimates": 0}
    episode = np.asarray([cell[0] for cell in cells], dtype=np.int64)
    chance = np.asarray([cell[1] for cell in cells], dtype=np.float32)
    truth = np.asarray([cell[2] for cell in cells], dtype=np.float32)
    measured = bootstrap(
        [
            auc_of(chance, truth, episode),
            calibration_error_of(chance, truth, episode, episodes),
        ],
        np.arange(episodes),
        seed=seed,
        cells=len(cells),
    )
    figures = {
        name: None if each is None else [round(x, 3) for x in (each.value, each.low, each.high)]
        for name, each in zip(("auc", "calibration_error"), measured, strict=True)
    }
    return {
        "estimates": len(cells),
        "mean_chance": round(float(chance.mean()), 3),
        "came_true": round(float(truth.mean()), 3),
        **figures,
    }


def report(traces: Sequence[Trace], critic: LearnedValue, meaning: dict[str, str]) -> object:
    imagined: list[Cell] = []
    stated: list[Cell] = []
    flags: list[bool] = []
    fallbacks: dict[str, int] = {}
    decisions = 0
    for number, trace in enumerate(traces):
        known = truths(trace, meaning)
        for step in trace.steps:
            decisions += 1
            if step.decision.fallback:
                reason = step.decision.fallback.partition(":")[0]
                fallbacks[reason] = fallbacks.get(reason, 0) + 1
            row = list(chosen_row(step))
            flags += [supported for _, _, supported in row]
            imagined += [
                (number, chance, known[goal])
                for goal, chance, supported in row
                if supported and goal in known
            ]
            goals = [goal for goal in trace.episode.goals if goal.text in known]
            if row and goals:
                (all_of_it,) = critic.estimate(step.state, [step.decision.candidate], goals)
                stated += [
                    (number, said.chance, known[goal.text])
                    for goal, said in zip(goals, all_of_it, strict=True)
                    if said.supported
                ]
    calls = sum(trace.usage.calls for trace in traces)
    return {
        "episodes": len(traces),
        "decisions": decisions,
        "calls_per_decision": round(calls / max(decisions, 1), 2),
        "supported": round(float(np.mean(flags)), 3) if flags else None,
        "fallbacks": fallbacks,
        "refined": sum(bool(s.decision.first_thought) for t in traces for s in t.steps),
        "reward": round(float(np.mean([t.outcome.reward for t in traces if t.outcome])), 3),
        "imagined_goals": agreement(imagined, len(traces)),
        "stated_outcomes": agreement(stated, len(traces)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("head")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--wording", choices=WAYS, default="held")
    parser.add_argument("--wordings", type=Path, help="the file of `forethought reword`")
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    critic = load_critic(options.head)
    world = get_world("bargaining-v0")
    model = load_model(options.model)
    planned = plan(
        world, split="validation", episodes=options.episodes, seed=options.seed, arm=options.wording
    )
    file = options.out / f"{options.wording}.jsonl"
    with Recording(file, resume=file.exists()) as record:
        traces = asyncio.run(
            play(
                world,
                planner_of(options.wording, critic),
                planned,
                record=record,
                model=model,
                on_done=lambda trace, seconds: print(
                    f"{trace.episode.id}: {len(trace.steps)} decisions, {seconds:.0f} s",
                    file=sys.stderr,
                ),
            )
        )
    words = read_wordings(options.wordings) if options.wordings else {}
    meaning = {said: text for text, ways in words.items() for said in ways}
    print(json.dumps(report(traces, critic, meaning), indent=2))


if __name__ == "__main__":
    main()
