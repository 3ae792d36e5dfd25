"""Models on transformers beside llama.cpp: `python tests/benchmarks/local_generation.py MODEL`.

MODEL is a GGUF file, so that both engines serve the same weights (llama.cpp as they are quantised,
transformers dequantised); by default the one of `builtin`. One thread each. Three things:

1. tokens/s of one reply, and of eight asked for at once;
2. seconds to the first token of a prompt that shares its beginning with an earlier one, with and
   without the keys and values that were kept;
3. seconds for each decision of `refine` on `bargaining-v0`, with and without them. The critic
   is a script that never lets the first thought be: what is timed is the model.

The engines take turns in one process. Time is processor time, all threads together, so that a busy
machine does not count.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence

import torch

from forethought.agent.critics import ScriptedCritic
from forethought.agent.loop import run_episode
from forethought.agent.models import LlamaCppModel, LocalModel
from forethought.agent.models.llamacpp import builtin_file
from forethought.agent.planners.refine import Refine
from forethought.agent.protocols import Model
from forethought.agent.types import Episode, Message, Request
from forethought.envs.registry import get_world

WORDS = "You trade books, hats and balls with another player, who values them otherwise than you. "
QUESTIONS = ["What do you offer?", "What may go well?", "What may go wrong?", "What now?"]


def ask(seed: int, tokens: int) -> Request:
    text = f"Tell a long story about {seed + 2} foxes."
    return Request((Message("user", text),), max_tokens=tokens, temperature=0.8, seed=seed)


async def rate(model: Model, count: int, tokens: int) -> float:
    """Tokens/s of `count` replies asked for at once."""
    begun = time.process_time()
    replies = await asyncio.gather(*[model.complete(ask(seed, tokens)) for seed in range(count)])
    written = sum(reply.usage.completion_tokens for reply in replies)
    return written / (time.process_time() - begun)


async def first_token(model: Model, number: int) -> float:
    """Seconds to one token, median over questions behind one long beginning."""
    system = Message("system", f"Game {number}. " + WORDS * 12)
    seconds = []
    for question in ("Ready?", *QUESTIONS):
        begun = time.process_time()
        await model.complete(Request((system, Message("user", question)), max_tokens=1))
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds[1:])


async def decisions(model: Model, count: int) -> tuple[float, float, int, list[str]]:
    """Seconds, model calls and prompt tokens for each decision of `refine`, and what it did."""
    begun = time.process_time()
    trace = await run_episode(
        get_world("bargaining-v0").make(),
        Refine(ScriptedCritic(lambda *_: 0.5)),  # neither clear nor in doubt: it refines
        episode=Episode("e", "bargaining-v0"),
        model=model,
        max_steps=count,
    )
    actions = [step.decision.action for step in trace.steps]
    cost = trace.usage
    number = len(actions)
    seconds = time.process_time() - begun
    return seconds / number, cost.calls / number, cost.prompt_tokens // number, actions


async def measure(file: str, tokens: int, count: int, rounds: int) -> dict[str, float]:
    torch.set_num_threads(1)
    keeping, forgetting = LocalModel(file), LocalModel(file, cache_mb=0)
    llama = LlamaCppModel(file, threads=1)
    for model in (keeping, forgetting, llama):
        await model.complete(ask(0, 2))
    tries: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, value in (
            ("local, one reply: tokens/s", await rate(keeping, 1, tokens)),
            ("local, eight replies: tokens/s", await rate(keeping, 8, tokens)),
            ("llama.cpp, one reply: tokens/s", await rate(llama, 1, tokens)),
            ("llama.cpp, eight replies: tokens/s", await rate(llama, 8, tokens)),
            ("local, first token, kept: s", await first_token(keeping, number)),
            ("local, first token, not kept: s", await first_token(forgetting, number)),
            ("llama.cpp, first token: s", await first_token(llama, number)),
        ):
            tries.setdefault(name, []).append(value)
    table = {name: statistics.median(values) for name, values in tries.items()}
    before = keeping.work
    kept = await decisions(keeping, count)
    after = keeping.work
    forgot = await decisions(forgetting, count)
    theirs = await decisions(llama, count)
    table["refine, kept: s a decision"] = kept[0]
    table["refine, not kept: s a decision"] = forgot[0]
    table["refine, llama.cpp: s a decision"] = theirs[0]
    table["refine: calls a decision"] = kept[1]
    table["refine: prompt tokens a decision"] = kept[2]
    table["refine, kept: prompt tokens read a decision"] = (after.read - before.read) / len(kept[3])
    table["refine: decisions"] = len(kept[3])
    table["refine: equal actions, kept and not kept"] = float(kept[3] == forgot[3])
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Local models beside llama.cpp.")
    parser.add_argument("model", nargs="?", help="a GGUF file; by default that of builtin")
    parser.add_argument("--tokens", type=int, default=48, help="tokens of a reply")
    parser.add_argument("--decisions", type=int, default=3, help="decisions of refine")
    parser.add_argument("--rounds", type=int, default=3, help="tries, of which the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    given = parser.parse_args(arguments)
    file = given.model or str(builtin_file())
    table = asyncio.run(measure(file, given.tokens, given.decisions, given.rounds))
    if given.json:
        print(json.dumps(table))
        return
    for name, value in table.items():
        print(f"{name:<48} {value:10.3f}")


if __name__ == "__main__":
    main()
