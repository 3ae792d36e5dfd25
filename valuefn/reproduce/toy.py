"""The paper's simulation with three scalars, followed exactly and by sampled episodes.

Departures, all of them choices where the paper is silent to us:

1. The reward is the discounted chance of a right answer kept (`outcome`), or the chance that one
   decision is right (`decision`); its gradient is exact. `sample` plays episodes for the first kind
   and takes the policy gradient with the mean of the others as baseline.
2. Update: `theta += rate (reward gradient - beta KL gradient)`, plain ascent.
3. The reference is the policy of `refresh` steps ago at most: about 33 teeth in the paper's curve.
4. The KL gradient of a sample counts `sample_tokens` times, of a decision `decision_tokens` times,
   per state or per visit, and is reported before `beta`.
5. "Decision" is the sum over the two decision parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forethought.agent.errors import ConfigError
from forethought.valuefn.reproduce.toy_paper import START
from forethought.valuefn.reproduce.two_stage import (
    UNLIMITED,
    Direction,
    Floats,
    chances,
    decision_gradient,
    kl_gradient,
    reward_gradient,
    visits,
)

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
Reward = Literal["outcome", "decision"]
_TELL = 200
"""Steps between two words to `Progress`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to everything the paper is silent about."""

    discount: float = 1.0
    """Of each further sample, above 0 to 1."""
    turns: int = UNLIMITED
    """Samples allowed, 2 or more."""
    rate: float = 0.02
    beta: float = 0.1
    """Weight of the KL gradient."""
    sample_tokens: float = 150.0
    decision_tokens: float = 3.0
    refresh: int = 300
    """Steps after which the reference becomes the policy."""
    direction: Direction = "forward"
    reward: Reward = "outcome"
    per: Literal["state", "visit"] = "state"
    """Whether each choice's divergence counts once, or as often as an episode meets it."""

    @property
    def unlimited(self) -> bool:
        """Whether samples are not limited."""
        return self.turns >= UNLIMITED


@dataclass(frozen=True, slots=True)
class Course:
    """What many choices came to; the last axis is the choice."""

    figures: Floats
    """Mean absolute gradients, shape `(4, choices)`: reward on sample and decision, KL likewise."""
    end: Floats
    """Parameters after the last step, shape `(3, choices)`."""
    path: Floats
    """Of the first choice, at every `every` steps: shape `(points, 7)`: the three parameters, then
    the four gradients, signs kept for the sample and magnitudes summed for the decision."""
    every: int


def ratios(figures: Floats) -> Floats:
    """Sample over decision, for the reward and for the KL; shape `(2, ...)` from `(4, ...)`."""
    return np.stack([figures[0] / figures[1], figures[2] / figures[3]])


