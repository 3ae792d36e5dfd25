"""A study that fine-tunes a real model: replies that are kept, and trainings gone on with.

A study is a folder. Every reply that is measured is a line of `replies.jsonl` and is written once;
a training that was stopped goes on from its last checkpoint; `study.json` holds what must not
change in between. So the same command, given again, goes on where it stopped. Knows no task and no
recipe.
"""

import gc
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from gpu_options import Options, tell
from pydantic import TypeAdapter

from forethought.agent.errors import ConfigError
from forethought.agent.models.weights import Settings, load, resolve
from forethought.valuefn.rl.card import FILE as CARD
from forethought.valuefn.rl.folder import CHECKPOINTS
from forethought.valuefn.rl.rewards import Task, score
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.run import Progress, Run
from forethought.valuefn.rl.store import keep_lines
from forethought.valuefn.rl.tokens import Kind, Rollout
from forethought.valuefn.rl.tuning import quiet, tune

FIXED = ("model", "device", "steps", "prompts", "group", "rate", "tokens", "seed")
"""Options that a study keeps to the end; more questions may be added to it."""


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

    def open(
        self,
        policy: str,
        model: str | Path,
        setting: Setting,
        tasks: Sequence[Task],
        prefix: str,
        *,
        shown: int = 0,
    ) -> list[Kept]:
        """How likely the policy itself begins with a prefix; moves before any rate does.

        Args:
            policy: Kept under this name and the word `opening`.
            model: As for `ask`.
            setting: As for `ask`; at temperature 1, whatever it says.
            tasks: What it is asked.
            prefix: The beginning.
            shown: Demonstrations in the prompt.
        """
        sampling = replace(setting.recipe.sampling, temperature=1.0, turn_tokens=1)
        just = replace(setting, recipe=replace(setting.recipe, sampling=sampling))
        return self.ask(opening(policy), model, just, tasks, shown=shown, prefix=prefix)

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
            gc.collect()  # a trainer is held by its own callbacks
            torch.cuda.empty_cache()
        shutil.rmtree(checkpoints, ignore_errors=True)
        return folder


def opening(policy: str) -> str:
    """The name under which it is kept how likely a policy begins with a prefix."""
    return f"{policy} opening"


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


def _pace(name: str) -> Progress:
    began = time.monotonic()
    first: list[int] = []

    def told(what: str, done: int, whole: int) -> None:
        first.append(done)
        each = (time.monotonic() - began) / (done - first[0] + 1)
        tell(f"{name}: {done} of {whole} {what}, {each:.1f} s each")

    return told
