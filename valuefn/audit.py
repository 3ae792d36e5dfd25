"""The audit of a head: what it does when parts of the question are taken away, or all is wrong.

The same test episodes are played by `rank` with the head, with the same head asked spoilt questions
(`probes`), and with heads trained on less or on wrong outcomes (`controls`). The first kind tells
whether this head uses a part, the second whether the part matters in these data. Beside play, all
of them are asked about fresh episodes of the world's collectors.

Candidates are shown in an order drawn by lot, so that a head that cannot tell them apart plays at
random and not whatever the world happens to name first.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forethought.agent.errors import ConfigError
from forethought.agent.planners.bot import BotPlanner, Unguided
from forethought.agent.planners.rank import Rank
from forethought.agent.protocols import Model, Planner, Turn
from forethought.agent.trace import FILE_NAME
from forethought.agent.types import Decision, Trace
from forethought.envs.bench import run_planners
from forethought.envs.registry import World
from forethought.envs.rollouts import Recording, plan
from forethought.envs.scores import BenchReport
from forethought.valuefn.controls import Controls, own_traces
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.evaluate import ask
from forethought.valuefn.head import Head
from forethought.valuefn.improve import collect
from forethought.valuefn.probes import PARTS, Blanked, GoalsDealt, WishesSwapped
from forethought.valuefn.queries import SHARES, Cases, make_cases
from forethought.valuefn.resampling import Measured
from forethought.valuefn.scoring import Scores, difference, score
from forethought.valuefn.verdicts import MARGIN, Loss, Verdict, never_varies, verdict

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
LOGGED = "logged"
"""Folder of the fresh episodes of the collectors."""


@dataclass(frozen=True, slots=True)
class Row:
    """One head, or one wrong question, beside what it is held against."""

    name: str
    what: str
    against: str
    """The row that its losses are counted from; empty for the head itself."""
    scores: Scores
    """Of the main goal, on fresh episodes."""
    auc_lost: Loss | None
    log_loss_added: Loss | None
    reward: float
    """Mean over the episodes played."""
    reward_lost: Loss | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found."""

    env: str
    episodes: int
    """Played by every arm; as many fresh ones were asked about."""
    seed: int
    margin: float
    goal: str
    """The main goal."""
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    bench: BenchReport


class ByLot:
    """Shows another planner the candidates in an order drawn by lot, so that ties fall by lot.

    Args:
        inner: The other planner.
    """

    def __init__(self, inner: Planner) -> None:
        self.name = inner.name
        self._inner = inner

    async def decide(self, turn: Turn) -> Decision:
        """What the other planner says."""
        drawn = turn.rng.sample(turn.observation.candidates, len(turn.observation.candidates))
        seen = replace(turn.observation, candidates=tuple(drawn))
        return await self._inner.decide(replace(turn, observation=seen))


