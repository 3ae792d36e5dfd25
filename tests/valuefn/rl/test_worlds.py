import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

from tuning import char_tokenizer, small_llama

from forethought.agent.agent import Agent
from forethought.agent.errors import ConfigError, EnvironmentFailed
from forethought.agent.loop import run_episode
from forethought.agent.models import ScriptedModel
from forethought.agent.models.prompting import prompt_for
from forethought.agent.planners.best_of_n import BestOfN
from forethought.agent.planners.react import React
from forethought.agent.protocols import RunContext
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
    *("campsite-words-v0", "avalon-v0", "persuasion-v0", "multiplication-v0"),
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


class Hidden:
    """Shows a long text and writes no state: the model keeps the notes."""

    id = "hidden-v0"

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        return f"Seed {seed}. " + "It is dark. " * 60, {"rules": "Find the door."}

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "break":
            raise OSError("the lamp fell")
        over = action == "open"
        ended = {"outcome": Outcome(1.0, success=True)} if over else {}
        return f"You did: {action}.", 0.25, over, False, ended


def _does(action: str) -> str:
    return json.dumps({"thought": "I try.", "action": action})


async def test_notes_are_asked_for_as_the_loop_does() -> None:
    replies = ["Dark.", _does("look"), "A door.", _does("open")]
    rollout = _rolled(WorldEpisode(Hidden(), seed=4), replies)
    model = ScriptedModel(replies)
    played = Played("e", "hidden-v0", 4)
    await run_episode(Hidden(), React(), episode=played, model=model)
    model.check_done()
    assert [request.stage for request in model.requests] == ["summary", "act"] * 2
    assert _prompts(rollout) == _tokens([request.messages for request in model.requests])
    assert (rollout.outcome, rollout.finish) == (1.0, "eos")


def test_a_rollout_cut_off_keeps_what_was_paid() -> None:
    replies = ["Dark.", _does("look")]
    rollout = _rolled(WorldEpisode(Hidden()), replies, replace(LONG, turns=4))
    assert (rollout.finish, rollout.outcome, len(rollout.turns)) == ("turns", 0.5, 4)
    assert len(rollout.fresh) == 3
    short = replace(LONG, completion_tokens=900)
    rollout = _rolled(WorldEpisode(Hidden()), replies, short)
    assert rollout.finish == "length"
    assert len(rollout.completion_ids) < 900
    assert rollout.kinds[-1] == Kind.SAMPLED


def test_what_breaks_is_told() -> None:
    episode = WorldEpisode(Hidden())
    with pytest.raises(ConfigError, match="call begin"):
        episode.hear("x")
    episode.begin()
    episode.hear("Dark.")
    with pytest.raises(EnvironmentFailed, match="OSError: the lamp fell"):
        episode.hear(_does("break"))
    critic: Any = None
    best = BestOfN(critic, 2)
    with pytest.raises(ConfigError, match="asks several things at once"):
        WorldEpisode(get_world("arithmetic-v0").make(), planner=best).begin()


async def test_a_world_is_played_inside_a_running_loop() -> None:
    episode = WorldEpisode(get_world("arithmetic-v0").make(), seed=3)
    first = episode.begin()
    assert WorldEpisode(get_world("arithmetic-v0").make(), seed=3).begin() == first
    assert episode.hear(TAKES).asked != first


@tool
async def stock(item: str) -> int:
    """Units left in the warehouse.

    Args:
        item: Catalogue name.
    """
    return len(item)


ENDED: list[str] = []


@tool
def keep(context: RunContext[None], note: str) -> str:
    """Keep a note.

    Args:
        note: What to keep.
    """
    context.endings.append(lambda: ENDED.append(note))
    return "kept"


QUESTION = Task("q", "How many bikes are left?", ("4",))


def _calls(name: str, **arguments: str) -> str:
    action = {"name": name, "arguments": arguments}
    return json.dumps({"thought": "I look.", "action": action})


ANSWERS = json.dumps({"thought": "I know it.", "action": {"answer": "Four. 4"}})
RIGHT = json.dumps({"thought": "I know it.", "action": {"answer": "4"}})


@pytest.mark.parametrize(("last", "paid"), [(ANSWERS, 0.0), (RIGHT, 1.0)])
async def test_tools_are_those_of_an_agent(last: str, paid: float) -> None:
    replies = [_calls("stock", item="bike"), "hm", _calls("stok"), last]
    play = play_as_agent([stock, keep], instructions="You serve a shop.")
    rollout = _rolled(play(QUESTION, ()), replies)
    model = ScriptedModel(replies)
    agent = Agent(model, tools=[stock, keep], instructions="You serve a shop.")
    await agent.run(QUESTION.question)
    model.check_done()
    assert _prompts(rollout) == _tokens([request.messages for request in model.requests])
    assert rollout.outcome == paid
    assert "stock" in str(rollout.given[0])
    with pytest.raises(ConfigError, match="show no demonstrations"):
        play(QUESTION, [Demonstration("q", "a")])


def test_tools_drop_what_they_keep_when_a_rollout_ends() -> None:
    ENDED.clear()
    for cut in (1, 2, 3):
        play = play_as_agent([keep])
        replies = [_calls("keep", note=f"n{cut}"), RIGHT]
        _rolled(play(QUESTION, ()), replies, replace(LONG, turns=cut))
    assert ENDED == ["n1", "n2", "n3"]
