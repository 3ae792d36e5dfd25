"""Every planner with every critic, model and environment: no special cases."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support_plain import Plain

from forethought.agent.arms import PLANNERS, Arm, build_planner
from forethought.agent.asked import Asked
from forethought.agent.budget import Budget
from forethought.agent.critics import ScriptedCritic, Shuffled
from forethought.agent.errors import ConfigError, ModelUnavailable
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.protocols import Environment, Model, Planner, ValueFunction
from forethought.agent.task import ToolTask
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Candidate, Episode, Estimate, Evidence, Goal, Request, Trace
from forethought.envs.registry import get_world

BOUNDS: Mapping[str, int] = {
    "react": 1,
    "reflexion": 2,
    "best-of-n:3": 3 + 2,
    "tree:6": 6 + 2,
    "rank": 3,
    "refine": 2 + 2,
    "refine:2": 2 + 4,
    "adaptive:2": 3 + 2,
    "two-stage": 3 + 2,
    "unguided": 1,
}
"""Arm to its most model calls a decision. Left out: the summary of the state, counted repairs, and
what the critic asks for itself."""
STAGES = 4
"""Most stages of a decision, each of which has one repair."""
NEVER_ALONE = {"react", "reflexion", "refine", "refine:2", "adaptive:2", "two-stage"}
"""Arms that need a model in every world."""
LONGEST = 8
"""Steps after which an episode is cut off."""


class Upper:
    """A tool that makes text loud."""

    name = "upper"
    description = "Makes text loud."
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    }

    def call(self, arguments: Mapping[str, Any]) -> str:
        return str(arguments["text"]).upper()


WORLDS: Mapping[str, Callable[[], Environment]] = {
    "signpost": get_world("signpost-v0").make,
    "bargaining": get_world("bargaining-v0").make,
    "task": lambda: ToolTask("How loud?", [Upper()], check=lambda said: said == "LOUD"),
    "plain": Plain,
}
OFFERS = {"signpost", "bargaining"}
"""Worlds with candidates bound to actions."""


def chances(state: str, candidate: Candidate, goal: Goal) -> float:
    return random.Random(f"{state} {candidate} {goal}").random()


class Slow:
    """An asynchronous critic."""

    name = "slow"

    async def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        await asyncio.sleep(0)
        return [[Estimate(chances(state, c, g), 0.0, 1.0) for g in goals] for c in candidates]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        return []


CRITICS: Mapping[str, Callable[[], ValueFunction]] = {
    "scripted": lambda: ScriptedCritic(chances),
    "shuffled": lambda: Shuffled(ScriptedCritic(chances)),
    "silent": lambda: ScriptedCritic({}),
    "slow": Slow,
    "asked": Asked,
    "shuffled asked": lambda: Shuffled(Asked()),
}
NO_CRITIC = "none"


def instance(schema: Mapping[str, Any], rng: random.Random) -> Any:
    """Something that follows a schema of the kinds that planners use."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if "anyOf" in schema:
        return instance(rng.choice(schema["anyOf"]), rng)
    if schema.get("type") == "object":
        return {key: instance(each, rng) for key, each in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [instance(schema["items"], rng) for _ in range(schema.get("minItems", 2))]
    if schema.get("type") in {"integer", "number"}:
        return rng.randint(schema.get("minimum", 0), schema.get("maximum", 100))
    return rng.choice(["answer: LOUD", 'upper {"text": "a"}', "Well, I ask.", "I say please."])


def obeys(request: Request) -> str:
    rng = random.Random(f"{request.seed}")
    if request.schema is None:
        return rng.choice(["answer: LOUD", "I say please.", "accept", "left", "2"])
    return json.dumps(instance(request.schema, rng))


GARBAGE = ("", "{", "lorem ipsum", '{"thoughts": 3}', "\ud800 a", "null", "[[[", '{"verdict": []}')


def garbage(request: Request) -> str:
    return random.Random(f"{request.seed}").choice(GARBAGE)


MODELS: Mapping[str, Callable[[], Model | None]] = {
    "obeys": lambda: FunctionModel(obeys),
    "garbage": lambda: FunctionModel(garbage),
    "silent": lambda: ScriptedModel([""], cycle=True),
    "away": lambda: ScriptedModel([ModelUnavailable("the server is away")], cycle=True),
    "none": lambda: None,
}


def _critics(arm: str) -> list[str]:
    kind = PLANNERS[Arm.parse(arm).planner]
    return [
        *(CRITICS if kind.needs_critic or kind.may_ask else []),
        *([] if kind.needs_critic else [NO_CRITIC]),
    ]


PLAYERS = [(arm, critic) for arm in BOUNDS for critic in _critics(arm)]
"""Every arm, once with each critic where it asks one."""


def build(arm: str, critic: str) -> Planner:
    if critic == NO_CRITIC:
        return build_planner(Arm.parse(arm))
    named = arm if PLANNERS[Arm.parse(arm).planner].needs_critic else f"{arm}+head"
    return build_planner(Arm.parse(named), critics={"head": CRITICS[critic]()})


async def play(world: str, planner: Planner, model: Model | None, **more: Any) -> Trace:
    env = WORLDS[world]()
    episode = Episode(f"{world} {planner.name}", env.id, seed=1, instance=1)
    return await run_episode(env, planner, episode=episode, model=model, max_steps=LONGEST, **more)


def check(trace: Trace, bound: int) -> None:
    """What holds for every episode: a stated end, calls within bounds, whole decisions."""
    outcome = trace.outcome
    assert outcome
    stated = outcome.reason in {"terminated", "truncated"}
    assert stated or outcome.reason.startswith(("budget: ", "error: "))
    assert "\n" not in outcome.reason
    for step in trace.steps:
        decision = step.decision
        asked = sum(
            cost.calls
            for stage, cost in decision.usage.items()
            if stage not in {"summary", "evaluate"}
        )
        assert asked - decision.repairs <= bound
        assert 0 <= decision.repairs <= STAGES
        assert len(decision.considered) <= 8
        assert all(len(c.estimates) == len(decision.goals) for c in decision.considered)
        assert all(-1 <= node.parent < place for place, node in enumerate(decision.search[1:], 1))


def test_every_planner_is_held_to_a_bound() -> None:
    assert {Arm.parse(name).planner for name in BOUNDS} == set(PLANNERS)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("arm", "critic"), PLAYERS)
