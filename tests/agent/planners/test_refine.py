import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.budget import Budget, Meter
from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.planners.refine import Refine
from forethought.agent.planners.refine_prompts import Prompts
from forethought.agent.protocols import Turn
from forethought.agent.types import (
    Candidate,
    Estimate,
    Event,
    Goal,
    Observation,
    Reply,
    Request,
)

GOALS = {"hoped": ["We agree.", "I gain."], "feared": ["They leave.", "I lose."]}
REPLIES = {
    "propose": '{"thought": "I push hard."}',
    "goals": json.dumps(GOALS),
    "refine": '{"verdict": "refine", "thought": "I ask first."}',
    "act": "What do you need?",
}


def script(**changes: str) -> Any:
    return lambda request: (REPLIES | changes)[request.stage]


def by_thought(**chances: float) -> ScriptedCritic:
    def chance(state: str, candidate: Candidate, goal: Goal) -> float:
        good = next((c for word, c in chances.items() if word in candidate.thought), 0.4)
        return good if goal.kind == "hoped" else 1 - good

    return ScriptedCritic(chance)


async def test_a_thought_is_refined_and_carried_out(
    turn: Any, fake_model: Any, events: list[Event]
) -> None:
    model = fake_model(script())
    critic = by_thought(push=0.3, ask=0.6)
    decision = await Refine(critic).decide(turn(model))
    assert [r.stage for r in model.requests] == ["propose", "goals", "refine", "act"]
    assert decision.candidate.thought == "I ask first."
    assert decision.first_thought == "I push hard."
    assert decision.action == "What do you need?"
    assert (decision.rounds, decision.repairs, decision.fallback) == (1, 0, "")
    assert decision.critique.splitlines()[0] == "g1 (hoped) We agree: 30 % (20-40 %)"
    assert decision.critique in model.requests[2].messages[0].content
    assert [c.candidate.thought for c in decision.considered] == ["I ask first.", "I push hard."]
    assert [e.kind for e in events] == ["thought", "goals", "critique", "refined"]
    assert events[2].estimates[0].chance == 0.3


@pytest.mark.parametrize("said", ["accept", '{"verdict": "refine", "thought": "I push HARD"}'])
async def test_an_accepted_or_repeated_thought_stands(
    turn: Any, fake_model: Any, said: str
) -> None:
    decision = await Refine(by_thought(), rounds=3).decide(turn(fake_model(script(refine=said))))
    assert (decision.candidate.thought, decision.first_thought) == ("I push hard.", "")
    assert decision.rounds == 1


async def test_a_refined_thought_with_worse_estimates_is_not_taken(
    turn: Any, fake_model: Any, events: list[Event]
) -> None:
    decision = await Refine(by_thought(push=0.5, ask=0.3)).decide(turn(fake_model(script())))
    assert decision.candidate.thought == "I push hard."
    assert decision.weighed == 2
    assert [e.kind for e in events] == ["thought", "goals", "critique", "kept"]


async def test_a_clear_estimate_skips_refinement(turn: Any, fake_model: Any) -> None:
    model = fake_model(script())
    decision = await Refine(by_thought(push=0.95)).decide(turn(model))
    assert [r.stage for r in model.requests] == ["propose", "goals", "act"]
    assert (decision.rounds, decision.fallback) == (0, "")


@pytest.mark.parametrize(
    ("estimate", "reason"),
    [
        (Estimate(0.5, 0.4, 0.6, supported=False), "no estimate is supported"),
        (Estimate(0.5, 0.1, 0.9), "the estimates are undecided: intervals 0.80 wide"),
    ],
)
async def test_estimates_that_say_nothing_fall_back_to_the_plain_thought(
    turn: Any, fake_model: Any, events: list[Event], estimate: Estimate, reason: str
) -> None:
    model = fake_model(script())
    decision = await Refine(ScriptedCritic(lambda *_: estimate)).decide(turn(model))
    assert [r.stage for r in model.requests] == ["propose", "goals", "act"]
    assert decision.candidate.thought == "I push hard."
    assert reason in decision.fallback
    assert events[-1].kind == "fallback"
    if not estimate.supported:
        assert "g1 (hoped) We agree: too far from what was logged to say" in decision.critique


