import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from tuning import char_tokenizer, small_llama, write_small

from forethought.agent.agent import Agent
from forethought.agent.errors import ConfigError, EnvironmentFailed, RunError
from forethought.agent.loop import run_episode
from forethought.agent.models import LocalModel, ScriptedModel
from forethought.agent.models.prompting import prompt_for
from forethought.agent.planners.best_of_n import BestOfN
from forethought.agent.planners.react import React
from forethought.agent.protocols import Environment, RunContext
from forethought.agent.types import Episode as Played
from forethought.agent.types import Message, Outcome
from forethought.envs.registry import get_world
from forethought.tools.function import tool
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.episodes import Demonstration, Episode
from forethought.valuefn.rl.inputs import play_world, world_tasks
from forethought.valuefn.rl.recipe import Sampling
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.tokens import Kind, Rollout
from forethought.valuefn.rl.worlds import WorldEpisode, play_as_agent
from forethought.valuefn.rl.writing import Ask, Written

TOKENIZER = char_tokenizer()
MODEL = small_llama(len(TOKENIZER), context=20_000)
LONG = Sampling(turns=12, turn_tokens=400, completion_tokens=200_000)
TAKES = json.dumps({"thought": "I take the first.", "action": "1"})


class Says:
    """Draws what it is told to, one text after the other, and the end token."""

    def __init__(self, replies: Sequence[str]) -> None:
        self._replies: Iterator[str] = cycle(replies)

    def __call__(
        self, model: Any, asks: Sequence[Ask], *, temperature: float, pad: int
    ) -> list[Written]:
        return [self._written(ask) for ask in asks]

    def _written(self, ask: Ask) -> Written:
        ids = (*TOKENIZER.encode(next(self._replies), add_special_tokens=False), 1)
        return Written(ids, (-1.0,) * len(ids), (*ask.context, *ids[:-1]))


def _rolled(episode: Episode, replies: Sequence[str], sampling: Sampling = LONG) -> Rollout:
    (rollout,) = generate(
        MODEL, TOKENIZER, [Start("t", episode, "0")], sampling, sampler=Says(replies)
    )
    check_tokens([rollout], [[int(kind == Kind.SAMPLED) for kind in rollout.kinds]])
    return rollout


def _prompts(rollout: Rollout) -> list[list[int]]:
    """The tokens that each turn saw before it."""
    found = [list(rollout.prompt_ids)]
    for start in rollout.fresh:
        stop = next(
            at for at in range(start, len(rollout.kinds)) if rollout.kinds[at] != Kind.GIVEN
        )
        found.append(list(rollout.completion_ids[start:stop]))
    return found


def _tokens(asked: Sequence[Sequence[Message]]) -> list[list[int]]:
    return [prompt_for(TOKENIZER, tuple(messages), "").ids for messages in asked]


WORLDS = [
    *("arithmetic-v0", "bargaining-v0", "haggling-v0", "signpost-v0", "campsite-v0"),
    *("campsite-words-v0", "avalon-v0", "persuasion-v0", "webshop-v0", "multihop-qa-v0"),
]


@pytest.mark.parametrize("name", WORLDS)
async def test_a_rollout_is_asked_what_react_asks(name: str) -> None:
    world = get_world(name)
    task = list(world_tasks(world, 3).values())[1]
    replies = [TAKES, "nonsense", TAKES, TAKES, "{}", "nonsense"]
    rollout = _rolled(play_world(world)(task, ()), replies)
    options = task.data["options"]
    model = ScriptedModel(replies, cycle=True)
    trace = await run_episode(
        world.make(),
        React(),
        episode=Played("e", world.id, task.data["seed"], **options),
        model=model,
    )
    asked = [request.messages for request in model.requests][: len(rollout.turns)]
    assert _prompts(rollout) == _tokens(asked)
    assert rollout.turns == tuple(islice(cycle(replies), len(asked)))
    if rollout.finish == "eos":
        assert len(model.requests) == len(rollout.turns)
        assert trace.outcome is not None
        assert rollout.outcome == trace.outcome.reward
    else:
        assert rollout.finish == "turns"
    assert rollout.given == tuple(
        "\n\n".join(message.content for message in messages) for messages in asked[1:]
    )
