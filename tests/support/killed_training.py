"""Trains one head in a child process, again and again, each child killed at a random moment.

    python killed_training.py OUT SEED

Writes OUT/whole, trained undisturbed, and OUT/killed, trained in pieces; prints the kills.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from support_signpost import signpost_traces

from forethought.valuefn.config import changed, head_config
from forethought.valuefn.fit import fit_head

CONFIG = head_config(hidden=8, members=2, batch=32, steps=75, learning_rate=3e-3, refit=True)


TRACES = signpost_traces(60)


def train(out: Path, checkpoint: Path, tell: int) -> None:
    """Train in this process; one byte down the pipe at every look."""

    def progress(*_: object) -> None:
        os.write(tell, b".")

    head = fit_head(TRACES, CONFIG, checkpoint=checkpoint, progress=progress)
    head.save_pretrained(out)


def attempt(out: Path, checkpoint: Path, rng: random.Random | None) -> bool:
    """Train in a child, killed after a look or two; whether it came to its end."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        train(out, checkpoint, tell)
        os._exit(0)
    os.close(tell)
    if rng is not None:
        for _ in range(rng.randint(1, 3)):
            os.read(hear, 1)
        time.sleep(rng.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(hear)
    return status == 0


def main() -> None:
    """Train whole and in pieces."""
    torch.set_num_threads(1)
    fit_head(TRACES, changed(CONFIG, steps=1, refit=False))  # loads what children would each load
    out, rng = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    if not attempt(out / "whole", out / "whole.checkpoint", None):
        sys.exit("the undisturbed training failed")
    kills = 0
    while not attempt(out / "killed", out / "killed.checkpoint", rng):
        kills += 1
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main()
