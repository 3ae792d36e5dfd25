"""The support agent of docs/support.md: its world, its tools, what the page claims, in small."""

import asyncio
import builtins
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import app, thoughts
from support.customers import MONEY, NEW_ONE, NEWS, Case, Simulated, draw_case
from support.notes import HANDED_OVER, LEAVES, SOLVED, TOO_MUCH
from support.proposer import answer
from support.shop import Order, Shop, shop_tools, supervisor
from support.talk import WORLD, Talk

from forethought.agent.arms import Arm, build_planner
from forethought.agent.errors import ToolError
from forethought.agent.models.names import load_model
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.react import React
from forethought.agent.protocols import Planner, RunContext
from forethought.agent.trace import read_traces
from forethought.agent.types import Candidate, Estimate, Goal, Message, Outcome, Request, Trace
from forethought.envs.check import check_environment, shown
from forethought.envs.rollouts import plan, play
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import load_critic
from forethought.valuefn.fit import fit_head

LOT = "function:support.proposer:answer"
ORDER = Order(1042, "kettle", 60, "lost", "Friday")
CASE = Case(ORDER, 3, MONEY, 9.0, flexible=False, modest=False, outspoken=True)


def ended(case: Case, actions: Sequence[str]) -> Outcome:
    """How a talk of that case ends."""
    talk = Talk(customer=lambda drawn: Simulated(case))
    talk.reset(seed=1)
    talk._case = case
    assert talk._shop is not None
    talk._shop.close()
    talk._shop = Shop()
    talk._shop.add(case.order, case.units)
    for action in actions:
        _, _, over, _, info = asyncio.run(talk.step(action))
        if over:
            outcome: Outcome = info["outcome"]
            return outcome
    raise AssertionError("the talk goes on")


LOOK = 'look_up_order {"number": 1042}'
ALL = 'refund {"number": 1042, "euros": 60}'
ANEW = 'send_anew {"number": 1042}'
TICKET = 'open_ticket {"number": 1042, "about": "?"}'


def test_the_world_keeps_its_contract_and_its_secrets() -> None:
    def others(env: Talk) -> list[str]:
        told, customer = [], env._customer
        assert env._shop is not None
        assert isinstance(customer, Simulated)
        case = customer.case
        for flexible, modest in itertools.product((True, False), repeat=2):
            customer.case = replace(case, flexible=flexible, modest=modest)
            told.append(shown(*env._show(env._shop)))
        customer.case = case
        return told

    said = ["answer: What would help?", LOOK, "I am sorry", 'check_stock {"item": "kettle"}']
    check_environment(Talk, actions=said, secrets=others)


@pytest.mark.parametrize(
    ("case", "actions", "reached", "reward"),
    [
        (CASE, [LOOK, ALL], [SOLVED], 1.0),
        (replace(CASE, modest=True), [LOOK, ALL], [SOLVED, TOO_MUCH], 0.3),
        (replace(CASE, flexible=True), [LOOK, ANEW], [SOLVED], 1.0),
        (replace(CASE, wish=NEW_ONE), [ANEW], [SOLVED], 1.0),
        (CASE, [ALL, TICKET], [HANDED_OVER], 0.4),
        (CASE, [LOOK, ANEW, ALL], [SOLVED, TOO_MUCH], 0.3),
        (replace(CASE, patience=1.0), ["answer: Read the manual."], [LEAVES], -0.2),
        (CASE, ["answer: I see."] * 9 + ["answer: Well."], [LEAVES], -0.2),
        (CASE, [LOOK] * 10, [LEAVES], -0.2),
    ],
)
def test_what_is_hidden_decides_how_a_talk_ends(
    case: Case, actions: list[str], reached: list[Goal], reward: float
) -> None:
    outcome = ended(case, actions)
    assert set(outcome.reached) == {goal.text for goal in reached}
    assert outcome.reward == pytest.approx(reward)
    assert outcome.success == (reached == [SOLVED])


def test_who_wants_money_for_what_a_neighbour_has_is_never_in_the_right() -> None:
    false = replace(CASE, order=replace(ORDER, status="at the neighbour's"))
    assert TOO_MUCH.text in ended(false, [LOOK, ALL]).reached
    honest = replace(false, wish=NEWS)
    told = [LOOK, "answer: A neighbour has it."]
    assert ended(honest, told).success
    assert SOLVED.text not in ended(false, [*told, TICKET]).reached


async def test_refunds_need_a_yes_and_an_order_that_was_looked_up() -> None:
    shop = Shop()
    shop.add(ORDER, 0)
    tools: dict[str, Any] = {each.name: each for each in shop_tools(supervisor)}
    run = RunContext(shop)
    with pytest.raises(ToolError, match="look the order up first"):
        await tools["refund"].call_in(run, {"number": 1042, "euros": 21})
    assert await tools["refund"].call_in(run, {"number": 1042, "euros": 20})
    await tools["look_up_order"].call_in(run, {"number": 1042})
    assert await tools["refund"].call_in(run, {"number": 1042, "euros": 40})
    with pytest.raises(ToolError):
        await tools["refund"].call_in(run, {"number": 1042, "euros": 1})
    with pytest.raises(ToolError, match="out of stock"):
        await tools["send_anew"].call_in(run, {"number": 1042})
    with pytest.raises(ToolError, match="there is no order 7"):
        await tools["open_ticket"].call_in(run, {"number": 7, "about": "?"})


