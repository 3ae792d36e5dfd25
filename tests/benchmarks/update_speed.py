"""Updates a second beside a plain restatement and d3rlpy: `python update_speed.py [--d3rlpy PY]`.

One run on one pinned core, one thread, processor time; goal-conditioned IQL on states 768 and 17
wide, goals as wide as the states, actions of 6, perceptrons of two layers of 256, twin critics and
their targets, one value, batches of 256 transitions drawn beforehand:

- Ours is the trainer with the `concat` network, one goal for each transition; `compiled` is the
  same with its loss compiled by torch first (`--no-compile` leaves it out).
- The plain one is `tests/support/plain_gcrl.py`.
- d3rlpy's IQL reads state and goal as its observation; ReLU, no layer normalisation. It also
  trains an actor, which ours does not: it is timed with it (`full`) and without (`values`), and
  only the second is equal work.

Before anything is timed the plain one is given the weights of ours, and losses and, after five
updates, all predictions must agree; so must the weights of the compiled one. All take turns, round
after round; the median round counts. The work is counted as multiplications and additions in matrix
products of the update (`GFLOP`), and its rate is set beside the core's own in the same run: a
product of two 1024 x 1024 matrices.

PY is the Python of an environment with d3rlpy; without it that row is left out.
"""

import argparse
import functools
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plain_gcrl import MLP, Batch, PlainIQL, Settings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from forethought.valuefn.config import HeadConfig
from forethought.valuefn.machine import Machine
from forethought.valuefn.source import Drawn, HeldOut, Sizes
from forethought.valuefn.train import Trainer

BATCH, HIDDEN, ACTION, BATCHES = 256, 256, 6, 8
COMMON: dict[str, Any] = {"gamma": 0.99, "expectile": 0.7, "polyak": 0.02, "learning_rate": 3e-4}
VALUE_WEIGHT = 4.0
"""Of the state value's loss in ours; the plain ones take the same."""

Step = Callable[[], object]


class Cycle:
    """A source that gives the same few batches again and again."""

    def __init__(self, sizes: Sizes, batches: list[Drawn]) -> None:
        self.sizes, self.batches, self.next = sizes, batches, 0
        self.outcomes = batches[0].goals.reshape(-1, sizes.goal)[:1]
        self.outcome_weights: NDArray[np.float32] = np.ones(1, dtype=np.float32)

    def draw(self, rng: np.random.Generator) -> Drawn:
        self.next += 1
        return self.batches[(self.next - 1) % len(self.batches)]

    def held_out(self) -> Iterator[HeldOut]:
        yield HeldOut(self.batches[0].judged, np.ones((BATCH, 1), dtype=np.float32))

    def digest(self) -> str:
        return "cycle"

    def position(self) -> Mapping[str, int]:
        return {"next": self.next}

    def seek(self, position: Mapping[str, int]) -> None:
        self.next = position["next"]


def drawn(width: int, generator: torch.Generator) -> Drawn:
    """Random transitions, each with a goal of its own."""

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def often(share: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) < share

    state = noise(BATCH, width)
    return Drawn(
        judged=torch.cat([state, noise(BATCH, ACTION)], dim=1),
        state=state,
        next_state=noise(BATCH, width),
        next_judged=None,
        goals=noise(BATCH, 1, width),
        at_goal=often(0.1, BATCH, 1),
        ended=often(0.1, BATCH, 1),
        outcome=often(0.5, BATCH, 1).float(),
        realised=often(0.5, BATCH, 1).float(),
        weight=torch.ones(BATCH, 1),
        boot=torch.ones(1, BATCH),
    )


def ours(width: int, *, compiled: bool = False) -> tuple[Trainer, list[Drawn]]:
    generator = torch.Generator().manual_seed(width)
    batches = [drawn(width, generator) for _ in range(BATCHES)]
    config = HeadConfig.model_validate(
        {**COMMON, "network": "concat", "hidden": HIDDEN, "members": 1, "batch": BATCH}
        | {"weight_decay": 0}
    )
    source = Cycle(Sizes(width + ACTION, width, width), batches)
    return Trainer(source, config, machine=Machine(compiled=compiled)), batches


def plain(trainer: Trainer, batches: list[Drawn]) -> tuple[PlainIQL, list[Batch]]:
    """The plain restatement with the weights of ours, and the batches as it takes them."""
    width = batches[0].state.shape[1]
    settings = Settings(
        **COMMON, hidden=HIDDEN, squash=True, activation=nn.SiLU, value_weight=VALUE_WEIGHT
    )
    plain = PlainIQL(width, ACTION, width, settings)
    networks = trainer.networks
    for stack, modules in (
        (networks.critic, plain.critics),
        (networks.target, plain.targets),
        (networks.value, [plain.state_value]),
    ):
        weights = stack.state_dict()
        for head, module in enumerate(each for each in modules if isinstance(each, MLP)):
            first = torch.cat([weights["given.weights.0"][head], weights["wanted"][head]])
            products = [first, *(weights[f"given.weights.{layer}"][head] for layer in (1, 2))]
            layers = (module.first, module.second, module.last)
            for number, (layer, weight) in enumerate(zip(layers, products, strict=True)):
                layer.weight.data.copy_(weight.T)
                layer.bias.data.copy_(weights[f"given.biases.{number}"][head, 0])
    taken = [
        Batch(
            b.state,
            b.judged[:, width:],
            b.next_state,
            b.goals[:, 0],
            b.at_goal[:, 0],
            b.ended[:, 0],
            b.outcome[:, 0],
        )
        for b in batches
    ]
    return plain, taken


