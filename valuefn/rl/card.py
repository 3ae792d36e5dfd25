"""`policy.json`: what a tuned model was trained with, so that it can be asked in the same way.

Lies beside the weights, with the chat template. `load_card(DIR).request(question)` is the prompt of
the stage it was trained in, to the letter, and the texts that end its turns.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Message, Request
from forethought.valuefn.rl.recipe import as_plain
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.worlds import WorldEpisode

FILE = "policy.json"
VERSION = 1
QUESTION = "{question}"


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """What a tuned model was trained with."""

    version: int
    base: str
    """The model it began as."""
    recipe: Mapping[str, Any]
    stage: int
    """The stage it ended in, from 0."""
    demonstrations: int
    """How many its prompt showed in that stage."""
    messages: tuple[Message, ...]
    """Its prompt, `{question}` where the question stood; as it was for one task where the prompt
    does not hold the question."""
    stop: tuple[str, ...] = ()
    """Texts that end a turn."""
    tool_format: Mapping[str, str] = field(default_factory=dict)
    """How calls, results and answers are written; empty where no tools are called by tags."""
    planner: str = ""
    """Whose prompts it was trained on, where the agent itself played: that planner asks it as it
    was trained, and `messages` are an example. Empty where `messages` say it all."""
    temperature: float = 1.0
    """Of its rollouts."""
    turn_tokens: int = 256
    updates: int = 0
    seed: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The last ones of its training."""

    def request(self, question: str) -> Request:
        """Ask as it was trained to be asked, for `local:` models.

        Args:
            question: What stood in a task's `question`.
        """
        messages = tuple(
            Message(one.role, one.content.replace(QUESTION, question)) for one in self.messages
        )
        return Request(
            messages, max_tokens=self.turn_tokens, temperature=self.temperature, stop=self.stop
        )


_CARD = TypeAdapter(PolicyCard)


def make_card(
    setting: Setting,
    *,
    base: str,
    stage: int,
    updates: int,
    seed: int,
    metrics: Mapping[str, float],
) -> PolicyCard:
    """The card of a training that ends in a stage."""
    recipe = setting.recipe
    shown = setting.demonstrations[: recipe.stages[stage].demonstrations]
    task = next(iter(setting.tasks.values()))
    episode = setting.play(task, shown)
    messages = tuple(_open(one, task) for one in episode.begin())
    return PolicyCard(
        version=VERSION,
        base=base,
        recipe=as_plain(recipe),
        stage=stage,
        demonstrations=len(shown),
        messages=messages,
        stop=episode.stop,
        tool_format=getattr(episode, "tool_format", {}),
        planner=episode.planner.name if isinstance(episode, WorldEpisode) else "",
        temperature=recipe.sampling.temperature,
        turn_tokens=recipe.sampling.turn_tokens,
        updates=updates,
        seed=seed,
        metrics=dict(metrics),
    )


def _open(message: Message, task: Task) -> Message:
    """The message with its last mention of the question left open."""
    if not task.question:
        return message
    before, found, after = message.content.rpartition(task.question)
    return Message(message.role, before + QUESTION + after) if found else message


def save_card(card: PolicyCard, folder: str | os.PathLike[str]) -> None:
    """Write it beside the weights.

    Raises:
        ConfigError: If it cannot be written.
    """
    file = Path(folder) / FILE
    try:
        file.write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error


def load_card(folder: str | os.PathLike[str]) -> PolicyCard:
    """Read it from a tuned model's directory.

    Raises:
        ConfigError: If there is none.
        DataError: If it is damaged, or of another version.
    """
    file = Path(folder) / FILE
    if not file.is_file():
        raise ConfigError(f"{folder} is no tuned policy: it has no {FILE}")
    try:
        card = _CARD.validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise DataError(f"{file} is damaged: {error.errors()[0]['msg']}") from error
    if card.version != VERSION:
        raise DataError(f"{file} has version {card.version}; this one reads version {VERSION}")
    return card
