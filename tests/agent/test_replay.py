import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, DataError, ModelUnavailable
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.planners.bot import BotPlanner, Unguided
from forethought.agent.planners.react import React
from forethought.agent.protocols import Turn
from forethought.agent.replay import fork_episode, is_resumable, resume_episode
from forethought.agent.trace import TraceWriter, read_traces, write_traces
from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.envs.registry import get_world

WORLD = get_world("bargaining-v0")
EPISODE = Episode("b1", WORLD.id, seed=3, instance=11, opponent="boulware", arm="heuristic")
HEURISTIC = BotPlanner("heuristic", WORLD.bots["heuristic"])
TALK = Episode("t1", "talk-v0", seed=7)
SAY = '{"thought": "t", "action": "%s"}'


async def bargained(budget: Budget | None = None) -> Trace:
    return await run_episode(WORLD.make(), HEURISTIC, episode=EPISODE, budget=budget)


async def test_an_episode_that_ran_out_of_steps_goes_on_to_its_end() -> None:
    stopped = await bargained(Budget(steps=2))
    assert stopped.outcome is not None
    assert stopped.outcome.pending.startswith("You and another")
    whole = await resume_episode(stopped, WORLD.make(), HEURISTIC)
    assert whole.outcome is not None
    assert whole.outcome.reason == "terminated"
    assert whole.outcome.pending == ""
    assert whole.steps[:2] == stopped.steps
    assert [step.index for step in whole.steps] == list(range(len(whole.steps)))
    assert whole.episode == replace(EPISODE, goals=whole.episode.goals, facts={"resumed_at": 2})
    assert whole == await resume_episode(stopped, WORLD.make(), HEURISTIC)
    assert whole.outcome.reward == sum(step.reward for step in whole.steps)
    assert whole.outcome.reached


async def test_a_resumption_draws_the_same_every_time_and_not_what_was_drawn_before() -> None:
    drawn: list[float] = []

    class Draws(Unguided):
        async def decide(self, turn: Turn) -> Decision:
            drawn.append(turn.rng.random())
            return await super().decide(turn)

    stopped = await run_episode(WORLD.make(), Draws(), episode=EPISODE, budget=Budget(steps=1))
    for _ in range(2):
        await resume_episode(stopped, WORLD.make(), Draws(), budget=Budget(steps=1))
    assert drawn[1] == drawn[2] != drawn[0]


async def test_limits_hold_for_what_is_added(talk: Any) -> None:
    first = await run_episode(talk(9), Unsaid("a"), episode=TALK, max_steps=3)
    assert is_resumable(first)
    second = await resume_episode(first, talk(9), Unsaid("b"), budget=Budget(steps=2))
    third = await resume_episode(second, talk(9), Unsaid("c"), max_steps=1)
    assert [step.decision.action for step in third.steps] == list("aaabbc")
    assert third.outcome is not None
    assert (third.outcome.reason, third.outcome.pending) == ("truncated", "You said c.")


class Unsaid:
    """Says the one word it knows."""

    name = "unsaid"

    def __init__(self, word: str) -> None:
        self.word = word

    async def decide(self, turn: Turn) -> Decision:
        return Decision(Candidate("t"), self.word, self.name)


async def test_an_episode_whose_process_died_goes_on_in_its_own_file(
    talk: Any, tmp_path: Path
) -> None:
    class Dies(Unsaid):
        async def decide(self, turn: Turn) -> Decision:
            if len(turn.history) == 2:
                raise asyncio.CancelledError
            return await super().decide(turn)

    path = tmp_path / "t.jsonl"
    with TraceWriter(path) as writer, pytest.raises(asyncio.CancelledError):
        await run_episode(talk(4), Dies("a"), episode=TALK, writer=writer)
    found = read_traces(path, empty_ok=True)
    (died,) = found.open
    assert (found.traces, found.unfinished, len(died.steps)) == ([], 1, 2)
    with TraceWriter(path) as writer:
        whole = await resume_episode(died, talk(4), Unsaid("win"), writer=writer)
    found = read_traces(path)
    assert (found.traces, found.open) == ([whole], [])
    assert [step.decision.action for step in whole.steps] == ["a", "a", "win", "win"]
    assert whole.outcome is not None
    assert whole.outcome.success


async def test_a_process_that_died_between_its_last_step_and_the_end_goes_on() -> None:
    whole = await bargained()
    died = replace(whole, outcome=None)
    again = await resume_episode(died, WORLD.make(), HEURISTIC)
    assert (again.steps, again.outcome) == (whole.steps, whole.outcome)


