"""Encoding and training on the CPU and, where there is one, on a GPU: agreement first, then speed.

Usage: python tests/benchmarks/gpu_value.py [--texts 2000] [--updates 200]

Checks that both devices give the same vectors, the same first losses and heads of the same worth,
within stated tolerances, and stops with 1 where they do not. The table comes last: texts a second
of MiniLM (fp32 on the CPU, bf16 on the GPU) and updates a second of the default head settings.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.data import build_dataset
from forethought.valuefn.fit import fit_head
from forethought.valuefn.hashed import HashedEncoder
from forethought.valuefn.machine import Machine
from forethought.valuefn.memory_source import MemorySource, make_blocks, make_inputs
from forethought.valuefn.sentence import SentenceEncoder
from forethought.valuefn.train import Trainer

LEAST_COSINE = 0.999
LOSS_TOLERANCE = 2e-3
"""Relative, of the training loss after a few updates."""
AUC_TOLERANCE = 0.02


def episodes(count: int, seed: int) -> list[Trace]:
    """Three decisions each; the outcome depends on the sums of what was asked for."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        asked = rng.integers(1, 10, size=3)
        won = bool(rng.random() < 1 / (1 + np.exp(asked.mean() - 5)))
        steps = tuple(
            Step(
                index,
                "",
                f"Turn {index + 1} of 3, episode mood {number % 7}. I asked {list(asked[:index])}.",
                Decision(Candidate(f"I ask for {ask} of 10."), "", "generated"),
            )
            for index, ask in enumerate(asked.tolist())
        )
        outcome = Outcome(
            float(won),
            won,
            reached=("We agree.",) if won else (),
            missed=() if won else ("We agree.",),
        )
        found.append(
            Trace(Episode(f"{seed}/{number}", "generated", instance=number), steps, outcome)
        )
    return found


def trainer(traces: list[Trace], config: HeadConfig, device: str) -> Trainer:
    data, encoder = build_dataset(traces), HashedEncoder()
    texts = {
        "state": data.states,
        "thought": data.thoughts,
        "prefix": data.prefixes,
        "goal": data.goals,
    }
    encoded = {name: encoder.encode(part) for name, part in texts.items()}
    rows = np.arange(len(data))
    inputs = make_inputs(encoded, make_blocks(encoded, data, rows))
    source = MemorySource(data, inputs, rows, rows[:500], config, device=device)
    return Trainer(source, config, machine=Machine(device))


def rate(work: Callable[[], object], count: int, device: str) -> float:
    """Units of work a second; `work` does `count` of them."""
    began = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return count / (time.perf_counter() - began)


def measure(device: str, texts: list[str], traces: list[Trace], updates: int) -> dict[str, object]:
    encoder = SentenceEncoder(256 if device != "cpu" else 64, device=device, bf16=device != "cpu")
    encoder.encode(texts[:64])
    kept: list[object] = []
    speed = rate(lambda: kept.append(encoder.encode(texts)), len(texts), device)
    run = trainer(traces, head_config(), device)
    first = [float(run.update()["loss"]) for _ in range(5)]
    train = rate(lambda: [run.update() for _ in range(updates)], updates, device)
    head = fit_head(traces, head_config(steps=100, members=2), device=device)
    return {
        "vectors": kept[0],
        "texts/s": speed,
        "updates/s": train,
        "losses": first,
        "auc": head.metrics["held_out"]["auc"],
    }


def disagreements(one: dict[str, object], other: dict[str, object]) -> list[str]:
    """What differs by more than it may."""
    left, right = np.asarray(one["vectors"]), np.asarray(other["vectors"])
    cosine = float((left * right).sum(axis=1).min())
    losses = np.asarray(one["losses"]), np.asarray(other["losses"])
    loss = float(np.abs(losses[1] / losses[0] - 1).max())
    auc = abs(float(str(one["auc"])) - float(str(other["auc"])))
    print(f"least cosine {cosine:.5f}, loss apart {loss:.2e}, AUC apart {auc:.4f}")
    checks = {
        "vectors": cosine >= LEAST_COSINE,
        "losses": loss <= LOSS_TOLERANCE,
        "AUC": auc <= AUC_TOLERANCE,
    }
    return [name for name, fine in checks.items() if not fine]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--updates", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    traces = episodes(max(arguments.texts // 3, 50), seed=0)
    texts = [step.state for trace in traces for step in trace.steps][: arguments.texts]
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    found = {name: measure(name, texts, traces, arguments.updates) for name in devices}
    wrong = disagreements(found["cpu"], found["cuda"]) if "cuda" in found else []
    if "cuda" not in found:
        print("no GPU here: nothing to agree with")
    print("device   texts/s   updates/s")
    for name, row in found.items():
        print(f"{name:6} {float(str(row['texts/s'])):9.0f} {float(str(row['updates/s'])):11.1f}")
    if wrong:
        sys.exit(f"the devices disagree on: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
