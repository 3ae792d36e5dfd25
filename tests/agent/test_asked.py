import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.arms import Arm, build_planner
from forethought.agent.asked import SPREAD, Asked, read_chances
from forethought.agent.budget import Budget, Meter
from forethought.agent.critics import UNKNOWN, Shuffled, bound, estimates
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.planners.desk import Desk
from forethought.agent.protocols import Model, Turn
from forethought.agent.types import (
    Candidate,
    Episode,
    Estimate,
    Goal,
    Observation,
    Outcome,
    Request,
)
from forethought.envs.registry import get_world

GOALS = (Goal("We agree."), Goal("They leave.", "feared"))
TWO = (Candidate("I wait."), Candidate("I push.", "Listen,", "push"))


def desk(model: Model | None) -> Desk:
    turn = Turn(Observation("They look at me."), "The state.", model, random.Random(0))
    return Desk(turn, "test")


def guess(chance: float) -> Estimate:
    return Estimate(chance, max(0.0, chance - SPREAD), min(1.0, chance + SPREAD))


async def test_the_model_guesses_all_goals_of_a_few_candidates_in_one_call() -> None:
    model = ScriptedModel(['{"p1": [30, 70], "p2": [90, 5]}'])
    rows = await estimates(bound(Asked(), desk(model)), "Now so.", TWO, GOALS)
    assert rows == [[guess(0.3), guess(0.7)], [guess(0.9), guess(0.05)]]
    (request,) = model.requests
    assert request.stage == "evaluate"
    prompt = request.messages[0].content
    assert "Now so." in prompt
    assert "The state." not in prompt, "the state asked about, not the turn's"
    assert 'p2. I push. (a reply that begins with "Listen,") What you do: push' in prompt
    assert "2. They leave." in prompt
    assert request.schema is not None
    row = request.schema["properties"]["p2"]
    assert (row["minItems"], row["maxItems"]) == (2, 2)
    assert row["items"] == {"type": "integer", "minimum": 0, "maximum": 100}


async def test_many_candidates_take_several_calls() -> None:
    def answer(request: Request) -> str:
        assert request.schema is not None
        return json.dumps({name: [50] for name in request.schema["properties"]})

    model = ScriptedModel(by_stage={"evaluate": answer})
    five = [Candidate(f"t{n}") for n in range(5)]
    rows = await estimates(bound(Asked(together=2), desk(model)), "s", five, GOALS[:1])
    assert len(rows) == 5
    assert len(model.requests) == 3


async def test_what_cannot_be_read_is_repaired_once_and_then_not_supported() -> None:
    model = ScriptedModel(['{"p1": [30, 70]}', "no idea", "none at all"])
    here = desk(model)
    critic = bound(Asked(), here)
    assert await estimates(critic, "s", TWO, GOALS) == [[guess(0.3), guess(0.7)], [UNKNOWN] * 2]
    assert here.repairs == 1
    assert "numbers from 0 to 100 for p2" in model.requests[1].messages[-1].content
    assert await estimates(critic, "s", TWO[:1], GOALS) == [[UNKNOWN] * 2]
    assert here.repairs == 1, "one repair in a decision"
    model.check_done()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"p1": [0, 100]}', [0.0, 1.0]),
        ('Sure: ```json\n{"P1": ["30 %", "70%"]}\n```', [0.3, 0.7]),
        ('{"p1": [0.25, 0.5]}', [0.25, 0.5]),
        ('{"p1": [0, 1]}', [0.0, 0.01]),
        ('{"p1": [30, 70]} or {"p1": [40, 70]}', None),
        ('{"p1": [30, 70]} so {"p1": [30, 70]}', [0.3, 0.7]),
        ('{"p1": [30]}', None),
        ('{"p1": [30, 170]}', None),
        ('{"p1": [true, 3]}', None),
        ('{"p1": [NaN, 3]}', None),
        ('{"p2": [30, 70]}', None),
        ("30 and 70", None),
    ],
)
def test_reading_chances(text: str, found: list[float] | None) -> None:
    assert read_chances(text, ["p1"], 2) == ({"p1": found} if found else {})


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for each in (text, f'{{"p1": {text}}}'):
        for row in read_chances(each, ["p1"], 1).values():
            assert all(0 <= chance <= 1 for chance in row)


async def test_it_needs_a_model_and_to_be_bound() -> None:
    with pytest.raises(ConfigError, match="'asked' needs a model"):
        bound(Asked(), desk(None))
    with pytest.raises(ConfigError, match="'asked' has to know the turn"):
        await estimates(Asked(), "s", TWO, GOALS)
    with pytest.raises(ConfigError, match="together"):
        Asked(together=0)
    with pytest.raises(ConfigError, match="unknown fields"):
        Asked(prompt="{state}")


async def test_a_wrapped_critic_is_bound_too() -> None:
    model = ScriptedModel(['{"p1": [30, 70], "p2": [90, 5]}'])
    rows = await estimates(bound(Shuffled(Asked()), desk(model)), "s", TWO, GOALS)
    assert rows[0] == [guess(0.9), guess(0.05)]


async def test_a_limit_passes_through_to_the_planner() -> None:
    model = Meter(ScriptedModel(["{}"], cycle=True), Budget(calls=1))
    critic = bound(Asked(together=1), desk(model))
    with pytest.raises(BudgetExhausted):
        await estimates(critic, "s", TWO, GOALS)


def talks(request: Request) -> str:
    """Answers every stage by its schema; thinks the more of a plan the later it is listed."""
    if request.schema is None:
        return "left"
    found: dict[str, Any] = {}
    for number, (name, schema) in enumerate(request.schema["properties"].items()):
        if schema["type"] == "array" and "enum" not in schema["items"]:
            found[name] = [min(90, 20 + 30 * number)] * schema["minItems"]
        elif schema["type"] == "array":
            found[name] = schema["items"]["enum"][: schema["minItems"]]
        else:
            found[name] = schema.get("enum", ["I go."])[-1]
    return json.dumps(found)


@pytest.mark.parametrize("arm", ["rank+asked", "refine+asked", "adaptive+asked"])
async def test_arms_with_asked_play_and_its_calls_count(arm: str) -> None:
    world = get_world("signpost-v0")
    planner = build_planner(Arm.parse(arm))
    episode = Episode("e", world.id, instance=1)
    trace = await run_episode(world.make(), planner, episode=episode, model=FunctionModel(talks))
    decision = trace.steps[0].decision
    assert trace.outcome is not None
    assert trace.outcome.reason == "terminated"
    assert decision.usage["evaluate"].calls >= 1
    assert decision.supported == 1
    assert decision.fallback == ""

    short = await run_episode(
        world.make(),
        planner,
        episode=episode,
        model=FunctionModel(talks),
        budget=Budget(calls=1 if arm == "rank+asked" else 2),
    )
    assert isinstance(short.outcome, Outcome)
    assert short.usage.calls <= 2