async def test_a_world_that_changed_is_an_error_that_names_the_step(
    talk: Any, tmp_path: Path
) -> None:
    class Other(talk):  # type: ignore[misc]
        async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            text, reward, *rest = await super().step(action)
            text = "Pardon?" if self.what == "text" and len(self.actions) == 2 else text
            reward += self.what == "reward" and len(self.actions) == 2
            return (text, reward, *rest)

    stopped = await run_episode(talk(9), Unsaid("a"), episode=TALK, budget=Budget(steps=3))
    path = tmp_path / "t.jsonl"
    write_traces(path, [stopped])
    before = path.read_bytes()
    for what, step in (("text", 2), ("reward", 1)):
        world = Other(9)
        world.what = what
        with TraceWriter(path) as writer, pytest.raises(DataError, match=f"t1 .* step {step}: the"):
            await resume_episode(stopped, world, Unsaid("b"), writer=writer)
    with pytest.raises(DataError, match="step 1: the world ends there, and the record goes on"):
        await resume_episode(stopped, talk(2), Unsaid("b"))
    assert path.read_bytes() == before
    assert stopped.outcome is not None
    pending = replace(stopped, outcome=replace(stopped.outcome, pending="Other."))
    with pytest.raises(DataError, match=r"step 3: the world shows 'You said a.' where .* 'Other.'"):
        await resume_episode(pending, talk(9), Unsaid("b"))


async def test_a_world_that_settles_keeps_what_waits_for_a_decision_too(talk: Any) -> None:
    class Settled(talk):  # type: ignore[misc]
        def settle(self, outcome: Outcome) -> Outcome:
            return Outcome(9.0, True, outcome.reason, facts={"answer": "best so far"})

    stopped = await run_episode(Settled(9), Unsaid("a"), episode=TALK, budget=Budget(steps=1))
    assert stopped.outcome is not None
    assert (stopped.outcome.reward, stopped.outcome.pending) == (9.0, "You said a.")
    assert is_resumable(stopped)


async def test_what_has_ended_is_not_resumed() -> None:
    with pytest.raises(DataError, match="has ended and cannot be resumed; fork it"):
        await resume_episode(await bargained(), WORLD.make(), HEURISTIC)


async def test_a_world_that_restores_takes_no_action_again(talk: Any) -> None:
    class Keeps(talk):  # type: ignore[misc]
        put: tuple[Sequence[Step], str] | None = None

        async def restore(
            self, steps: Sequence[Step], pending: str
        ) -> tuple[str, Mapping[str, Any]]:
            self.put = steps, pending
            return pending, {"state": f"after {len(steps)}"}

    stopped = await run_episode(talk(9), Unsaid("a"), episode=TALK, budget=Budget(steps=3))
    world = Keeps(1)
    whole = await resume_episode(stopped, world, Unsaid("win"))
    assert world.put == (stopped.steps, "You said a.")
    assert world.options["seed"] == 7
    assert world.actions == ["win"]
    assert (whole.steps[3].observation, whole.steps[3].state) == ("You said a.", "after 3")
    forked = await fork_episode(stopped, world, Unsaid("a"), step=1, action="win")
    assert world.put == (stopped.steps[:1], "You said a.")
    assert [step.decision.action for step in forked.steps] == ["a", "win"]
    died = replace(stopped, outcome=None)
    await resume_episode(died, world, Unsaid("win"))
    assert world.put == (stopped.steps, "")


async def test_an_action_whose_result_was_never_recorded_is_taken_again(talk: Any) -> None:
    class Hangs(talk):  # type: ignore[misc]
        async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            if len(self.actions) == 1:
                await asyncio.sleep(30)
            answer: tuple[str, float, bool, bool, dict[str, Any]] = await super().step(action)
            return answer

    model = ScriptedModel([SAY % "a", SAY % "win"])
    stopped = await run_episode(
        Hangs(3), React(), episode=TALK, model=model, budget=Budget(seconds=0.05)
    )
    assert stopped.outcome is not None
    assert (stopped.outcome.pending, len(stopped.steps)) == ("", 2)
    whole = await resume_episode(
        stopped, talk(3), React(), model=ScriptedModel([SAY % "b"]), arm="react"
    )
    assert [step.decision.action for step in whole.steps] == ["a", "win", "b"]
    assert [step.reward for step in whole.steps] == [0.0, 1.0, 0.0]
    assert [step.decision.usage["act"].calls for step in whole.steps] == [1, 1, 1]
    assert (whole.episode.arm, whole.episode.model) == ("react", "scripted")


async def test_a_model_that_failed_is_asked_again_and_its_notes_go_on(
    talk: Any, fake_model: Any
) -> None:
    stopped = await run_episode(
        talk(3, {}),
        React(),
        episode=TALK,
        model=fake_model([SAY % "a", "notes 1", SAY % "b", ModelUnavailable("gone")]),
    )
    assert stopped.outcome is not None
    assert (stopped.outcome.reason, stopped.outcome.pending) == ("error: gone", "You said b.")
    model = fake_model(["notes 2", SAY % "win"])
    whole = await resume_episode(stopped, talk(3, {}), React(), model=model)
    assert [step.state for step in whole.steps] == ["Hello.", "notes 1", "notes 2"]
    asked = model.requests[0].messages[0].content
    assert "notes 1" in asked
    assert "I did: b\nThen: You said b." in asked
    assert whole.outcome is not None
    assert whole.outcome.success
    assert set(whole.steps[1].decision.usage) == {"act", "summary"}