async def test_every_episode_ends_as_stated(
    arm: str, critic: str, model: str, world: str, tmp_path: Path
) -> None:
    planner, speaker = build(arm, critic), MODELS[model]()
    path = tmp_path / "t.jsonl"
    with TraceWriter(path) as writer:
        if speaker is None and (arm in NEVER_ALONE or world not in OFFERS or "asked" in critic):
            with pytest.raises(ConfigError, match=r"(planner|critic) '[\w-]+' needs a model"):
                await play(world, planner, None, writer=writer)
            return
        trace = await play(world, planner, speaker, writer=writer)
    check(trace, BOUNDS[arm])
    assert trace.outcome
    assert read_traces(path).traces == [trace] or model == "garbage"  # which writes "\ud800"
    free = {"unguided"} if "asked" in critic else {"unguided", "rank"}
    if model == "away" and not (world in OFFERS and arm in free):
        assert trace.outcome.reason == "error: the server is away"
        assert not trace.steps
    else:
        assert trace.steps
        assert not trace.outcome.reason.startswith("error")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("arm", "critic"), PLAYERS)
@pytest.mark.parametrize("calls", [1, 4])
async def test_a_budget_is_never_passed(arm: str, critic: str, calls: int, world: str) -> None:
    trace = await play(world, build(arm, critic), FunctionModel(obeys), budget=Budget(calls=calls))
    check(trace, BOUNDS[arm])
    assert trace.usage.calls <= calls


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("arm", "critic"), PLAYERS)
async def test_equal_seeds_decide_alike(arm: str, critic: str, world: str) -> None:
    traces = [await play(world, build(arm, critic), FunctionModel(obeys)) for _ in range(2)]
    one, other = (
        [(s.state, s.decision.candidate, s.decision.action) for s in t.steps] for t in traces
    )
    assert one == other


@pytest.mark.parametrize("arm", ["tree+asked", "tree:7+asked"])
async def test_a_search_without_a_head_is_two_calls_an_iteration(arm: str) -> None:
    planner = build_planner(Arm.parse(arm))
    trace = await play("bargaining", planner, FunctionModel(obeys))
    for step in trace.steps:
        iterations = 7 if ":" in arm else 30
        assert step.decision.search[0].visits == iterations
        assert step.decision.usage["propose"].calls == iterations
        assert step.decision.usage["evaluate"].calls == iterations


@pytest.mark.parametrize("arm", ["rank", "best-of-n", "tree:4", "refine", "adaptive", "two-stage"])
@pytest.mark.parametrize("world", WORLDS)
async def test_an_oracle_is_asked_where_there_is_one(arm: str, world: str) -> None:
    planner = build_planner(Arm.parse(f"{arm}+oracle"))
    if world not in OFFERS:
        with pytest.raises(ConfigError, match="critic 'oracle' needs a world that knows"):
            await play(world, planner, FunctionModel(obeys))
        return
    trace = await play(world, planner, FunctionModel(obeys))
    check(trace, 99)
    assert trace.outcome
    assert trace.outcome.finished


class Broken:
    """A critic that breaks."""

    name = "broken"

    def estimate(self, *_: Any) -> list[list[Estimate]]:
        raise ZeroDivisionError("by zero")

    def explain(self, *_: Any, **__: Any) -> list[Evidence]:
        return []


@pytest.mark.parametrize("arm", [a for a, c in PLAYERS if c == "slow" and a != "two-stage"])
async def test_a_critic_that_breaks_ends_its_episode_alone(arm: str) -> None:
    planner = build_planner(Arm.parse(arm), critics={"head": Broken()})
    trace = await play("bargaining", planner, FunctionModel(obeys))
    assert trace.outcome
    assert trace.outcome.reason == f"error: planner {planner.name}: ZeroDivisionError: by zero"


REPLIES = st.lists(
    st.text(max_size=40)
    | st.sampled_from(
        [
            *GARBAGE,
            '{"thoughts": ["I go left.", "I go left.", 3, null, {"a": 1}]}',
            '{"thought": "1", "action": "1"}',
            '{"hoped": "x", "feared": [{"text": ["y"]}]}',
            '{"verdict": "refine", "thought": "{x}"}',
            '{"lesson": "{lesson}"}',
            "{situation} {0}",
            "answer: {}",
        ]
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("world", ["signpost", "task", "plain"])
@pytest.mark.parametrize("arm", BOUNDS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(replies=REPLIES)
@example(replies=["\ud800"])
@example(replies=list(GARBAGE))
def test_whatever_a_model_says_the_episode_goes_on(
    arm: str, world: str, replies: list[str]
) -> None:
    critic = _critics(arm)[0]
    model = ScriptedModel(replies, cycle=True)
    trace = asyncio.run(play(world, build(arm, critic), model))
    check(trace, BOUNDS[arm])
    assert trace.outcome
    assert trace.outcome.reason in {"terminated", "truncated"}