async def test_repeated_goals_are_asked_for_once_more_and_joined(
    turn: Any, fake_model: Any
) -> None:
    def reply(request: Request) -> str:
        if request.stage != "goals":
            return REPLIES[request.stage]
        again = len(request.messages) > 1
        hoped = ["I gain!", "We  agree"] if again else ["We agree.", "we AGREE"]
        return json.dumps({"hoped": hoped, "feared": ["They leave.", "I lose."]})

    model = fake_model(reply)
    decision = await Refine(by_thought()).decide(turn(model))
    assert decision.repairs == 1
    assert [g.text for g in decision.goals] == ["We agree.", "I gain!", "They leave.", "I lose."]
    asked = [r for r in model.requests if r.stage == "goals"][1].messages
    assert "1 more different outcomes are needed" in asked[-1].content


async def test_goals_that_mean_the_same_are_one(turn: Any, fake_model: Any) -> None:
    def same(one: str, other: str) -> bool:
        return {one, other} == {"We agree.", "I gain."}

    decision = await Refine(by_thought(), same=same).decide(turn(fake_model(script())))
    assert [g.text for g in decision.goals] == ["We agree.", "They leave.", "I lose."]


async def test_goals_are_put_into_the_words_of_the_world(
    turn: Any, fake_model: Any, world_goals: Any
) -> None:
    said = {
        "hoped": ["A deal we reach!", "I get at least 6 points in the end."],
        "feared": ["The talks will fail.", "Aliens land."],
    }
    model = fake_model(script(goals=json.dumps(said)))
    decision = await Refine(by_thought()).decide(turn(model, goals=world_goals))
    assert decision.goals == (*world_goals[:3], Goal("Aliens land.", "feared"))
    assert "- I get at least 6 points." in model.requests[1].messages[0].content


@pytest.mark.parametrize("closed", [True, False])
async def test_the_schema_may_hold_goals_to_the_worlds_outcomes(
    turn: Any, fake_model: Any, world_goals: Any, closed: bool
) -> None:
    model = fake_model(script())
    await Refine(by_thought(), closed=closed).decide(turn(model, goals=world_goals))
    items = model.requests[1].schema["properties"]["hoped"]["items"]
    assert items.get("enum") == ([g.text for g in world_goals[:2]] if closed else None)
    await Refine(by_thought(), hoped=3).decide(turn(fake_model(script()), goals=world_goals))


async def test_no_more_goals_are_wanted_than_the_world_states(turn: Any, fake_model: Any) -> None:
    stated = (Goal("We agree."), Goal("I gain."), Goal("I win."), Goal("They leave.", "feared"))
    said = {"hoped": ["We agree.", "I win."], "feared": ["They leave."]}
    model = fake_model(script(goals=json.dumps(said)))
    decision = await Refine(by_thought()).decide(turn(model, goals=stated))
    assert [g.text for g in decision.goals] == ["We agree.", "I win.", "They leave."]
    assert decision.repairs == 0
    asked = model.requests[1].schema["properties"]["feared"]
    assert (asked["items"]["enum"], asked["minItems"]) == (["They leave."], 1)
    free = fake_model(script())
    decision = await Refine(by_thought(), closed=False).decide(turn(free, goals=stated))
    assert len(decision.goals) == 4


async def test_what_is_said_about_an_unreadable_reply_can_be_replaced(
    turn: Any, fake_model: Any
) -> None:
    replies = iter(["{}", REPLIES["propose"]])
    model = fake_model(lambda r: next(replies) if r.stage == "propose" else REPLIES[r.stage])
    prompts = Prompts(repair="Nein: {problem}")
    await Refine(by_thought(), prompts=prompts).decide(turn(model))
    said = [m.content for r in model.requests for m in r.messages]
    assert any(text.startswith("Nein: 'thought' missing") for text in said)
    with pytest.raises(ConfigError, match="repair"):
        Prompts(repair="{reason}")


