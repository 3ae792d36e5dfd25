"""`LearnedValue`: a trained head as a critic, and `load_critic`, which finds one on disk."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import HeadError
from forethought.agent.protocols import Encoder
from forethought.agent.types import Candidate, Estimate, Evidence, Goal
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.head import Head
from forethought.valuefn.inference import Critic
from forethought.valuefn.readers import reading
from forethought.valuefn.support import Neighbours, projection, strange_rows
from forethought.valuefn.threads import one_thread
from forethought.valuefn.views import HIDDEN, REWARD_GOAL

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Chances:
    """Estimates as arrays: `B` rows of a state and a candidate against `G` goals."""

    chance: Floats
    """Calibrated chances, shape `(B, G)`."""
    low: Floats
    """Lower ends of the 90 % intervals, shape `(B, G)`."""
    high: Floats
    """Upper ends, shape `(B, G)`."""
    supported: NDArray[np.bool_]
    """Whether the head has data there, shape `(B, G)`."""


class LearnedValue:
    """Chances from a trained head.

    Args:
        head: The head.
        encoder: The encoder it was trained with; built by name when left out.
        name: What reports call it.

    Raises:
        HeadError: If the encoder is not the one the head was trained with, or nothing fits.
    """

    def __init__(self, head: Head, encoder: Encoder | None = None, *, name: str = "head") -> None:
        self.head = head
        self.name = name
        self.encoder = encoder or make_encoder(head.config.encoder)
        if self.encoder.fingerprint != head.fingerprint:
            raise HeadError(
                f"the head was trained with encoder {head.config.encoder!r}"
                f" ({head.fingerprint}); this one is {self.encoder.name!r}"
                f" ({self.encoder.fingerprint})"
            )
        self.encoder = reading(head.weights, self.encoder, head.goals)
        self._critic = Critic(head.weights)
        widths = {name: len(block.columns) for name, block in head.blocks.items()}
        judged = widths["state"] + widths["thought"] + widths["prefix"]
        if (judged, widths["goal"]) != (self._critic.inputs, self._critic.goals):
            raise HeadError("the head's input blocks do not fit its weights")
        self._own = {goal: number for number, goal in enumerate(head.goals)}
        self._projection = projection(judged)
        self._goal_projection = projection(widths["goal"])
        self._logged = Neighbours(head.support.references)
        self._known_goals = Neighbours(head.support.goals)
        self._goals = lru_cache(maxsize=256)(self._encode_goals)

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """Estimate every goal after every candidate; shape `(len(candidates), len(goals))`."""
        if not candidates or not goals:
            return [[] for _ in candidates]
        found = self.chances([state] * len(candidates), candidates, [goal.text for goal in goals])
        columns = (found.chance, found.low, found.high, found.supported)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [[Estimate(*cell) for cell in zip(*row, strict=True)] for row in rows]

    def chances(
        self, states: Sequence[str], candidates: Sequence[Candidate], goals: Sequence[str]
    ) -> Chances:
        """Estimate many rows at once.

        Args:
            states: The state of each candidate, `B` of them.
            candidates: `B` of them, at least one.
            goals: `G` sentences, at least one.
        """
        with one_thread():
            judged, strange = self._judge(states, candidates)
            encoded, known_goals = self._goals(tuple(goals))
            scores = self._critic.scores(judged, encoded)
            distances = self._logged.distances(judged @ self._projection)
            near = (distances <= self.head.support.reach) & ~strange
        supported = near[:, None] & known_goals[None, :]
        own = np.asarray([self._own.get(goal, -1) for goal in goals], dtype=np.int64)
        return Chances(*self.head.calibration.interval(scores, own), supported)

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        """The logged thoughts nearest to this one and how their episodes ended."""
        judged, _ = self._judge([state], [candidate])
        distances, indices = self._logged.nearest(judged @ self._projection, nearest)
        index = self._own.get(goal.text, -1)
        return [
            Evidence(r.episode, r.state, r.thought, float(distance), index in r.reached)
            for distance, r in zip(
                distances[0], (self.head.evidence[i] for i in indices[0]), strict=True
            )
        ]

    def place(self, states: Sequence[str]) -> Floats:
        """States as the head sees them, shape `(B, D)`: near ones are alike to it."""
        with one_thread():
            encoded = self.encoder.encode(list(states))
            return self.head.blocks["state"].apply(encoded)

    def _judge(
        self, states: Sequence[str], candidates: Sequence[Candidate]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Features of shape `(B, D)`, and whether each row is foreign to the training data."""
        blocks, limits = self.head.blocks, self.head.support.foreign
        columns = {
            "state": states,
            "thought": [candidate.thought for candidate in candidates],
            "prefix": [candidate.prefix for candidate in candidates],
        }
        if self.head.config.view in HIDDEN:  # what it was never shown cannot be strange to it
            columns[HIDDEN[self.head.config.view]] = [""] * len(states)
        # each text once: one state and a few prefixes serve all candidates of a decision
        texts = {name: list(dict.fromkeys(column)) for name, column in columns.items()}
        encoded = self.encoder.encode([text for part in texts.values() for text in part])
        cuts = np.cumsum([len(part) for part in texts.values()])[:-1]
        parts = dict(zip(texts, np.split(encoded, cuts), strict=True))
        rows = {}
        for name, column in columns.items():
            index = {text: number for number, text in enumerate(texts[name])}
            rows[name] = np.asarray([index[text] for text in column])
        features = [blocks[name].apply(part)[rows[name]] for name, part in parts.items()]
        shares = [blocks[name].foreign(part)[rows[name]] for name, part in parts.items()]
        strange = strange_rows(shares, [limits[name] for name in parts])
        return np.concatenate(features, axis=1), strange

    def _encode_goals(self, goals: tuple[str, ...]) -> tuple[Floats, NDArray[np.bool_]]:
        """Goals for `Critic.scores`, and whether each lies near a training goal."""
        block = self.head.blocks["goal"]
        encoded = self.encoder.encode(list(goals))
        features = block.apply(encoded)
        foreign = block.foreign(encoded) > self.head.support.foreign["goal"]
        distances = self._known_goals.distances(features @ self._goal_projection)
        near = (distances <= self.head.support.goal_reach) & ~foreign
        return self._critic.embed(features), near


class ScalarValue(LearnedValue):
    """The one number of a head trained on the reward itself (view `reward`), for any goals.

    Every hoped goal is given the value and every feared one what is missing to 1, so that planners
    rank by the value whatever the goals are. This is the ablation of goals, not a way to use one.
    """

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """The value of each candidate, turned for feared goals."""
        rows = super().estimate(state, candidates, [REWARD_GOAL] if goals else [])
        return [
            [each if goal.kind == "hoped" else turned(each) for goal in goals for each in row]
            for row in rows
        ]


def turned(estimate: Estimate) -> Estimate:
    """The estimate that the opposite comes true."""
    low, high = 1 - estimate.high, 1 - estimate.low
    return Estimate(1 - estimate.chance, low, high, estimate.supported)


def load_critic(
    folder: str | os.PathLike[str], *, encoder: Encoder | None = None, name: str = "head"
) -> LearnedValue:
    """Load a head directory as a critic.

    Args:
        folder: Where `forethought train value` wrote it.
        encoder: Given where building it by name would be wasteful; must be the head's own.
        name: What reports call it.

    Raises:
        HeadError: If the head is missing, damaged, or belongs to another encoder.
    """
    head = Head.from_pretrained(folder)
    kind = ScalarValue if head.config.view == "reward" else LearnedValue
    return kind(head, encoder, name=name)
