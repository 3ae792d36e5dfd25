"""What the studies of fine-tuning a real model share: options, kept replies, trainings, a table.

A study is a folder. Every reply that is measured is a line of `replies.jsonl` and is written once;
a training that was stopped goes on from its last checkpoint; `study.json` holds what must not
change in between. So the same command, given again, goes on where it stopped. Knows no task and no
recipe.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from forethought.agent.errors import ConfigError, ForethoughtError
from forethought.agent.models.llamacpp import builtin_file
from forethought.agent.models.weights import Settings, load, resolve
from forethought.envs.stats import Interval, mean_interval, paired_difference
from forethought.valuefn.rl.card import FILE as CARD
from forethought.valuefn.rl.folder import CHECKPOINTS
from forethought.valuefn.rl.recipe import Sampling
from forethought.valuefn.rl.rewards import Task, score
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.run import Progress, Run
from forethought.valuefn.rl.store import keep_lines
from forethought.valuefn.rl.tokens import Kind, Rollout
from forethought.valuefn.rl.tuning import quiet, tune

NO_GPU = "no GPU is present: run on one, or in a small form on the CPU by adding --device cpu"
FIXED = ("model", "device", "steps", "prompts", "group", "rate", "tokens", "seed")
"""Options that a study keeps to the end; more questions may be added to it."""


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
    return resolve(str(builtin_file()) if asked in (None, "builtin") else str(asked))


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


@dataclass(frozen=True, slots=True)
class Kept:
    """One measured reply."""

    policy: str
    task: str
    turns: tuple[str, ...]
    given: tuple[str, ...]
    tokens: int
    """Drawn by the policy."""
    finish: str
    rewards: Mapping[str, float]
    opening: float = 0.0
    """Log-probability of the forced prefix, nats; 0 where there is none."""

    @property
    def text(self) -> str:
        """All that the policy said."""
        return "".join(self.turns)


_KEPT = TypeAdapter(Kept)


@dataclass(slots=True)
class Study:
    """A study in its folder.

    Raises:
        ConfigError: If the folder holds one with other options.
        DataError: If its file of replies is damaged.
    """

    options: Options
    _kept: dict[tuple[str, str], Kept] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.options.out.mkdir(parents=True, exist_ok=True)
        self._settle()
        keep_lines(self._file, lambda row: True)  # one that was cut off is measured again
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
        for line in lines:
            row = _KEPT.validate_json(line)
            self._kept[row.policy, row.task] = row

    @property
    def _file(self) -> Path:
        return self.options.out / "replies.jsonl"

    def _settle(self) -> None:
        file = self.options.out / "study.json"
        fixed = {name: getattr(self.options, name) for name in FIXED}
        if not file.is_file():
            file.write_text(json.dumps(fixed, indent=2) + "\n", encoding="utf-8")
        begun = json.loads(file.read_text(encoding="utf-8"))
        differ = [f"{name} = {begun.get(name)}" for name in FIXED if begun.get(name) != fixed[name]]
        if differ:
            raise ConfigError(
                f"{self.options.out} holds a study with {', '.join(differ)}: give the same, or "
                "another --out"
            )

    def ask(
        self,
        policy: str,
        model: str | Path,
        setting: Setting,
        tasks: Sequence[Task],
        *,
        shown: int = 0,
        prefix: str = "",
    ) -> list[Kept]:
        """What a policy says to tasks, one reply each, from the file where it stands there.

        Args:
            policy: Name that the replies are kept under.
            model: Its weights.
            setting: Episodes, rewards, demonstrations and sampling.
            tasks: What it is asked.
            shown: Demonstrations in the prompt.
            prefix: Forced opening; empty for none.
        """
        missing = [task for task in tasks if (policy, task.id) not in self._kept]
        if missing:
            with quiet():
                self._write(policy, model, setting, missing, shown, prefix)
        return [self._kept[policy, task.id] for task in tasks]

    def known(self, policy: str, tasks: Sequence[Task]) -> list[Kept] | None:
        """Replies that are there already; `None` where one is missing."""
        found = [self._kept.get((policy, task.id)) for task in tasks]
        rows = [row for row in found if row is not None]
        return rows if len(rows) == len(tasks) else None

    def _write(
        self,
        policy: str,
        model: str | Path,
        setting: Setting,
        tasks: Sequence[Task],
        shown: int,
        prefix: str,
    ) -> None:
        options = self.options
        source = resolve(str(model))
        loaded = load(Settings(source=source, device=options.device, dtype="float32"))
        sampling = replace(setting.recipe.sampling, rows=options.rows)
        for at in range(0, len(tasks), options.rows):
            some = tasks[at : at + options.rows]
            tell(f"{policy}: {at} of {len(tasks)} replies")
            starts = [
                Start(
                    task.id,
                    setting.play(task, setting.demonstrations[:shown]),
                    f"{options.seed}/measured/{task.id}",
                    prefix,
                )
                for task in some
            ]
            made = generate(loaded.model, loaded.tokenizer, starts, sampling)
            rows = [
                kept_of(policy, one, score(one, task, setting.rewards))
                for one, task in zip(made, some, strict=True)
            ]
            with self._file.open("a", encoding="utf-8") as out:
                out.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
            self._kept.update({(row.policy, row.task): row for row in rows})

    def trained(self, name: str, setting: Setting) -> Path:
        """The directory of a policy tuned from the study's model; a training once done stays.

        Args:
            name: Folder below the study's.
            setting: What is trained.
        """
        options = self.options
        folder = options.out / name
        checkpoints = folder / CHECKPOINTS
        if not (folder / CARD).is_file():
            run = Run(
                folder,
                seed=options.seed,
                part=options.part,
                save_every=options.save_every,
                keep=1,
                log_rollouts=4,
                device="cpu" if options.device == "cpu" else "auto",
                resume=any(checkpoints.glob("checkpoint-*")),
                progress=_pace(name),
            )
            tune(options.model, setting, run)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return folder


def sampled(options: Options, sampling: Sampling) -> Sampling:
    """A recipe's sampling with the options that bear on it."""
    return replace(sampling, turn_tokens=options.tokens, rows=options.rows)


