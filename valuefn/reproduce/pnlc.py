"""The ablations of PNLC on `bargaining-v0`: the paper's, and those it lacks.

For each seed, episodes of the world's collectors (training split) make the heads; the arms of the
main table play test instances, all further ablations validation ones. Nothing is chosen on either:
the main table has the paper's 2 hoped and 2 feared goals and 2 rounds. Without a model a proposer
that answers by lot stands in its place; it cannot judge, so it always names another thought and the
critic alone says which is better (`Refine(insist=True)`).

```
OUT/seed-0/collected/  heads/NAME/  test/  validation/     OUT/seed-1/...     OUT/report.json, .png
```

What is whole in it is not done again.

Departures: one world in place of three; the agent's candidates, goals and states are the world's;
each ablation has its own paired interval; seeds have their own heads and episodes. The intervals
are those of other episodes, not of other training runs: differences by seed stand beside them.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forethought.agent.asked import Asked
from forethought.agent.planners.best_of_n import BestOfN
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.react import React
from forethought.agent.planners.refine import Refine
from forethought.agent.planners.tree import Tree
from forethought.agent.protocols import Model, Planner
from forethought.agent.trace import FILE_NAME
from forethought.agent.types import Trace
from forethought.envs.registry import World, get_world
from forethought.envs.rollouts import Recording, plan, play
from forethought.envs.scores import ArmRow, PairRow, arm_row
from forethought.envs.stats import paired_difference
from forethought.valuefn.config import ROWS, head_config
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.evaluate import evaluate
from forethought.valuefn.fit import fit_head
from forethought.valuefn.improve import collect
from forethought.valuefn.reproduce.claims import Found, check
from forethought.valuefn.reproduce.pnlc_paper import CLAIMS

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
Ready = dict[str, tuple[Planner, Model | None]]
WORLD = "bargaining-v0"
ROUNDS = 2
EACH = 2
"""Goals of each kind, as in the paper: 2 hoped, 2 feared."""
GRID_ROUNDS = (1, 2, 4)
GRID_EACH = (1, 2, 4, 10)
OBJECTIVES = ("monte-carlo", "regression", "contrastive", "gcivl")
"""Rows held against `iql`, those of them that there are."""
TREE = 5
"""Iterations of the tree search, the paper's smaller number."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    collected: int
    """Episodes that a seed's heads learn from."""
    seeds: int
    test: int
    """Test episodes of each seed and arm."""
    validation: int
    """Validation episodes likewise."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Changes in the heads' settings."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Episodes of the heads that learn from fewer."""
        return (self.collected // 16, self.collected // 4)


FULL = Size(collected=2000, seeds=2, test=200, validation=100)
QUICK = Size(
    collected=480,
    seeds=1,
    test=24,
    validation=12,
    settings={"members": 2, "hidden": 16, "steps": 75},
)


@dataclass(frozen=True, slots=True)
class Point:
    """One ablation on validation episodes."""

    family: str
    """`goals x rounds`, `data` or `objective`."""
    name: str
    row: ArmRow
    minus: PairRow | None
    """Its reward minus that of `iql`, or of the paper's goals and rounds; `None` for these two."""
    auc: float | None = None
    """Of the main goal on fresh episodes; the mean over seeds."""
    log_loss: float | None = None
    """Likewise, nats."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the run showed."""

    size: Size
    seed: int
    model: str
    """Empty for the proposer that answers by lot."""
    table: Mapping[str, ArmRow]
    """The main table: test episodes by arm."""
    claims: tuple[Found, ...]
    points: tuple[Point, ...]


def run(
    out: Path,
    *,
    size: Size,
    proposer: Model,
    model_name: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Train, play and compare.

    Args:
        out: Folder of the run; what is whole in it is kept.
        size: How much is done.
        proposer: The model of all arms that need one.
        model_name: Its name where it is a real one, which may judge; the arms that ask it join.
        seed: The first seed; the others follow it.
        progress: Told how far each stage is.
    """
    world = get_world(WORLD)
    work = [
        _Seed(world, number, out / f"seed-{number}", size, progress or _silent)
        for number in range(seed, seed + size.seeds)
    ]
    tested = [each.play("test", main_arms(world, each, proposer, model_name)) for each in work]
    checked = [each.play("validation", ablations(each, proposer, model_name)) for each in work]
    rewards = {arm: [_rewards(part[arm]) for part in tested] for arm in tested[0]}
    return Report(
        size,
        seed,
        model_name,
        {arm: arm_row([t for part in tested for t in part[arm]], seed) for arm in tested[0]},
        tuple(check(claim, rewards, seed) for claim in CLAIMS),
        tuple(_points(work, checked, seed)),
    )


def main_arms(world: World, heads: "_Seed", proposer: Model, model_name: str) -> Ready:
    """The arms of the main table.

    Args:
        world: Where they play.
        heads: The heads of a seed.
        proposer: The model.
        model_name: As in `run`.
    """
    goals, scalar, permuted = (heads.critic(name) for name in ("iql", "scalar", "permuted"))

    def refine(critic: LearnedValue | Asked) -> tuple[Planner, Model]:
        return Refine(critic, ROUNDS, EACH, EACH, insist=not model_name), proposer

    arms: Ready = {
        "full": refine(goals),
        "scalar": refine(scalar),
        "no refinement": (BestOfN(goals, 1 + ROUNDS), proposer),
        "react": (React(), proposer),
        "full, permuted": refine(permuted),
        "no refinement, scalar": (BestOfN(scalar, 1 + ROUNDS), proposer),
        "rank": (Rank(goals), None),
        "rank, scalar": (Rank(scalar), None),
        "rank, permuted": (Rank(permuted), None),
        "heuristic": (BotPlanner("heuristic", world.bots["heuristic"]), None),
    }
    if model_name:
        arms["asked"] = refine(Asked())
        arms[f"tree:{TREE}, asked"] = Tree(Asked(), TREE), proposer
    return arms


def ablations(heads: "_Seed", proposer: Model, model_name: str) -> Ready:
    """The arms played on validation episodes, by the names of `Point`."""
    goals = heads.critic("iql")
    arms: Ready = {}
    if not model_name:  # twelve arms of many calls are too many for a real model
        for each, rounds in itertools.product(GRID_EACH, GRID_ROUNDS):
            planner = Refine(goals, rounds, each, each, insist=True)
            arms[grid_name(each, rounds)] = planner, proposer
    for name in heads.ranked:
        arms[name] = Rank(heads.critic(name)), None
    return arms


def grid_name(each: int, rounds: int) -> str:
    """The arm with that many goals of each kind and rounds."""
    return f"{each} + {each} goals, {rounds} round{'s' * (rounds > 1)}"


class _Seed:
    """One seed's episodes and heads; each is made when it is first asked for."""

    def __init__(
        self, world: World, number: int, folder: Path, size: Size, progress: Progress
    ) -> None:
        self._world, self._number, self._folder = world, number, folder
        self._size, self._progress = size, progress
        self._collected: list[Trace] = []
        objectives = [row for row in OBJECTIVES if row in ROWS]
        less = [f"{row}, {n}" for row in ("iql", "scalar") for n in size.sizes]
        self.ranked = ("iql", "scalar", *objectives, *less)
        """Heads that `rank` plays with on validation episodes."""

    def critic(self, name: str) -> LearnedValue:
        """A head by name: a row of settings, `permuted`, or `ROW, EPISODES`."""
        place = self._folder / "heads" / name.replace(", ", "-")
        if not (place / "config.json").exists():
            row, _, count = name.partition(", ")
            changes = {**self._size.settings, "seed": self._number}
            if name == "permuted":
                row, changes = "iql", changes | {"permute": True}
            stage = f"seed {self._number}: train {name}"
            fitted = fit_head(
                self._traces()[: int(count) if count else None],
                head_config(row, **changes),
                progress=lambda update, most, _: self._progress(stage, update, most),
            )
            fitted.save_pretrained(place)
        return load_critic(place, name=name)

    def play(self, split: str, arms: Ready) -> dict[str, list[Trace]]:
        """All arms on the same episodes of a split."""
        count = self._size.test if split == "test" else self._size.validation
        found = {}
        with Recording(self._folder / split / FILE_NAME, resume=True) as record:
            for name, (planner, model) in arms.items():
                planned = plan(
                    self._world,
                    split=split,
                    episodes=count,
                    seed=self._number,
                    arm=name,
                    model=model.name if model else "",
                )
                done = itertools.count(1)
                stage = f"seed {self._number}, {split}: {name}"

                def tell(
                    trace: Trace,
                    seconds: float,
                    stage: str = stage,
                    done: "itertools.count[int]" = done,
                ) -> None:
                    self._progress(stage, next(done), count)

                found[name] = asyncio.run(
                    play(self._world, planner, planned, record=record, model=model, on_done=tell)
                )
        return found

    def predicts(self, name: str) -> tuple[float, float]:
        """AUC and log loss of a head's main goal on fresh validation episodes."""
        fresh = self._gather("validation", self._size.validation)
        scores = evaluate(self.critic(name), fresh, seed=self._number).overall
        if scores.auc is None or scores.log_loss is None:
            return float("nan"), float("nan")
        return scores.auc.value, scores.log_loss.value

    def _traces(self) -> Sequence[Trace]:
        if not self._collected:
            self._collected = self._gather("train", self._size.collected)
        return self._collected

    def _gather(self, split: str, count: int) -> list[Trace]:
        planned = plan(self._world, split=split, episodes=count, seed=self._number, arm="collector")
        done = itertools.count(1)
        stage = f"seed {self._number}: collect, {split}"
        place = self._folder / "collected" / f"{split}.jsonl"
        with Recording(place, resume=True) as record:
            return collect(
                self._world,
                planned,
                record=record,
                on_done=lambda trace, seconds: self._progress(stage, next(done), count),
            )


def _points(
    seeds: Sequence[_Seed], played: Sequence[Mapping[str, Sequence[Trace]]], seed: int
) -> list[Point]:
    found = []
    rewards = {name: [r for part in played for r in _rewards(part[name])] for name in played[0]}
    for name in played[0]:
        row = arm_row([trace for part in played for trace in part[name]], seed)
        ranked = name in seeds[0].ranked
        than, minus = "iql" if ranked else grid_name(EACH, ROUNDS), None
        if name != than:
            gap = paired_difference(rewards[name], rewards[than], seed=seed)
            minus = PairRow(gap.value, (gap.low, gap.high))
        if not ranked:
            found.append(Point("goals x rounds", name, row, minus))
            continue
        family = "data" if ", " in name or name in {"iql", "scalar"} else "objective"
        if name.partition(", ")[0] == "scalar":  # it says nothing of the outcome sentences
            found.append(Point(family, name, row, minus))
            continue
        told = [each.predicts(name) for each in seeds]
        auc, loss = (sum(column) / len(column) for column in zip(*told, strict=True))
        found.append(Point(family, name, row, minus, auc, loss))
    return found


def _rewards(traces: Sequence[Trace]) -> list[float]:
    return [trace.outcome.reward if trace.outcome is not None else 0.0 for trace in traces]


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""