async def test_outcomes_of_the_world_fill_what_is_missing(
    turn: Any, fake_model: Any, world_goals: Any
) -> None:
    model = fake_model(script(goals='{"hoped": ["...", "Peace comes."], "feared": ["?"]}'))
    decision = await Refine(by_thought()).decide(turn(model, goals=world_goals))
    assert [g.text for g in decision.goals] == [
        "Peace comes.",
        "I get at least 6 points.",
        "I get at most 2 points.",
        "The talks fail.",
    ]
    assert decision.fallback == ""


async def test_without_any_goal_the_plain_thought(turn: Any, fake_model: Any) -> None:
    decision = await Refine(by_thought()).decide(turn(fake_model(script(goals="..."))))
    assert (decision.fallback, decision.rounds) == ("no goals could be read", 0)
    assert decision.candidate.thought == "I push hard."


async def test_meaning_can_be_given_and_keeps_to_the_kind(
    turn: Any, fake_model: Any, world_goals: Any
) -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def match(texts: Any, vocabulary: Any) -> list[int | None]:
        asked.append((list(texts), list(vocabulary)))
        return [1, -1]

    decision = await Refine(by_thought(), match=match).decide(
        turn(fake_model(script()), goals=world_goals)
    )
    assert [g.text for g in decision.goals] == [
        "I get at least 6 points.",
        "I gain.",
        "I get at most 2 points.",
        "I lose.",
    ]
    assert asked[0] == (GOALS["hoped"], ["We reach a deal.", "I get at least 6 points."])


async def test_bound_moves_are_chosen_among_and_need_no_act_call(
    turn: Any, fake_model: Any, moves: Any
) -> None:
    model = fake_model(
        script(
            propose='{"thought": "I offer one book."}',
            refine='{"verdict": "refine", "thought": "I offer two books."}',
        )
    )
    decision = await Refine(by_thought(one=0.3, two=0.5)).decide(turn(model, candidates=moves))
    assert decision.action == "offer 2"
    assert decision.candidate == moves[1]
    assert [r.stage for r in model.requests] == ["propose", "goals", "refine"]
    enum = [c.thought for c in moves]
    assert model.requests[0].schema["properties"]["thought"]["enum"] == enum
    assert model.requests[2].schema["properties"]["thought"]["enum"] == enum


async def test_legal_actions_are_picked_by_schema(turn: Any, fake_model: Any) -> None:
    model = fake_model(script(act='{"action": "go right"}', refine="accept"))
    decision = await Refine(by_thought()).decide(turn(model, legal_actions=("go left", "go right")))
    assert (decision.candidate.thought, decision.action) == ("I push hard.", "go right")
    assert "2. go right" in model.requests[0].messages[0].content
    assert model.requests[0].schema["properties"]["thought"]["type"] == "string"
    assert model.requests[-1].schema["properties"]["action"]["enum"] == ["go left", "go right"]


async def test_a_thought_the_world_offers_keeps_its_prefix(turn: Any, fake_model: Any) -> None:
    offered = (Candidate("I push hard.", "Listen,"), Candidate("I wait.", "Well,"))
    model = fake_model(script(refine="accept"))
    decision = await Refine(by_thought()).decide(turn(model, candidates=offered))
    assert decision.candidate == offered[0]
    assert decision.action.startswith("Listen,")
    assert "- I wait." in model.requests[0].messages[0].content


async def test_the_action_is_worded_under_the_prefix(turn: Any, fake_model: Any) -> None:
    model = fake_model(script(act=" what then?"))
    decision = await Refine(by_thought(), prefix="I see,").decide(turn(model))
    assert (decision.action, decision.prefix_mode) == ("I see, what then?", "native")
    assert model.requests[-1].schema is None


async def test_two_rounds_weigh_every_thought_on_the_same_goals(turn: Any, fake_model: Any) -> None:
    better = iter(["I ask first.", "I listen."])

    def reply(request: Request) -> str:
        if request.stage == "refine":
            return json.dumps({"verdict": "refine", "thought": next(better)})
        return REPLIES[request.stage]

    model = fake_model(reply)
    critic = by_thought(push=0.3, ask=0.4, listen=0.5)
    decision = await Refine(critic, rounds=2).decide(turn(model))
    assert [c.candidate.thought for c in decision.considered] == [
        "I listen.",
        "I ask first.",
        "I push hard.",
    ]
    assert len(model.requests) == 6
    assert decision.rounds == 2