def audit(
    world: World,
    folder: Path,
    *,
    traces: Sequence[Trace] | None = None,
    episodes: int = 400,
    seed: int = 0,
    margin: float = MARGIN,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """Audit a head.

    Args:
        world: Where it plays.
        folder: Its directory; controls are kept in it.
        traces: What controls are trained on; by default the episodes that `improve` left beside the
            head, or else as many fresh ones of the world's collectors.
        episodes: Test episodes of every arm, 2 or more.
        seed: Chooses them, and the resamples of the intervals.
        margin: Differences below it, of an AUC or of the reward, count as none; above 0.
        out: Folder for the episodes; `None` keeps none.
        resume: Go on with what `out` holds.
        progress: Told how far each stage is.

    Raises:
        ConfigError: If a number makes no sense, or a place cannot be written.
        HeadError: If the head cannot be used.
        DataError: If the episodes give nothing to learn from.
    """
    if episodes < 2 or margin <= 0:
        raise ConfigError(
            f"an audit needs 2 episodes or more ({episodes}) and a margin above 0 ({margin:g})"
        )
    tell = progress or _silent
    head = load_critic(folder)
    if traces is not None and not traces:
        raise ConfigError("there is no episode to train controls on")
    controls = Controls(
        folder, head.head, lambda: traces or _training_traces(world, folder, head.head, tell), tell
    )
    critics, against, what = _line_up(head, controls)
    cases = make_cases(_fresh(world, episodes, seed, out, tell))
    report = asyncio.run(
        run_planners(
            world,
            _planners(world, critics),
            episodes=episodes,
            seed=seed,
            out=out,
            resume=resume,
            opponents=world.opponents,
            progress=tell,
        )
    )
    rows = _rows(critics, against, what, cases, report, seed)
    told = {row.name: (row.auc_lost, row.reward_lost) for row in rows}
    return Audit(
        world.id,
        episodes,
        seed,
        margin,
        rows[0].scores.name,
        rows,
        tuple(
            verdict(part, told[f"{part}-blanked"], told[f"no-{part}"], margin)
            if f"no-{part}" in told
            else never_varies(part)
            for part in PARTS
        ),
        report,
    )


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def _line_up(
    head: LearnedValue, controls: Controls
) -> tuple[dict[str, LearnedValue], dict[str, str], dict[str, str]]:
    """All critics by arm, what each is held against, and what each is, in words."""
    parts = [part for part in PARTS if len(head.head.blocks[part].columns)]
    reference = controls.reference([f"no-{part}" for part in parts])
    critics = {"head": head}
    against, what = {"head": ""}, {"head": "the head as it is"}

    def add(critic: LearnedValue, name: str, than: str, words: str) -> None:
        critics[name], against[name], what[name] = critic, than, words

    encoder = head.encoder
    for part in parts:
        words = f"the same head, not told the {part}"
        add(Blanked(head.head, part, encoder), f"{part}-blanked", "head", words)
    add(GoalsDealt(head.head, encoder), "goals-dealt", "head", "the same head, goals mixed up")
    turned = "the same head, every chance turned: hoped and feared swapped"
    add(WishesSwapped(head.head, encoder), "wishes-swapped", "head", turned)
    if reference != "head":
        add(controls.get(reference), reference, "head", "trained anew, the reference of the next")
    for part in parts:
        name = f"no-{part}"
        add(controls.get(name), name, reference, f"trained without the {part}")
    add(controls.get("permuted"), "permuted", reference, "trained on permuted outcomes")
    return critics, against, what


def _planners(
    world: World, critics: Mapping[str, LearnedValue]
) -> dict[str, tuple[Planner, Model | None]]:
    """`rank` with every critic, and the unguided choice as the floor."""
    found: dict[str, tuple[Planner, Model | None]] = {
        name: (ByLot(Rank(critic)), None) for name, critic in critics.items()
    }
    bot = world.bots.get("unguided")
    found["unguided"] = (BotPlanner("unguided", bot) if bot else Unguided()), None
    return found


def _training_traces(world: World, folder: Path, head: Head, tell: Progress) -> list[Trace]:
    """The head's own episodes where they lie beside it, else as many fresh ones."""
    tell("read the head's episodes", 0, 1)
    known = own_traces(folder, head)
    if known is not None:
        return known
    count = int(head.metrics.get("data", {}).get("episodes", 2000))
    planned = plan(world, split="train", episodes=count, seed=head.config.seed, arm="audit")
    done = itertools.count(1)
    return collect(
        world, planned, on_done=lambda trace, seconds: tell("collect", next(done), count)
    )


def _fresh(world: World, episodes: int, seed: int, out: Path | None, tell: Progress) -> list[Trace]:
    """Episodes of the collectors on the test split, which no head has seen.

    Those of an audit that was cut before it played are taken up: equal plans have equal ids.
    """
    planned = plan(world, split="test", episodes=episodes, seed=seed, arm="collector")
    done = itertools.count(1)
    place = out / LOGGED / FILE_NAME if out else None
    with Recording(place, resume=True) if place else nullcontext() as record:
        return collect(
            world,
            planned,
            record=record,
            on_done=lambda trace, seconds: tell("fresh episodes", next(done), episodes),
        )


def _rows(
    critics: Mapping[str, LearnedValue],
    against: Mapping[str, str],
    what: Mapping[str, str],
    cases: Cases,
    report: BenchReport,
    seed: int,
) -> tuple[Row, ...]:
    main = cases.index(None)
    answers = {name: ask(critic, cases, SHARES) for name, critic in critics.items()}
    found = []
    for name, own in answers.items():
        auc = log_loss = reward = None
        if than := against[name]:
            gap = difference(name, cases, answers[than].chance, own.chance, goals=[main], seed=seed)
            auc = _loss(gap.auc)
            log_loss = _loss(gap.log_loss, turn=True)
            pair = report.paired[f"{than} vs {name}"]
            reward = Loss(pair.diff, *pair.ci95)
        scores = score(cases.goals[main], cases, own, goals=[main], seed=seed)
        mean = report.arms[name].mean
        found.append(Row(name, what[name], than, scores, auc, log_loss, mean, reward))
    return tuple(found)


def _loss(measured: Measured | None, *, turn: bool = False) -> Loss | None:
    """A measured difference, where there is one; turned when less is better."""
    if measured is None:
        return None
    ends = (measured.value, measured.low, measured.high)
    if turn:
        ends = (-measured.value, -measured.high, -measured.low)
    return None if not np.isfinite(ends).all() else Loss(*ends)
