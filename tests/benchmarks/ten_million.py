"""Ten million transitions through Parquet shards in bounded memory: written, read, trained on.

Run from the repository root:

    PYTHONPATH=.typing:tests/support python tests/benchmarks/ten_million.py [--transitions N]

Prints what lies on disk, resident memory at its highest in each part, rates, and the ranking of the
head on new episodes beside that of the exact chances, which the generator knows. Needs about 25
bytes of disk for each transition; the shards are deleted at the end.
"""

import argparse
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from haggling import DEAL, episode, haggling

from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.head import Head
from forethought.valuefn.measures import auc
from forethought.valuefn.shard_fit import fit_shards
from forethought.valuefn.shard_manifest import Manifest
from forethought.valuefn.shards import write_shards

LIMIT = 4 * 2**30
"""Bytes that may be resident."""
SETTINGS = head_config("iql", steps=1, members=2, hidden=32, batch=1024)
"""One pass over the data with a small network: it is memory that is measured."""
ASKED = 4000
"""New episodes, one decision of each."""


def resident() -> int:
    """Resident memory of this process, bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watched(name: str) -> Iterator[list[float]]:
    """Sample resident memory ten times a second; prints the highest, yields the seconds."""
    done = threading.Event()
    highest = [resident()]

    def sample() -> None:
        while not done.wait(0.1):
            highest[0] = max(highest[0], resident())

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    began = time.perf_counter()
    seconds: list[float] = []
    try:
        yield seconds
    finally:
        done.set()
        thread.join()
        seconds.append(time.perf_counter() - began)
        peak = max(highest[0], resident())
        print(f"{name}: {seconds[0]:.0f} s, resident at most {peak / 2**20:,.0f} MiB", flush=True)


def high_water() -> int:
    """Most memory this process ever had resident, by the kernel, bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def judged(head: Head) -> tuple[float, float, float]:
    """On new episodes: AUC of the head, AUC of the exact chances, mean distance of the two."""
    rng = random.Random("new episodes")
    critic = LearnedValue(head)
    said, exact, truth = [], [], []
    for number in range(ASKED):
        trace, chances = episode(rng, number, -1)
        step = trace.steps[turn := rng.randrange(len(trace.steps))]
        said.append(critic.estimate(step.state, [step.decision.candidate], [DEAL])[0][0].chance)
        exact.append(chances[turn])
        truth.append(float(trace.outcome is not None and trace.outcome.success))
    a, b, t = np.asarray(said), np.asarray(exact), np.asarray(truth)
    return auc(a, t), auc(b, t), float(np.abs(a - b).mean())


def tell(update: int, most: int, loss: float) -> None:
    """One line for each look at the held-out rows."""
    now = time.strftime("%H:%M:%S")
    memory = f"{resident() / 2**20:,.0f} MiB"
    print(f"  {now} update {update:,} of {most:,}: loss {loss:.4f}, {memory}", flush=True)


def main() -> None:
    """Write, train, judge, delete."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--transitions", type=int, default=10_000_000)
    arguments.add_argument("--folder", type=Path, help="of the shards; a new one by default")
    arguments.add_argument("--window", type=int, default=512, help="MiB of features in memory")
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="shards-", dir=given.folder))
    try:
        measure(folder, given.transitions, given.window * 2**20)
    finally:
        shutil.rmtree(folder)
    high = high_water()
    print(f"resident at most, by the kernel: {high / 2**30:.2f} GiB (limit 4)")
    if high > LIMIT:
        raise SystemExit(1)


def measure(folder: Path, transitions: int, window: int) -> Manifest:
    """All parts on one folder."""
    with watched("write") as spent:
        manifest = write_shards(haggling(transitions), folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(
        f"{manifest.transitions:,} transitions of {manifest.episodes:,} episodes in "
        f"{len(manifest.shards)} shards, {size / 2**20:,.0f} MiB, "
        f"{manifest.transitions / spent[0]:,.0f} transitions/s"
    )
    with watched("train") as spent:
        head = fit_shards(folder, SETTINGS, progress=tell, window=window)
    updates = head.metrics["data"]["updates"]
    print(
        f"{updates:,} updates, {updates / spent[0]:.1f} updates/s and "
        f"{manifest.transitions / spent[0]:,.0f} transitions/s with reading and encoding"
    )
    with watched("judge"):
        ours, exact, distance = judged(head)
    print(f"AUC on {ASKED:,} new episodes: head {ours:.4f}, exact chances {exact:.4f}")
    print(f"mean distance of the head's chance to the exact one: {distance:.4f}")
    print(f"held out: {head.metrics['held_out']}")
    return manifest


if __name__ == "__main__":
    main()
