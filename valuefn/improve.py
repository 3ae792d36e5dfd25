"""Play, train, play again: from no head at all to the best one that validation episodes show.

Round 0 trains on episodes of the world's collectors. Every later round plays with the head of the
round before, straying now and then, and trains on all episodes so far. The head kept is the one
whose `rank` does best on the validation split; the test split is never touched. The control, a head
trained the same way on permuted outcomes, is made from the same episodes.

Everything lies in one directory, and what is whole in it is not done again:

```
OUT/round-0/traces.jsonl, head/, validation.json     OUT/round-1/...     OUT/head/ (with permuted/)
```
"""

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from forethought.agent.errors import ConfigError
from forethought.agent.places import cache_home
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.planners.rank import Rank
from forethought.agent.protocols import Planner, Turn
from forethought.agent.trace import FILE_NAME
from forethought.agent.types import Candidate, Decision, Episode, Trace
from forethought.envs.registry import World, folder_name
from forethought.envs.rollouts import OnDone, Recording, plan, play
from forethought.envs.stats import mean_interval
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.courses import USUAL, Course, course_of
from forethought.valuefn.critic import load_critic
from forethought.valuefn.fit import fit_head

VALIDATION_EPISODES = 800

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of play and training."""

    number: int
    head: Path
    validation: float
    """Mean reward of `rank` with this head on validation episodes."""
    ci95: tuple[float, float]
    episodes: int
    """Episodes it was trained on."""


@dataclass(frozen=True, slots=True)
class Improved:
    """What came of it."""

    head: Path
    """The best head, with its control in `permuted/`."""
    rounds: tuple[Round, ...]

    @property
    def best(self) -> Round:
        """The round whose head was kept."""
        return max(self.rounds, key=lambda each: each.validation)


class Stray:
    """A planner that now and then does something else than another planner says.

    Mostly one of the candidates that the other planner found nearly as good, since what is to be
    learned there is which of them is better; sometimes any candidate at all.

    Args:
        inner: The other planner.
        near: Share of the decisions that go to one of the best candidates weighed, 0 to 1.
        far: Share of the decisions that go to any candidate, 0 to 1.
    """

    def __init__(self, inner: Planner, near: float = USUAL.near, far: float = USUAL.far) -> None:
        self.name = inner.name
        self._inner = inner
        self._near, self._far = near, far

    async def decide(self, turn: Turn) -> Decision:
        """Decide, or stray."""
        decision = await self._inner.decide(turn)
        drawn = turn.rng.random()
        choices: Sequence[Candidate] = ()
        if drawn < self._far:
            choices = turn.observation.candidates
        elif drawn < self._far + self._near:
            choices = [each.candidate for each in decision.considered]
        bound = [candidate for candidate in choices if candidate.action is not None]
        if not bound:
            return decision
        chosen = turn.rng.choice(bound)
        return replace(decision, candidate=chosen, action=chosen.action or "")


def improve(
    world: World,
    *,
    rounds: int,
    episodes: int,
    seed: int,
    out: Path,
    config: HeadConfig | None = None,
    validation: int = VALIDATION_EPISODES,
    resume: bool = False,
    progress: Progress | None = None,
) -> Improved:
    """Collect, train, and then play and train again.

    Args:
        world: Where.
        rounds: Rounds of playing with the head after the first training, 0 or more.
        episodes: Collected for round 0; every later round plays half as many.
        seed: Chooses episodes and training; equal seeds give equal heads.
        out: The directory; see the module.
        config: Settings of the heads; by default those of the world's course.
        validation: Episodes that every head is judged on, 2 or more.
        resume: Go on with what `out` holds.
        progress: Told how far each stage is.

    Raises:
        ConfigError: If a number makes no sense, or `out` holds something and `resume` is false.
        DataError: If the episodes give nothing to learn from.
    """
    if rounds < 0:
        raise ConfigError(f"rounds must be 0 or more, not {rounds}")
    if episodes < 40:
        raise ConfigError(f"episodes must be 40 or more to train a head, not {episodes}")
    if out.exists() and not resume and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists; resume it or choose another place")
    course = course_of(world.id)
    work = _Work(world, seed, out, config or head_config(course.row), course, progress)
    traces: list[Trace] = []
    done: list[Round] = []
    for number in range(rounds + 1):
        folder = out / f"round-{number}"
        count = episodes if number == 0 else episodes // 2
        previous = done[-1].head if done else None
        traces += work.play(number, count, previous)
        head = work.train(traces, folder / "head", f"round {number}: train")
        done.append(work.validate(number, head, len(traces), validation))
    best = max(done, key=lambda each: each.validation)
    work.finish(best, traces[: best.episodes])
    return Improved(out / "head", tuple(done))


def default_heads(
    world: World,
    *,
    seed: int = 0,
    config: HeadConfig | None = None,
    episodes: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """The head that `bench` uses when none is named, with its control; trained once and cached.

    Args:
        world: Where.
        seed: Chooses episodes and training.
        config: Settings of the heads; by default those of the world's course.
        episodes: Collected at first; by default as the course says.
        progress: Told how far each stage is.

    Raises:
        ConfigError: If the cache cannot be written.
    """
    course = course_of(world.id)
    config = config or head_config(course.row)
    episodes = episodes or course.episodes
    texts = f"-texts{world.texts}" if world.texts > 1 else ""
    name = f"{folder_name(world.id)}{texts}-{episodes}x{course.rounds}-{config.digest()}-{seed}"
    out = cache_home() / "heads" / name
    if (out / "head" / "permuted" / "config.json").exists():
        return out / "head"
    return improve(
        world,
        rounds=course.rounds,
        episodes=episodes,
        seed=seed,
        out=out,
        config=config,
        resume=True,
        progress=progress,
    ).head


def collect(
    world: World,
    planned: Sequence[Episode],
    *,
    record: Recording[Trace] | None = None,
    on_done: OnDone | None = None,
) -> list[Trace]:
    """Episodes of the world's collectors, which take turns; in the order of the plan.

    Args:
        world: Where.
        planned: What is played.
        record: Where it is kept; what is whole in it is not played again.
        on_done: Told of each episode as it ends.

    Raises:
        ConfigError: If the world has no policy to collect with.
    """
    bots = world.collectors or tuple(bot for name, bot in world.bots.items() if name == "unguided")
    if not bots:
        raise ConfigError(
            f"{world.id} has no policy to collect episodes with: name a head with --critic, or give"
            " its World collectors"
        )
    found: dict[str, Trace] = {}
    for place, bot in enumerate(bots):
        part = planned[place :: len(bots)]
        planner = BotPlanner("collector", bot)
        for trace in asyncio.run(play(world, planner, part, record=record, on_done=on_done)):
            found[trace.episode.id] = trace
    return [found[episode.id] for episode in planned]


def _counted(tell: Progress, stage: str, total: int) -> OnDone:
    """Progress of a stage, counting episodes as they end."""
    count = itertools.count(1)
    return lambda trace, seconds: tell(stage, next(count), total)


class _Work:
    """The stages of one run; each passes over what is already whole."""

    def __init__(
        self,
        world: World,
        seed: int,
        out: Path,
        config: HeadConfig,
        course: Course,
        progress: Progress | None,
    ) -> None:
        self._world, self._seed, self._out, self._config = world, seed, out, config
        self._course = course
        self._progress = progress
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write {out}: {error.strerror}") from error

    def play(self, number: int, episodes: int, head: Path | None) -> list[Trace]:
        """Episodes of one round: by the collectors, or by the head of the round before."""
        planned = plan(
            self._world,
            split="train",
            episodes=episodes,
            seed=self._seed * 1000 + number,
            opponents=self._world.sparring or None,
            arm=f"round-{number}",
        )
        stage = f"round {number}: play"
        with Recording(self._out / f"round-{number}" / FILE_NAME, resume=True) as record:
            if head is not None:
                course = self._course
                planner = Stray(Rank(load_critic(head)), course.near, course.far)
                return self._run(planner, planned, stage, record)
            tell = _counted(self._tell, stage, len(planned))
            return collect(self._world, planned, record=record, on_done=tell)

    def _run(
        self,
        planner: Planner,
        episodes: Sequence[Episode],
        stage: str,
        record: Recording[Trace] | None,
    ) -> list[Trace]:
        tell = _counted(self._tell, stage, len(episodes))
        return asyncio.run(play(self._world, planner, episodes, record=record, on_done=tell))

    def train(self, traces: Sequence[Trace], head: Path, stage: str, **changes: object) -> Path:
        """Train a head unless it is there."""
        if (head / "config.json").exists():
            return head
        config = head_config(**{**self._config.model_dump(), "seed": self._seed, **changes})
        fitted = fit_head(
            traces, config, progress=lambda update, most, _: self._tell(stage, update, most)
        )
        return fitted.save_pretrained(head)

    def validate(self, number: int, head: Path, episodes: int, count: int) -> Round:
        """Mean reward of `rank` with a head on the validation split."""
        file = head.parent / "validation.json"
        if not file.exists():
            planned = plan(
                self._world,
                split="validation",
                episodes=count,
                seed=self._seed,
                opponents=self._world.sparring or None,
            )
            stage = f"round {number}: validate"
            traces = self._run(Rank(load_critic(head)), planned, stage, None)
            rewards = [t.outcome.reward for t in traces if t.outcome is not None]
            interval = mean_interval(rewards, seed=self._seed)
            scratch = file.with_suffix(".part")
            scratch.write_text(
                json.dumps({"mean": fmean(rewards), "ci95": [interval.low, interval.high]})
            )
            scratch.rename(file)
        found = json.loads(file.read_text())
        low, high = found["ci95"]
        return Round(number, head, found["mean"], (low, high), episodes)

    def finish(self, best: Round, traces: Sequence[Trace]) -> None:
        """Copy the best head into place, with a control trained on the same episodes."""
        control = self.train(traces, best.head / "permuted", "train the control", permute=True)
        target = self._out / "head"
        if not (target / control.name / "config.json").exists():
            scratch = self._out / f".head-{os.getpid()}"
            shutil.copytree(best.head, scratch)
            shutil.rmtree(target, ignore_errors=True)
            scratch.rename(target)

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(stage, done, total)