def kept_of(policy: str, rollout: Rollout, rewards: Mapping[str, float]) -> Kept:
    """What is kept of a rollout."""
    pairs = zip(rollout.logprobs, rollout.kinds, strict=True)
    return Kept(
        policy=policy,
        task=rollout.task,
        turns=rollout.turns,
        given=rollout.given,
        tokens=rollout.kinds.count(Kind.SAMPLED),
        finish=rollout.finish,
        rewards=rewards,
        opening=sum(value for value, kind in pairs if kind == Kind.FORCED),
    )


def tell(text: str) -> None:
    """A line about how far it is, kept apart from the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _pace(name: str) -> Progress:
    began = time.monotonic()
    first: list[int] = []

    def told(what: str, done: int, whole: int) -> None:
        first.append(done)
        each = (time.monotonic() - began) / (done - first[0] + 1)
        tell(f"{name}: {done} of {whole} {what}, {each:.1f} s each")

    return told


Figure = Callable[[Kept], float]


def means(rows: Sequence[Kept], figures: Mapping[str, Figure], seed: int) -> dict[str, Interval]:
    """The mean of every figure with its 95 % interval over questions."""
    return {name: mean_interval(list(map(of, rows)), seed=seed) for name, of in figures.items()}


def gaps(
    one: Sequence[Kept], other: Sequence[Kept], figures: Mapping[str, Figure], seed: int
) -> dict[str, Interval]:
    """`one` less `other`, question by question, with 95 % intervals."""
    return {
        name: paired_difference(list(map(of, one)), list(map(of, other)), seed=seed)
        for name, of in figures.items()
    }


Section = tuple[str, str, Mapping[str, Interval]]
"""A domain, what was measured in it, and its figures."""


def table(title: str, sections: Sequence[Section]) -> str:
    """Figures as aligned text, one line for each section."""
    names = list(sections[0][2]) if sections else []
    lines = [["domain", "", "n", *names]]
    for domain, what, figures in sections:
        n = str(next(iter(figures.values())).n)
        lines.append([domain, what, n, *(_cell(figures[name]) for name in names)])
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    rows = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join([title, *rows, *(() if sections else ("nothing measured yet",))]) + "\n"


def _cell(one: Interval) -> str:
    digits = 0 if abs(one.value) >= 100 else 1 if abs(one.value) >= 10 else 3
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def run_study(
    given: argparse.Namespace,
    work: Callable[[Study], None],
    report: Callable[[Study], tuple[str, Sequence[Section]]],
) -> None:
    """Do what is missing of a study, then say what is there; Ctrl-C leaves a study that goes on.

    Args:
        given: Options of `parser`.
        work: Does it.
        report: Title and sections of the table, of the replies that are there.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell ignores it
    stopped = False
    try:
        options = options_of(given)
        if options.device == "cpu":
            torch.set_num_threads(1)
        study = Study(options)
        try:
            work(study)
        except KeyboardInterrupt:
            stopped = True
        title, sections = report(study)
    except ForethoughtError as error:
        tell(f"error: {error}")
        sys.exit(2)
    found: dict[str, Any] = {
        "options": {**asdict(options), "out": str(options.out)},
        "finished": not stopped,
        "rows": [
            {"domain": domain, "what": what, **{name: asdict(one) for name, one in figures.items()}}
            for domain, what, figures in sections
        ],
    }
    (options.out / "results.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if stopped:
        tell("stopped; the same command goes on from here")
    sys.stdout.write(table(f"{title}; {options.model} on {machine(options.device)}", sections))
    sys.exit(130 if stopped else 0)


def machine(device: str) -> str:
    """What the device is called in a table."""
    if device == "cpu":
        return "one thread of a CPU: it shows that everything works, and measures nothing"
    return f"{torch.cuda.get_device_name(0)}"
