"""The studies of fine-tuning a real model, one after the other, in the time there is.

    export FORETHOUGHT_DATA=FOLDER PYTHONPATH=tests/support
    python tests/benchmarks/gpu_all.py --out DIR --minutes 25 [--model NAME]
    python tests/benchmarks/gpu_all.py --out DIR --device cpu       a small form, no measurement

First what must be there is looked for, so that a missing package costs no time of a GPU. Then come
policy_speed.py, gpu_icrl.py and gpu_tocorl.py, each until it is done or its share of the time is
over; what was not used goes to the next ones. One that was stopped leaves its table as far as it
is, and goes on when the same command is given again. All tables come last.
"""

import argparse
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gpu_options import device_of, machine, model_of, tell

from forethought.agent.errors import ForethoughtError
from forethought.envs.options import PLACE

HERE = Path(__file__).parent
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "bm25s")
GRACE = 90.0
"""Seconds for the update that a study is in, its checkpoint and its table."""
LEAST = 30.0
"""Seconds that are shared out even where the time is over."""
STOPPED = (130, -signal.SIGINT)
SHARES = {"policy_speed": 0.15, "gpu_icrl": 0.6, "gpu_tocorl": 0.25}
"""Of the time, in the order in which they run."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a study."""

    name: str
    code: int
    """0 done, one of `STOPPED` where the time was over, else failed."""
    seconds: float
    said: str


def missing(model: str) -> list[str]:
    """What must be there for a model and is not."""
    wanted = (*PACKAGES, "gguf") if model.endswith(".gguf") else PACKAGES
    found = [f"the package {name}" for name in wanted if find_spec(name) is None]
    if find_spec("pydantic_monty") is None and shutil.which("bwrap") is None:
        found.append("a sandbox for Python (the package pydantic-monty, or bubblewrap)")
    data = os.environ.get(PLACE)
    found += [
        f"{PLACE} with {name}/"
        for name in ("gsm8k", "multihop_qa")
        if not data or not (Path(data) / name).is_dir()
    ]
    return found


def commands(out: Path, usual: Sequence[str], more: Sequence[str]) -> dict[str, list[str]]:
    """The arguments of each study."""
    few = ["--updates", "3", "--rounds", "1", "--tokens", "8", "--rollouts", "8"]
    return {
        "policy_speed": [
            *usual,
            *(few if "cpu" in usual else ()),
            "--out",
            str(out / "speed.json"),
        ],
        "gpu_icrl": [*usual, "--out", str(out / "icrl"), *more],
        "gpu_tocorl": [*usual, "--out", str(out / "tocorl"), *more],
    }


def run(name: str, arguments: Sequence[str], seconds: float) -> Ended:
    """One study, for so long at most."""
    began = time.monotonic()
    command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            said, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            said = _stopped(child)
        except KeyboardInterrupt:  # the child has heard it too, where both have a terminal
            _stopped(child)
            raise
    return Ended(name, child.returncode, time.monotonic() - began, said)


def _stopped(child: "subprocess.Popen[str]") -> str:
    child.send_signal(signal.SIGINT)
    try:
        return child.communicate(timeout=GRACE)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        return child.communicate()[0]


def shares(names: Sequence[str], seconds: float) -> dict[str, float]:
    """Parts of the time for what is still to be run."""
    whole = sum(SHARES[name] for name in names)
    return {name: seconds * SHARES[name] / whole for name in names}


def all_of(left: dict[str, list[str]], seconds: float) -> tuple[list[Ended], bool]:
    """Run what is left; Ctrl-C ends it.

    Args:
        left: Arguments by study.
        seconds: For all of them together.

    Returns:
        What ran, and whether all did.
    """
    ends = time.monotonic() + seconds
    done: list[Ended] = []
    for place, name in enumerate(left):
        most = shares(list(left)[place:], max(ends - time.monotonic(), LEAST))[name]
        tell(f"{name}: up to {most / 60:.1f} minutes")
        try:
            done.append(run(name, left[name], most))
        except KeyboardInterrupt:
            tell("stopped; the same command goes on from here")
            return done, False
    return done, True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="What else is given, such as --steps 12, goes to gpu_icrl.py and gpu_tocorl.py.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--model", help="directory, GGUF file or hub id; `builtin` by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="a GPU by default")
    given, more = parser.parse_known_args()
    try:
        device, model = device_of(given.device), model_of(given.model)
    except ForethoughtError as error:
        tell(f"error: {error}")
        sys.exit(2)
    if lacking := missing(model):
        tell(f"error: not here: {', '.join(lacking)}")
        sys.exit(2)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES[:5])
    tell(f"{machine(device)}; {versions}")
    given.out.mkdir(parents=True, exist_ok=True)
    left = commands(given.out, ["--model", model, "--device", device], more)
    if (given.out / "speed.json").is_file():  # from an earlier call
        left.pop("policy_speed")
    done, whole = all_of(left, 60 * given.minutes - GRACE)
    for one in done:
        how = {0: "done", **dict.fromkeys(STOPPED, "stopped in time")}.get(one.code, "FAILED")
        sys.stdout.write(f"\n{one.name}: {how}, {one.seconds:.0f} s\n{one.said}")
    failed = any(one.code not in (0, *STOPPED) for one in done)
    sys.exit(1 if failed else 0 if whole else 130)


if __name__ == "__main__":
    main()