def test_every_thought_is_carried_out_and_none_is_thought_of_again() -> None:
    talk = f"{CASE.opening}\n(look_up_order) order 1042: kettle, 60 euros, lost by the carrier"
    for thought in thoughts.SENSIBLE + thoughts.POOR:
        action = thoughts.carry_out(thought, f"Customer: {talk}")
        assert action.startswith("answer: ") or ("1042" in action or "kettle" in action), action
    schema = {"properties": {"thoughts": {"minItems": 12}}}
    request = Request((Message("user", talk),), stage="propose", schema=schema)
    assert thoughts.LOOK not in answer(request)
    assert thoughts.ANEW in answer(request)


def test_cases_are_of_every_kind() -> None:
    cases = [draw_case(random.Random(number)) for number in range(300)]
    kinds = {(case.order.status, case.wish) for case in cases}
    assert len(kinds) == 9
    assert {case.honest for case in cases} == {True, False}


def _played(planner: Planner, arm: str, episodes: int, split: str, model: bool = True) -> Any:
    planned = plan(WORLD, split=split, episodes=episodes, seed=1, arm=arm)
    return asyncio.run(play(WORLD, planner, planned, model=load_model(LOT) if model else None))


def _mean(traces: Sequence[Trace]) -> float:
    return sum(t.outcome.reward for t in traces if t.outcome is not None) / len(traces)


def test_the_claims_of_the_page_hold_in_small(tmp_path: Path) -> None:
    logs = _played(React(), "unguided", 150, "train")
    settings = head_config(members=1, hidden=32, steps=150, learning_rate=3e-3)
    critics = {}
    for name, dealt in (("head", logs), ("permuted", _dealt(logs))):
        critics[name] = load_critic(fit_head(dealt, settings).save_pretrained(tmp_path / name))
    arms = {
        "unguided": _played(React(), "unguided", 80, "test"),
        "rank": _played(Rank(critics["head"]), "rank", 80, "test"),
        "permuted": _played(Rank(critics["permuted"]), "rank+permuted", 80, "test"),
        "heuristic": _played(
            build_planner(Arm.parse("heuristic"), bots=WORLD.bots), "h", 80, "test", model=False
        ),
    }
    means = {name: _mean(traces) for name, traces in arms.items()}
    assert means["rank"] > means["unguided"] + 0.05, means
    assert means["rank"] > means["permuted"] + 0.05, means
    assert means["heuristic"] > means["rank"], means


def _dealt(traces: Sequence[Trace]) -> list[Trace]:
    """Each outcome given to another talk."""
    outcomes = [trace.outcome for trace in traces]
    moved = outcomes[len(outcomes) // 2 :] + outcomes[: len(outcomes) // 2]
    return [replace(t, outcome=outcome) for t, outcome in zip(traces, moved, strict=True)]


class Looks:
    name = "looks"

    def estimate(self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]) -> Any:
        first = thoughts.LOOK if "not looked up" in state else thoughts.WHOLE

        def rated(candidate: Candidate) -> float:
            return (
                0.9 if candidate.thought == first else 0.5 * (candidate.thought == thoughts.SORRY)
            )

        return [
            [Estimate(chance, chance, chance)] * len(goals) for chance in map(rated, candidates)
        ]


def _typing(monkeypatch: pytest.MonkeyPatch, say: Callable[[str], str]) -> None:
    monkeypatch.setattr(builtins, "input", say)


def test_a_person_takes_the_customers_place_and_a_clerk_says_yes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "load_critic", lambda name: Looks())
    asked: list[str] = []

    def say(prompt: str) -> str:
        asked.extend([prompt] if prompt.startswith("[clerk] refund") else [])
        return "y" if prompt in asked else "Thank you!" if asked else "Hm."

    _typing(monkeypatch, say)
    kept = tmp_path / "talks.jsonl"
    trace = app.main(["--head", "any", "--seed", "3", "--out", str(kept)])
    assert len(asked) == 1
    assert trace.outcome is not None
    assert SOLVED.text in trace.outcome.reached
    assert TOO_MUCH.text not in (*trace.outcome.reached, *trace.outcome.missed)
    assert read_traces(kept).traces == [trace]
    assert "euros are back" in capsys.readouterr().out


def test_a_person_who_leaves_ends_the_talk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def gone(prompt: str) -> str:
        raise EOFError

    _typing(monkeypatch, gone)
    for seed in range(3):
        trace = app.main(["--seed", str(seed), "--out", str(tmp_path / "t.jsonl")])
        assert trace.outcome is not None
        assert SOLVED.text not in trace.outcome.reached


@pytest.mark.parametrize("typed", [("--head", "nowhere"), ("--model", "gguf:nowhere.gguf")])
def test_what_the_application_cannot_load_is_one_line(
    typed: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        app.main([*typed])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "nowhere" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
