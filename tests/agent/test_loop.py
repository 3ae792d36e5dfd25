import asyncio
import json
import logging
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.budget import Budget
from forethought.agent.errors import (
    ConfigError,
    EnvironmentFailed,
    ModelRefused,
    ModelUnavailable,
    ToolError,
)
from forethought.agent.loop import Run, run_episode
from forethought.agent.planners.react import React
from forethought.agent.protocols import Turn
from forethought.agent.summary import Summariser
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Candidate, Decision, Episode, Event, Goal, Outcome

EPISODE = Episode("e1", "talk-v0", seed=7, instance=3, seat=1, opponent="linear")


class Say:
    name = "say"

    def __init__(self, *words: str) -> None:
        self.words = words
        self.turns: list[Turn] = []

    async def decide(self, turn: Turn) -> Decision:
        self.turns.append(turn)
        word = self.words[(len(self.turns) - 1) % len(self.words)]
        return Decision(Candidate("t"), word, self.name)


async def test_an_episode_from_reset_to_outcome(talk: Any, tmp_path: Path) -> None:
    goals = (Goal("It ends well."),)
    env = talk(2, {"state": "s", "goals": goals})
    events: list[Event] = []
    with TraceWriter(tmp_path / "t.jsonl") as writer:
        trace = await run_episode(
            env,
            Say("a", "win"),
            episode=EPISODE,
            options={"extra": 1, "seat": 9},
            writer=writer,
            listen=events.append,
        )
    assert env.options == {"extra": 1, "instance": 3, "seat": 1, "opponent": "linear", "seed": 7}
    assert trace.episode.goals == goals
    assert [step.reward for step in trace.steps] == [0.0, 1.0]
    assert trace.outcome == Outcome(1.0, True)
    assert read_traces(tmp_path / "t.jsonl").traces == [trace]
    kinds = [event.kind for event in events]
    assert kinds == ["observation", "state", "action"] * 2 + ["end"]


