import random
from typing import Any

import pytest

from forethought.agent.budget import Budget, Meter
from forethought.agent.errors import BudgetExhausted, ConfigError, EnvironmentFailed
from forethought.agent.planners.bot import BotPlanner, Unguided
from forethought.agent.planners.react import React
from forethought.agent.types import Candidate, Event, Observation, Request

GOOD = '{"thought": "I hold.", "action": "say hi"}'


async def test_free_text_in_one_call(fake_model: Any, turn: Any, events: list[Event]) -> None:
    model = fake_model([GOOD])
    decision = await React().decide(turn(model, info={"rules": "Be kind."}))
    assert decision.action == "say hi"
    assert decision.candidate == Candidate("I hold.", action="say hi")
    assert (decision.repairs, decision.fallback) == (0, "")
    (request,) = model.requests
    assert [m.role for m in request.messages] == ["system", "user"]
    assert request.messages[0].content == "Be kind."
    assert "The state.\n\nNow: They wait." in request.messages[1].content
    assert request.schema["required"] == ["thought", "action"]
    assert [e.kind for e in events] == ["thought"]


@pytest.mark.parametrize("said", ["I offer two books.", "2", "offer 2", "2. I offer two books."])
async def test_a_listed_move_is_found_by_words_number_or_action(
    fake_model: Any, turn: Any, moves: Any, said: str
) -> None:
    model = fake_model([f'{{"thought": "more", "action": "{said}"}}'])
    decision = await React().decide(turn(model, candidates=moves, legal_actions=("offer 2",)))
    assert (decision.action, decision.candidate.thought) == ("offer 2", "more")
    assert model.requests[0].schema["properties"]["action"]["enum"][1] == "I offer two books."
    assert "2. I offer two books." in model.requests[0].messages[0].content


async def test_what_cannot_be_read_is_repaired_once(fake_model: Any, turn: Any) -> None:
    model = fake_model(["hm", GOOD])
    decision = await React().decide(turn(model))
    assert (decision.action, decision.repairs) == ("say hi", 1)
    roles = [m.role for m in model.requests[1].messages]
    assert roles == ["user", "assistant", "user"]
    assert "'thought' and 'action' missing" in model.requests[1].messages[2].content


async def test_fallbacks(fake_model: Any, turn: Any, moves: Any, events: list[Event]) -> None:
    def garbage(_: Request) -> str:
        return "Perhaps we accept."

    decision = await React().decide(turn(fake_model(garbage), candidates=moves))
    assert (decision.action, decision.repairs) == ("offer 1", 1)
    assert decision.fallback == "no thought with an action could be read"
    decision = await React().decide(
        turn(fake_model(garbage), legal_actions=("pass", "accept", "offer"))
    )
    assert decision.action == "accept"
    decision = await React().decide(turn(fake_model(garbage)))
    assert decision.action == "Perhaps we accept."
    assert [e.kind for e in events] == ["fallback", "thought"] * 3


async def test_many_moves_are_shown_in_part_and_found_in_whole(fake_model: Any, turn: Any) -> None:
    many = tuple(Candidate(f"I offer {n} books.", action=f"offer {n}") for n in range(200))
    model = fake_model(['{"thought": "x", "action": "offer 151"}'])
    decision = await React(shown=10).decide(turn(model, candidates=many))
    assert decision.action == "offer 151"
    assert len(model.requests[0].schema["properties"]["action"]["enum"]) == 10


async def test_moves_that_share_a_thought_are_told_apart(fake_model: Any, turn: Any) -> None:
    both = (Candidate("I go.", "Left.", "left"), Candidate("I go.", "Right.", "right"))
    model = fake_model(['{"thought": "x", "action": "I go. [Right.] (right)"}'])
    decision = await React().decide(turn(model, candidates=both))
    assert (decision.action, decision.candidate.prefix) == ("right", "Right.")


async def test_a_budget_without_a_repair_still_decides(fake_model: Any, turn: Any) -> None:
    meter = Meter(fake_model(lambda _: "hm"), Budget(calls=1))
    decision = await React().decide(turn(meter))
    assert (decision.action, decision.repairs) == ("hm", 0)
    with pytest.raises(BudgetExhausted):
        await React().decide(turn(meter))


def test_a_prompt_with_unknown_fields_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown fields \['stat'\]"):
        React("{stat}")
    with pytest.raises(ConfigError, match="double the braces"):
        React('{"a": {situation}')
    React('{situation} {{"thought": 1}}')


def bot(observation: Observation, rng: random.Random) -> Candidate:
    return Candidate(f"seen {observation.text}", action=str(rng.randrange(9)))


async def test_bots(turn: Any, events: list[Event]) -> None:
    decision = await BotPlanner("heuristic", bot).decide(turn())
    assert decision.planner == "heuristic"
    assert decision.candidate.thought == events[0].text == "seen They wait."
    with pytest.raises(EnvironmentFailed, match="'lazy' gave a candidate without an action"):
        await BotPlanner("lazy", lambda *_: Candidate("t")).decide(turn())


async def test_unguided(turn: Any, moves: Any, fake_model: Any) -> None:
    drawn = turn(None, candidates=moves)
    actions = {(await Unguided().decide(drawn)).action for _ in range(40)}
    assert actions == {"offer 1", "offer 2", "accept"}
    model = fake_model(["Hello!", GOOD])
    worded = await Unguided().decide(turn(model, candidates=(Candidate("Greet.", "Oh, "),)))
    assert (worded.action, worded.prefix_mode) == ("Oh, Hello!", "native")
    free = await Unguided().decide(turn(model))
    assert (free.action, free.planner) == ("say hi", "unguided")
    with pytest.raises(ConfigError, match="'unguided' needs a model"):
        await Unguided().decide(turn())
