"""Our goal-conditioned values and plain ones from the same equations, on one point maze.

Equal on both sides: data, inputs, updates, transitions a batch, hidden units, discount, expectile,
target rate, learning rate, shares of the goals. Not equal, since it is what ours is: ours scores
every transition of a batch against 32 goals, with logits and cross-entropy; the plain one gives
each transition one goal and takes squared errors.

The error is the mean distance to the exact value of the shortest way, over logged steps and the
centres of all cells as goals. Plain GCIVL knows states alone: a step is worth the discounted value
of where it led, which is what our afterstate stands for.
"""

from dataclasses import dataclass

import numpy as np
import torch
from plain_gcrl import Batch, PlainIQL, PlainIVL, Settings
from pointmaze import Coordinates, Reals, as_traces, best_values, centres, place_text, walks
from torch import Tensor

from forethought.valuefn.config import head_config
from forethought.valuefn.data import Dataset, Ints, build_dataset
from forethought.valuefn.inference import Critic
from forethought.valuefn.memory_source import Inputs, MemorySource, make_blocks, make_inputs
from forethought.valuefn.objectives import OBJECTIVES
from forethought.valuefn.train import Trainer

SHARES = {"outcome": 0.0, "current": 0.2, "future": 0.5, "other": 0.3}
"""As OGBench draws goals for values."""
METHODS = ("gcivl", "gciql")
_ASKED = 400
"""Logged steps that are asked about."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What both sides share."""

    walks: int = 300
    length: int = 60
    """Steps of a walk."""
    updates: int = 1000
    batch: int = 128
    hidden: int = 64
    gamma: float = 0.95
    expectile: float = 0.9
    polyak: float = 0.02
    learning_rate: float = 1e-3
    network: str = "concat"
    """Ours: `concat` joins the goal to the input as the plain ones do, `bilinear` does not."""


@dataclass(frozen=True, slots=True)
class Maze:
    """Walks as training data, and the questions with their exact answers."""

    data: Dataset
    inputs: Inputs
    rows: Ints
    """Transitions whose next place is known."""
    asked: Ints
    """Transitions asked about."""
    goals: Tensor
    """Cell centres as inputs, shape `(G, 2)`."""
    exact: Reals
    """Value of each asked step for each goal, shape `(asked, G)`."""


def make_maze(trial: Trial, seed: int) -> Maze:
    """Walk, and work out the exact values."""
    paths = walks(trial.walks, trial.length, seed)
    data = build_dataset(as_traces(paths))
    encoder = Coordinates()
    encoded = {
        "state": encoder.encode(data.states),
        "thought": encoder.encode(data.thoughts),
        "prefix": encoder.encode(data.prefixes),
        "goal": encoder.encode(data.goals),
    }
    rows = np.flatnonzero(data.following >= 0)
    # goals lie where states lie: the outcome sentences say nothing here
    blocks = make_blocks(encoded | {"goal": encoded["state"]}, data, rows)
    inputs = make_inputs(encoded, blocks)
    asked = np.random.default_rng(seed).choice(rows, _ASKED, replace=False)
    led_to = np.array([paths[data.episode[row]][data.step[row] + 1] for row in asked])
    texts = [place_text(place) for place in centres()]
    goals = torch.from_numpy(blocks["goal"].apply(encoder.encode(texts)))
    exact = trial.gamma * best_values(led_to, centres(), trial.gamma)
    return Maze(data, inputs, rows, asked, goals, exact)


def ours(method: str, maze: Maze, trial: Trial, seed: int) -> float:
    """Train our row and return its mean absolute error."""
    config = head_config(
        {"gcivl": "gcivl", "gciql": "iql"}[method],
        members=1,
        seed=seed,
        hidden=trial.hidden,
        batch=trial.batch,
        gamma=trial.gamma,
        expectile=trial.expectile,
        polyak=trial.polyak,
        learning_rate=trial.learning_rate,
        weight_decay=0.0,
        network=trial.network,
        shares=SHARES | {"nearness": 1 - trial.gamma},
    )
    data, inputs = maze.data, maze.inputs
    source = MemorySource(
        data,
        inputs,
        maze.rows,
        maze.rows,
        config,
        next_judged=OBJECTIVES[config.objective].next_judged,
    )
    critic = Critic(Trainer(source, config).run(updates=trial.updates).weights)
    judged = np.concatenate(
        [inputs.state[data.state[maze.asked]], inputs.thought[data.thought[maze.asked]]], axis=1
    )
    found = critic.scores(judged, critic.embed(maze.goals.numpy())).mean(axis=0)
    return float(np.abs(found - maze.exact).mean())


def plain(method: str, maze: Maze, trial: Trial, seed: int) -> float:
    """Train the plain statement of the same equations and return its mean absolute error."""
    settings = Settings(
        hidden=trial.hidden,
        gamma=trial.gamma,
        expectile=trial.expectile,
        polyak=trial.polyak,
        learning_rate=trial.learning_rate,
        seed=seed,
    )
    rng = np.random.default_rng([seed, 7])
    data, inputs = maze.data, maze.inputs
    asked = data.following[maze.asked]
    goals = maze.goals.repeat(len(asked), 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if method == "gcivl":
            values = PlainIVL(2, 2, settings)
            for _ in range(trial.updates):
                values.update(_batch(maze, trial, rng))
            led_to = _repeated(inputs.state[data.state[asked]], len(maze.goals))
            found = trial.gamma * values.value(led_to, goals)
        else:
            critics = PlainIQL(2, 2, 2, settings)
            for _ in range(trial.updates):
                critics.update(_batch(maze, trial, rng))
            found = critics.critic(
                _repeated(inputs.state[data.state[maze.asked]], len(maze.goals)),
                _repeated(inputs.thought[data.thought[maze.asked]], len(maze.goals)),
                goals,
            )
    finally:
        torch.set_num_threads(before)
    return float(np.abs(found.numpy().reshape(maze.exact.shape) - maze.exact).mean())


def _repeated(rows: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]", times: int) -> Tensor:
    return torch.from_numpy(np.repeat(rows, times, axis=0))


def _batch(maze: Maze, trial: Trial, rng: np.random.Generator) -> Batch:
    """Transitions with one goal each: their own place, a later one, or one of anywhere."""
    data, inputs = maze.data, maze.inputs
    rows = rng.choice(maze.rows, trial.batch)
    left = data.length[rows] - 1 - data.step[rows]
    later = rows + np.minimum(rng.geometric(1 - trial.gamma, trial.batch), left)
    chances = (SHARES["current"], SHARES["future"], SHARES["other"])
    kind = rng.choice(3, trial.batch, p=chances)
    goal = np.choose(kind, [rows, later, rng.choice(maze.rows, trial.batch)])
    return Batch(
        state=torch.from_numpy(inputs.state[data.state[rows]]),
        action=torch.from_numpy(inputs.thought[data.thought[rows]]),
        next_state=torch.from_numpy(inputs.state[data.state[data.following[rows]]]),
        goal=torch.from_numpy(inputs.state_goal[data.state[goal]]),
        at_goal=torch.from_numpy(data.state[goal] == data.state[rows]),
        ended=torch.zeros(trial.batch, dtype=torch.bool),
        outcome=torch.zeros(trial.batch),
    )