class _Columns:
    """The choices side by side, as arrays of shape `(choices,)`."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        self.discount = np.array([each.discount for each in choices])
        self.turns = np.array([float(each.turns) for each in choices])
        self.rate = np.array([each.rate for each in choices])
        self.beta = np.array([each.beta for each in choices])
        tokens = [(c.sample_tokens, c.decision_tokens, c.decision_tokens) for c in choices]
        self.tokens = np.array(tokens).T
        self.refresh = np.array([each.refresh for each in choices])
        self.forward = np.array([each.direction == "forward" for each in choices])
        self.outcome = np.array([each.reward == "outcome" for each in choices])
        self.visit = np.array([each.per == "visit" for each in choices])
        bad = (self.discount <= 0) | (self.discount > 1) | (self.turns < 2) | (self.refresh < 1)
        if bad.any():
            raise ConfigError(
                "a choice needs a discount above 0 to 1, 2 turns or more and a refresh of 1 or more"
            )

    def reward(self, theta: Floats) -> Floats:
        """Reward gradients, shape of `theta`."""
        if self.outcome.all():
            return reward_gradient(theta, self.discount, self.turns)
        both = (reward_gradient(theta, self.discount, self.turns), decision_gradient(theta))
        return np.where(self.outcome, *both)

    def kl(self, theta: Floats, reference: Floats) -> Floats:
        """KL gradients with their token weights, shape of `theta`."""
        one = np.where(
            self.forward,
            kl_gradient(theta, reference, "forward"),
            kl_gradient(theta, reference, "reverse"),
        )
        weight = np.where(self.visit, visits(theta, self.turns), 1.0) if self.visit.any() else 1.0
        return np.asarray(one * weight * self.tokens)


def follow(
    choices: Sequence[Choice],
    steps: int,
    *,
    every: int = 10,
    progress: Progress | None = None,
    stage: str = "exact",
) -> Course:
    """Follow expected gradients from the paper's start.

    Args:
        choices: Followed at once, one or more.
        steps: Updates.
        every: Steps between two points of the path.
        progress: Told of the steps.
        stage: What it is told.

    Raises:
        ConfigError: If a choice cannot be followed.
    """
    columns = _Columns(choices)
    theta = np.repeat(np.array(START)[:, None], len(choices), axis=1)
    reference, sums, path = theta.copy(), np.zeros((4, len(choices))), []
    for step in range(steps):
        renew = step % columns.refresh == 0
        reference = np.where(renew, theta, reference)
        reward = columns.reward(theta)
        penalty = columns.kl(theta, reference)
        sizes = _sizes(reward, penalty)
        sums += sizes
        if step % every == 0:
            path.append(np.concatenate([theta[:, 0], sizes[:, 0]]))
        theta = theta + columns.rate * (reward - columns.beta * penalty)
        if progress is not None and step % _TELL == 0:
            progress(stage, step, steps)
    return Course(sums / steps, theta, np.array(path), every)


def sample(
    choice: Choice,
    steps: int,
    *,
    seeds: int,
    episodes: int,
    seed: int,
    progress: Progress | None = None,
) -> Course:
    """Follow policy gradients of sampled episodes; the last axis of what comes back is the seed.

    Args:
        choice: What the paper is silent about.
        steps: Updates.
        seeds: Runs.
        episodes: Of one update of one run, 2 or more.
        seed: Of the draws.
        progress: Told of the steps.
    """
    if choice.reward != "outcome":
        raise ConfigError("episodes are played for the reward of the outcome alone")
    if episodes < 2:
        raise ConfigError(f"a baseline needs 2 episodes or more, not {episodes}")
    columns = _Columns([choice] * seeds)
    rng = np.random.default_rng(seed)
    theta = np.repeat(np.array(START)[:, None], seeds, axis=1)
    reference, sums, path = theta.copy(), np.zeros((4, seeds)), []
    for step in range(steps):
        if step % choice.refresh == 0:
            reference = theta
        reward = sampled_gradient(theta, choice, episodes, rng)
        penalty = columns.kl(theta, reference)
        sizes = _sizes(reward, penalty)
        sums += sizes
        if step % 10 == 0:
            path.append(np.concatenate([theta[:, 0], sizes[:, 0]]))
        theta = theta + choice.rate * (reward - choice.beta * penalty)
        if progress is not None and step % _TELL == 0:
            progress("sampled", step, steps)
    return Course(sums / steps, theta, np.array(path), 10)


def sampled_gradient(
    theta: Floats, choice: Choice, episodes: int, rng: np.random.Generator
) -> Floats:
    """The policy gradient of sampled episodes: each return less the mean of the others'.

    Args:
        theta: Shape `(3, runs)`.
        choice: For its discount and turns.
        episodes: Of each run.
        rng: Draws.

    Returns:
        Shape `(3, runs)`.
    """
    p, c, w = (each[:, None] for each in chances(theta))
    shape = (theta.shape[1], episodes)
    scores = np.zeros((3, *shape))
    returned = np.zeros(shape)
    alive = np.ones(shape, dtype=bool)
    for turn in range(choice.turns):
        right = rng.random(shape) < p
        stop = rng.random(shape) < np.where(right, c, 1 - w)
        scores[0] += alive * (right - p)
        last = turn == choice.turns - 1
        if not last:
            scores[1] += alive * right * (stop - c)
            scores[2] += alive * ~right * (~stop - w)
        done = alive & (stop | last)
        returned += done * right * choice.discount**turn
        alive &= ~done
        if not alive.any():
            break
    others = (returned.sum(1, keepdims=True) - returned) / (episodes - 1)
    return np.asarray((scores * (returned - others)).mean(-1))


def _sizes(reward: Floats, penalty: Floats) -> Floats:
    """Magnitudes on sample and decision, reward then KL; shape `(4, ...)`."""
    reward, penalty = np.abs(reward), np.abs(penalty)
    return np.stack([reward[0], reward[1] + reward[2], penalty[0], penalty[1] + penalty[2]])