@pytest.mark.parametrize("calls", [1, 2, 3])
async def test_a_budget_that_runs_out_ends_with_the_best_so_far(
    turn: Any, fake_model: Any, calls: int
) -> None:
    meter = Meter(fake_model(script()), Budget(calls=calls))
    decision = await Refine(by_thought(push=0.3, ask=0.6)).decide(turn(meter))
    assert decision.fallback == f"budget: all {calls} calls are used"
    best = "I ask first." if calls == 3 else "I push hard."
    assert decision.action == decision.candidate.thought == best
    with pytest.raises(BudgetExhausted):
        await Refine(by_thought()).decide(turn(meter))


TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from([*REPLIES.values(), "accept", "refine: b", "{}", '{"thought": "c"}', "1"]),
)


@settings(max_examples=150, deadline=None)
@given(
    replies=st.lists(TEXTS, min_size=1, max_size=8),
    rounds=st.integers(1, 3),
    listed=st.sampled_from(["free", "legal", "bound", "prefixed"]),
    chance=st.floats(0, 1),
)
async def test_any_reply_gives_a_decision_within_the_calls_promised(
    replies: list[str], rounds: int, listed: str, chance: float
) -> None:
    requests: list[Request] = []

    class Model:
        name = "m"

        async def complete(self, request: Request) -> Reply:
            requests.append(request)
            return Reply(request.prefix + replies[len(requests) % len(replies)])

    kinds: dict[str, dict[str, Any]] = {
        "free": {},
        "legal": {"legal_actions": ("pass", "accept")},
        "bound": {"candidates": (Candidate("a", action="x"), Candidate("b", action="y"))},
        "prefixed": {"candidates": (Candidate("a", "Oh "), Candidate("b", "Ah "))},
    }
    turn = Turn(Observation("o", **kinds[listed]), "s", Model(), random.Random(0))
    decision = await Refine(ScriptedCritic(lambda *_: chance), rounds).decide(turn)
    assert len(requests) - decision.repairs <= 2 + 2 * rounds
    stages = Counter(request.stage for request in requests)
    assert decision.repairs <= len(stages)
    assert stages["propose"] <= 2
    assert stages["act"] <= 2
    if listed == "legal":
        assert decision.action in {"pass", "accept"}
    if listed == "bound":
        assert decision.action in {"x", "y"}


@pytest.mark.parametrize("bad", [{"rounds": 0}, {"hoped": 0, "feared": 0}, {"hoped": -1}])
def test_settings_that_cannot_work(bad: Any) -> None:
    with pytest.raises(ConfigError, match="refine: "):
        Refine(by_thought(), **bad)


def test_prompts_are_checked() -> None:
    with pytest.raises(ConfigError, match="prompt refine has unknown fields"):
        Prompts(refine="{goals}")


async def test_a_model_that_cannot_judge_names_another_move_and_the_critic_decides(
    turn: Any, fake_model: Any
) -> None:
    moves = tuple(Candidate(f"I {word}.", action=word) for word in ("push", "ask", "wait"))
    for named, chosen in (("ask", "ask"), ("wait", "push")):
        replies = {"propose": '{"thought": "I push."}'}
        replies["refine"] = json.dumps({"verdict": "refine", "thought": f"I {named}."})
        model = fake_model(script(**replies))
        planner = Refine(by_thought(push=0.4, ask=0.6, wait=0.2), insist=True)
        decision = await planner.decide(turn(model, candidates=moves))
        assert decision.action == chosen
        asked = next(r for r in model.requests if r.stage == "refine")
        assert asked.schema["properties"]["verdict"]["enum"] == ["refine"]
        assert asked.schema["properties"]["thought"]["enum"] == ["I ask.", "I wait."]