def check(trainer: Trainer, restated: PlainIQL, batches: list[Drawn], taken: list[Batch]) -> float:
    """See that both reckon the same; the largest difference of predictions after five updates."""
    for mine, its in zip(batches, taken, strict=True):
        loss, _ = trainer.row.loss(trainer.networks, mine, trainer.config)
        np.testing.assert_allclose(
            loss.item(), sum(each.item() for each in restated.losses(its)), rtol=1e-5
        )
    for its in taken[:5]:
        trainer.update()
        restated.update(its)
    with torch.no_grad():
        found = trainer.networks.critic(batches[0].judged, batches[0].goals).sigmoid()
    expected = restated.critic(taken[0].state, taken[0].action, taken[0].goal)
    apart = float((found.mean(dim=0)[:, 0] - expected).abs().max())
    if apart > 1e-3:
        raise SystemExit(f"after five updates the predictions differ by {apart}")
    return apart


def check_compiled(made: Trainer, trainer: Trainer) -> float:
    """See that the compiled one learned the same in five updates; seconds of the first update."""
    begun = time.perf_counter()
    made.update()
    waited = time.perf_counter() - begun
    for _ in range(4):
        made.update()
    for mine, its in zip(
        made.networks.critic.parameters(), trainer.networks.critic.parameters(), strict=True
    ):
        np.testing.assert_allclose(mine.detach(), its.detach(), atol=1e-4)
    return waited


class Worker:
    """d3rlpy in its own environment."""

    def __init__(self, python: str, width: int) -> None:
        script = str(Path(__file__).with_name("d3rlpy_worker.py"))
        sizes = [str(each) for each in (2 * width, ACTION, BATCH, HIDDEN)]
        self.process = subprocess.Popen(
            [python, "-W", "ignore", script, *sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.version = self._answer().split()[-1]

    def seconds(self, kind: str, count: int) -> float:
        """Processor seconds of so many updates."""
        if self.process.stdin is None:
            raise SystemExit("the worker has no input")
        self.process.stdin.write(f"{kind} {count}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise SystemExit("d3rlpy did not start; run d3rlpy_worker.py by hand to see why")
        return line

    def close(self) -> None:
        """End it by ending its input."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(30)


def seconds(step: Step, count: int) -> float:
    begun = time.process_time()
    for _ in range(count):
        step()
    return time.process_time() - begun


def gflop(step: Step) -> float:
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / 1e9


def measure(width: int, rounds: int, python: str | None, *, compiles: bool) -> dict[str, object]:
    trainer, batches = ours(width)
    restated, taken = plain(trainer, batches)
    apart = check(trainer, restated, batches, taken)
    turn = itertools.cycle(taken)
    steps: dict[str, Step] = {"ours": trainer.update, "plain": lambda: restated.update(next(turn))}
    work = {name: gflop(step) for name, step in steps.items()}
    about: dict[str, object] = {"width": width, "largest_difference_after_five_updates": apart}
    if compiles:
        made, _ = ours(width, compiled=True)
        again, _ = ours(width)
        for _ in range(5):
            again.update()
        about["seconds_to_compile"] = round(check_compiled(made, again), 1)
        steps["compiled"], work["compiled"] = made.update, work["ours"]
    count = 8 if width > 100 else 24
    clocks: dict[str, Callable[[], float]] = {
        name: functools.partial(seconds, step, count) for name, step in steps.items()
    }
    worker = Worker(python, width) if python else None
    if worker is not None:
        for kind in ("full", "values"):
            clocks[f"d3rlpy {kind}"] = functools.partial(worker.seconds, kind, count)
    square = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0))
    rates: dict[str, list[float]] = {}
    peak: list[float] = []
    for _ in range(rounds):
        peak.append(2 * 2 * 1024**3 / 1e9 / seconds(lambda: square @ square, 2))
        for name, clock in clocks.items():
            rates.setdefault(name, []).append(count / clock())
    if worker is not None:
        worker.close()
    found = {name: statistics.median(each) for name, each in rates.items()}
    core = statistics.median(peak)
    return {
        **about,
        "updates_per_second": {name: round(rate, 1) for name, rate in found.items()},
        **{
            f"{mine}_over": {
                name: round(statistics.median(np.divide(rates[mine], each).tolist()), 3)
                for name, each in rates.items()
                if name not in {"ours", "compiled"}
            }
            for mine in rates
            if mine in {"ours", "compiled"}
        },
        "gflop_an_update": work,
        "gflop_per_second": {name: round(work[name] * found[name], 1) for name in work},
        "core_gflop_per_second": round(core, 1),
        "share_of_core": {name: round(work[name] * found[name] / core, 2) for name in work},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d3rlpy", default=None, help="Python of an environment with d3rlpy")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled one out")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})  # the worker inherits it
    torch.set_num_threads(1)
    for width in (768, 17):
        found = measure(width, options.rounds, options.d3rlpy, compiles=not options.no_compile)
        sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