async def test_a_fork_by_action_is_another_episode_that_says_where_it_comes_from() -> None:
    whole = await bargained()
    first = whole.steps[0].decision
    seen: list[Turn] = []

    class Looks(Unsaid):
        async def decide(self, turn: Turn) -> Decision:
            seen.append(turn)
            return await super().decide(turn)

    await run_episode(WORLD.make(), Looks("?"), episode=EPISODE, max_steps=1)
    offers = seen[0].observation.candidates
    other = next(c for c in reversed(offers) if c.action != first.action)
    forked = await fork_episode(whole, WORLD.make(), HEURISTIC, step=0, action=other.action)
    assert forked.episode.facts == {"forked_from": "b1", "forked_at": 0}
    assert forked.episode.id.startswith("b1/fork-0-")
    assert forked.steps[0].decision.candidate == other
    assert forked.steps[0].decision.planner == "fork"
    assert forked.steps[1].decision.planner == "heuristic"
    assert forked.steps[1].observation != whole.steps[1].observation
    assert forked == await fork_episode(whole, WORLD.make(), HEURISTIC, step=0, action=other.action)
    by_thought = await fork_episode(
        whole, WORLD.make(), HEURISTIC, step=0, thought=other.thought.upper()
    )
    assert by_thought.steps[0].decision.action == other.action
    assert by_thought.episode.id != forked.episode.id


async def test_a_fork_in_the_middle_keeps_what_went_before() -> None:
    whole = await bargained()
    same = whole.steps[1].decision.action
    forked = await fork_episode(whole, WORLD.make(), HEURISTIC, step=1, action=same)
    assert forked.steps[:1] == whole.steps[:1]
    assert forked.steps[2].observation == whole.steps[2].observation


async def test_a_fork_may_be_where_an_episode_waits() -> None:
    stopped = await bargained(Budget(steps=2))
    agreed = await fork_episode(
        stopped, WORLD.make(), HEURISTIC, step=2, action="I agree to your offer."
    )
    assert agreed.steps[:2] == stopped.steps
    assert agreed.outcome is not None
    assert agreed.outcome.facts["agreed"] is True
    assert len(agreed.steps) == 3


async def test_a_model_words_the_action_of_a_thought(talk: Any, tmp_path: Path) -> None:
    whole = await run_episode(talk(3), Unsaid("a"), episode=TALK)
    model = ScriptedModel(by_stage={"act": ["win"]}, name="worder")
    forked = await fork_episode(
        whole, talk(3), Unsaid("b"), step=1, thought="I say the magic word.", model=model
    )
    assert [step.decision.action for step in forked.steps] == ["a", "win", "b"]
    assert "I say the magic word." in model.requests[0].messages[0].content
    assert forked.steps[1].decision.usage["act"].calls == 1
    assert forked.episode.model == "worder"
    model.check_done()
    path = tmp_path / "t.jsonl"
    with TraceWriter(path) as writer, pytest.raises(ConfigError, match="name an action"):
        await fork_episode(whole, talk(3), Unsaid("b"), step=1, thought="x", writer=writer)
    assert path.read_bytes() == b""
    both = await fork_episode(whole, talk(3), Unsaid("b"), step=0, thought="x", action="win")
    assert both.steps[0].decision.candidate == Candidate("x", action="win")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step": 9, "action": "agree"}, "has no step 9 to change; there are 0 to"),
        ({"step": -1, "action": "agree"}, "has no step -1"),
        ({"step": 0}, "needs another thought or another action"),
        ({"step": 0, "thought": "  "}, "needs another thought or another action"),
        ({"step": 0, "action": "I take the moon"}, "does not accept 'I take the moon' there; it"),
        (
            {"step": 0, "thought": "I hum a tune."},
            "no one action for the thought .* the nearest is",
        ),
    ],
)
async def test_a_fork_that_cannot_be_is_told(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        await fork_episode(await bargained(), WORLD.make(), HEURISTIC, **change)
    assert "\n" not in str(caught.value)


async def test_one_thought_under_two_prefixes_needs_the_action() -> None:
    world = get_world("signpost-v0")
    whole = await run_episode(world.make(), Unguided(), episode=Episode("s", world.id, instance=1))
    thought = whole.steps[0].decision.candidate.thought
    with pytest.raises(ConfigError, match="no one action"):
        await fork_episode(whole, world.make(), Unguided(), step=0, thought=thought)
    rewards = []
    for way in ("left", "right"):
        forked = await fork_episode(
            whole, world.make(), Unguided(), step=0, thought=thought, action=way
        )
        assert forked.steps[0].decision.candidate.prefix == f"{way.capitalize()}."
        rewards.append(forked.steps[0].reward)
    assert sorted(rewards) == [0.0, 1.0]
