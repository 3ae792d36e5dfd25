"""Rewards: pure functions of what the policy said, part by part.

A reward sees the policy's own words, the world's payment and the task; it cannot see the prompt,
demonstrations or tool output, so that nothing in them can earn a point. (The released code of ICRL,
arXiv 2603.08068, scores prompt and reply together: its format part is full for gibberish.)
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.multihop.answers import exact_match, f1, normalise
from forethought.valuefn.rl.tokens import Rollout


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do."""

    id: str
    question: str
    answers: tuple[str, ...] = ()
    """Right answers, any of which will do."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else its episode or its reward needs."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a reward may see of a rollout."""

    turns: tuple[str, ...]
    """What the policy said, turn by turn, a forced prefix included."""
    outcome: float | None = None
    """What the world paid; `None` where there is no world."""

    @property
    def text(self) -> str:
        """All turns, one after the other."""
        return "".join(self.turns)


Reward = Callable[[Said, Task], float]


def answer_of(text: str, tag: str = "answer") -> str | None:
    """The last whole `<tag>...</tag>` in a text; `None` where there is none.

    Args:
        text: What the policy said.
        tag: Name of the tag; empty where the whole text is the answer.
    """
    if not tag:
        return text.strip()
    found = re.findall(rf"<{tag}>((?:(?!<{tag}>).)*?)</{tag}>", text, re.DOTALL)
    return found[-1].strip() if found else None


def exact(tag: str = "answer", *, contains_all: bool = False) -> Reward:
    """1 where the answer is a right one as SQuAD normalises, else 0.

    Args:
        tag: Tag that the answer stands in; empty where the whole text is the answer.
        contains_all: Whether an answer that holds all of several right ones counts as well.
    """

    def reward(said: Said, task: Task) -> float:
        answer = answer_of(said.text, tag)
        if answer is None:
            return 0.0
        if exact_match(answer, task.answers):
            return 1.0
        everything = contains_all and len(task.answers) > 1
        bare = normalise(answer)
        return float(everything and all(normalise(one) in bare for one in task.answers))

    return reward


def word_f1(tag: str = "answer") -> Reward:
    """Best word F1 against a right answer as SQuAD computes it, 0 to 1; `tag` as in `exact`."""

    def reward(said: Said, task: Task) -> float:
        answer = answer_of(said.text, tag)
        return 0.0 if answer is None else f1(answer, task.answers)

    return reward


def form(
    *, answer: str = "answer", think: str = "think", tools: Iterable[str] = ("search",)
) -> Reward:
    """1 less the penalties of ICRL, at least 0; arguments are names of tags.

    No answer pair 0.5, unbalanced answer 0.2, no think pair 0.15, unbalanced think 0.1, no tool
    called 0.1, empty answer 0.2.
    """
    called = tuple(tools)

    def reward(said: Said, task: Task) -> float:
        text = said.text
        found = answer_of(text, answer)
        broken = (
            (0.5, not _pair(text, answer)),
            (0.2, _unbalanced(text, answer)),
            (0.15, not _pair(text, think)),
            (0.1, _unbalanced(text, think)),
            (0.1, not any(_pair(text, name) for name in called)),
            (0.2, found == ""),
        )
        return max(0.0, 1.0 - sum(penalty for penalty, holds in broken if holds))

    return reward


def paid(said: Said, task: Task) -> float:
    """What the world paid.

    Raises:
        ConfigError: If there is no world.
    """
    if said.outcome is None:
        raise ConfigError(
            f"task {task.id!r} has no outcome: its episode is no world's; leave the reward part "
            "'outcome' out of the recipe"
        )
    return said.outcome


def verified(check: Callable[[str, Task], bool]) -> Reward:
    """1 where a check of the whole text holds, else 0."""

    def reward(said: Said, task: Task) -> float:
        return float(check(said.text, task))

    return reward


def _pair(text: str, tag: str) -> bool:
    return f"<{tag}>" in text and f"</{tag}>" in text


def _unbalanced(text: str, tag: str) -> bool:
    return text.count(f"<{tag}>") != text.count(f"</{tag}>")


REWARDS: Mapping[str, Reward] = MappingProxyType(
    {
        "exact": exact(),
        "f1": word_f1(),
        "format": form(),
        "outcome": paid,
        "whole": exact(""),
    }
)
"""Reward parts by name. `whole` is exact match of all that was said."""


def chosen_rewards(
    weights: Mapping[str, float], own: Mapping[str, Reward] = MappingProxyType({})
) -> dict[str, Reward]:
    """The parts that a recipe weighs.

    Args:
        weights: Weights by the part's name.
        own: Parts beside `REWARDS`; they come first.

    Raises:
        UnknownName: If there is no such part.
    """
    known = {**REWARDS, **own}
    for name in weights:
        if name not in known:
            raise UnknownName("reward", name, known)
    return {name: known[name] for name in weights}


def score(rollout: Rollout, task: Task, rewards: Mapping[str, Reward]) -> dict[str, float]:
    """All parts of one rollout's reward.

    Raises:
        ConfigError: If a part is no finite number.
    """
    said = Said(rollout.turns, rollout.outcome)
    parts: dict[str, float] = {}
    for name, reward in rewards.items():
        value = float(reward(said, task))
        if not math.isfinite(value):
            raise ConfigError(
                f"reward {name!r} is {value} for task {task.id!r}: a reward must be a finite "
                "number; return 0 for what earns nothing"
            )
        parts[name] = value
    return parts