async def test_lines_are_written_as_they_happen(talk: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    seen: list[int] = []
    with TraceWriter(path) as writer:
        await run_episode(
            talk(3),
            Say("a"),
            episode=EPISODE,
            writer=writer,
            listen=lambda _: seen.append(len(path.read_text().splitlines())),
        )
    assert seen == [1, 1, 1, 2, 2, 2, 3, 3, 3, 5]


async def test_refused_actions_are_recorded_and_count(talk: Any) -> None:
    trace = await run_episode(talk(2), Say("illegal", "a"), episode=EPISODE, max_steps=3)
    assert [step.invalid for step in trace.steps] == [True, False, True]
    assert trace.outcome == Outcome(0.0, False, "truncated", pending="No.")


async def test_history_is_seen_and_the_generator_is_the_episodes_own(talk: Any) -> None:
    first, again, other = Say("a"), Say("a"), Say("a")
    await run_episode(talk(3), first, episode=EPISODE)
    await run_episode(talk(3), again, episode=EPISODE)
    await run_episode(talk(3), other, episode=Episode("e2", "talk-v0", seed=8))
    assert len(first.turns[2].history) == 3
    draws = [each.turns[0].rng.random() for each in (first, again, other)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    "error", [ModelUnavailable("no answer\nat all"), ModelRefused("wrong key")]
)
async def test_a_model_that_failed_is_the_outcome(
    talk: Any, fake_model: Any, tmp_path: Path, error: Exception
) -> None:
    good = '{"thought": "t", "action": "win"}'
    with TraceWriter(tmp_path / "t.jsonl") as writer:
        trace = await run_episode(
            talk(3),
            React(),
            episode=EPISODE,
            model=fake_model([good, error]),
            writer=writer,
        )
    line = " ".join(str(error).split())
    assert trace.outcome == Outcome(1.0, False, f"error: {line}", pending="You said win.")
    assert len(trace.steps) == 1
    assert read_traces(tmp_path / "t.jsonl").traces == [trace]


async def test_a_budget_ends_the_episode_gracefully(talk: Any, fake_model: Any) -> None:
    model = fake_model(lambda _: '{"thought": "t", "action": "win"}')
    trace = await run_episode(
        talk(9), React(), episode=EPISODE, model=model, budget=Budget(calls=2)
    )
    assert trace.outcome == Outcome(
        2.0, False, "budget: all 2 calls are used", pending="You said win."
    )
    assert trace.usage.calls == 2
    assert [step.decision.usage["act"].calls for step in trace.steps] == [1, 1]
    trace = await run_episode(talk(9), Say("a"), episode=EPISODE, budget=Budget(steps=4))
    assert trace.outcome is not None
    assert trace.outcome.reason == "budget: all 4 steps are used"
    assert len(trace.steps) == 4


async def test_seconds_hold_in_a_world_that_hangs(talk: Any) -> None:
    class Hangs(talk):  # type: ignore[misc]
        async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            await asyncio.sleep(30)
            raise AssertionError

    begun = time.monotonic()
    trace = await run_episode(Hangs(), Say("a"), episode=EPISODE, budget=Budget(seconds=0.05))
    assert time.monotonic() - begun < 1
    assert trace.outcome is not None
    assert trace.outcome.reason == (
        "budget: all 0.05 seconds are used; the environment was cut off"
    )
    assert len(trace.steps) == 1


class Broken:
    id = "broken-v0"

    def __init__(self, where: str, what: Any) -> None:
        self.where, self.what = where, what

    def _do(self, here: str, fine: Any) -> Any:
        if self.where != here:
            return fine
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        answer: tuple[str, dict[str, Any]] = self._do("reset", ("", {}))
        return answer

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        answer: tuple[str, float, bool, bool, dict[str, Any]] = self._do("step", None)
        return answer


@pytest.mark.parametrize("where", ["reset", "step"])
@pytest.mark.parametrize(
    "what",
    [
        ZeroDivisionError("x"),
        TimeoutError("late"),
        ToolError("bad"),
        None,
        ("only",),
        (1, 2),
        ("", {"candidates": 3}),
        ("", "w", 0, 0, {}),
    ],
)
async def test_a_broken_world_is_an_outcome(
    where: str, what: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with TraceWriter(tmp_path / "t.jsonl") as writer:
        run = Run(Broken(where, what), Say("a"), EPISODE, writer=writer)
        trace = await run.play({})
    assert trace.outcome is not None
    assert trace.outcome.reason.startswith("error: ")
    assert "\n" not in trace.outcome.reason
    assert isinstance(run.failure, EnvironmentFailed)
    assert len(trace.steps) == (where == "step")
    assert read_traces(tmp_path / "t.jsonl").traces == [trace]
    assert bool(caplog.records) != isinstance(what, ToolError) or "return text" in str(run.failure)


async def test_a_broken_planner_is_an_outcome_with_its_trace_in_the_log(
    talk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(Say):
        async def decide(self, turn: Turn) -> Decision:
            raise IndexError("oops")

    with caplog.at_level(logging.ERROR):
        trace = await run_episode(talk(), Bad("a"), episode=EPISODE)
    assert trace.outcome == Outcome(
        0.0, False, "error: planner say: IndexError: oops", pending="Hello."
    )
    assert caplog.records[0].exc_info is not None


async def test_what_the_caller_must_change_passes_through(talk: Any) -> None:
    with pytest.raises(ConfigError, match="no such opponent"):
        await run_episode(
            Broken("reset", ConfigError("no such opponent")), Say("a"), episode=EPISODE
        )
    with pytest.raises(ConfigError, match="planner 'react' needs a model"):
        await run_episode(talk(), React(), episode=EPISODE)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
async def test_an_interrupted_episode_lacks_its_last_line(
    talk: Any, tmp_path: Path, error: BaseException
) -> None:
    class Interrupted(Say):
        async def decide(self, turn: Turn) -> Decision:
            if self.turns:
                raise error
            return await super().decide(turn)

    path = tmp_path / "t.jsonl"
    with TraceWriter(path) as writer, pytest.raises(type(error)):
        await run_episode(talk(), Interrupted("a"), episode=EPISODE, writer=writer)
    kinds = [json.loads(line)["type"] for line in path.read_text().splitlines()]
    assert kinds == ["episode", "step"]


async def test_the_summary_is_incremental(talk: Any, fake_model: Any) -> None:
    def reply(request: Any) -> str:
        if request.stage == "summary":
            return f"notes {sum(r.stage == 'summary' for r in model.requests)}"
        return '{"thought": "t", "action": "a"}'

    model = fake_model(reply)
    trace = await run_episode(
        talk(3, {}),
        React(),
        episode=EPISODE,
        model=model,
        summarise=Summariser("{state} then {happened} in {words}", short=0),
    )
    assert [step.state for step in trace.steps] == ["notes 1", "notes 2", "notes 3"]
    asked = [r.messages[0].content for r in model.requests if r.stage == "summary"]
    assert asked[0] == "(none) then Hello. in 120"
    assert asked[2] == "notes 2 then I did: a\nThen: You said a. in 120"
    assert set(trace.steps[1].decision.usage) == {"summary", "act"}


async def test_a_short_beginning_needs_no_summary_and_silence_drops_nothing(
    talk: Any, fake_model: Any
) -> None:
    model = fake_model(lambda r: "" if r.stage == "summary" else '{"thought": "t", "action": "a"}')
    trace = await run_episode(talk(2, {}), React(), episode=EPISODE, model=model)
    assert trace.steps[0].state == "Hello."
    assert trace.steps[1].state == "Hello.\nI did: a\nThen: You said a."
    assert [r.stage for r in model.requests] == ["act", "summary", "act"]


async def test_without_a_model_what_is_seen_is_the_state(talk: Any) -> None:
    trace = await run_episode(talk(2, {}), Say("a"), episode=EPISODE)
    assert [step.state for step in trace.steps] == ["Hello.", "You said a."]


async def test_a_step_stays_cheap_over_200_steps(
    talk: Any, fake_model: Any, tmp_path: Path
) -> None:
    model = fake_model(lambda _: '{"thought": "t", "action": "a"}')
    times: list[float] = []
    with TraceWriter(tmp_path / "t.jsonl") as writer:
        await run_episode(
            talk(200),
            React(),
            episode=EPISODE,
            model=model,
            writer=writer,
            max_steps=500,
            listen=lambda e: times.append(time.process_time()) if e.kind == "action" else None,
        )
    gaps = [after - before for before, after in pairwise(times)]
    early, late = sorted(gaps[5:55])[25], sorted(gaps[-50:])[25]
    assert late < 2.5 * early
    assert late < 0.003


async def test_runs_at_once_keep_their_pace(talk: Any, fake_model: Any) -> None:
    model = fake_model(lambda _: '{"thought": "t", "action": "a"}')
    begun = time.process_time()
    traces = await asyncio.gather(
        *(
            run_episode(talk(5), React(), episode=Episode(f"e{n}", "talk-v0"), model=model)
            for n in range(200)
        )
    )
    assert time.process_time() - begun < 2.0
    assert all(len(trace.steps) == 5 for trace in traces)
