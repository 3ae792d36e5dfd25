import json
from collections import Counter

import pytest

from forethought.agent.arms import Arm, build_planner
from forethought.agent.attempts import DecisionRates, closed_form, decision_rates
from forethought.agent.errors import ConfigError
from forethought.agent.models.scripted import FunctionModel
from forethought.agent.planners.two_stage import TwoStage
from forethought.agent.protocols import Planner
from forethought.agent.types import Message, Request
from forethought.envs.check import check_environment
from forethought.envs.multiplication.solver import Solver
from forethought.envs.multiplication.world import SIZES, WORLD, Multiplication, pair
from forethought.envs.registry import SPLITS, get_world
from forethought.envs.rollouts import plan, play


def test_the_world_keeps_its_contract() -> None:
    check_environment(Multiplication, actions=["12", "15", "twelve"])


def test_a_product_is_graded_and_ends_the_episode() -> None:
    env = Multiplication()
    text, info = env.reset(options={"instance": 2_000_015})
    given = pair(2_000_015)
    assert text == f"What is {given.left} * {given.right}?"
    assert "9 digits times a number of 9 digits" in info["state"]
    assert env.grade(f"{given.product:,}")
    assert not env.grade(str(given.product + 1))
    assert not env.grade("about nine")
    _, reward, over, _, info = env.step(str(given.product))
    assert (reward, over) == (1, True)
    assert info["outcome"].facts == {"left_digits": 9, "right_digits": 9}
    with pytest.raises(ConfigError, match="call reset"):
        env.grade("1")


def test_sizes_take_turns_and_no_split_shares_a_pair() -> None:
    assert len(set(SIZES)) == 16
    sizes: Counter[tuple[int, int]] = Counter()
    pairs: dict[str, set[frozenset[int]]] = {}
    for split, numbers in SPLITS.items():
        for number in numbers[:320]:
            given = pair(number)
            sizes[len(str(given.left)), len(str(given.right))] += 1
            pairs.setdefault(split, set()).add(frozenset((given.left, given.right)))
    assert sizes == dict.fromkeys(SIZES, 60)
    assert len(set().union(*pairs.values())) == sum(map(len, pairs.values()))
    for number in (-1, 3_000_000):
        with pytest.raises(ConfigError, match="instances 0 to 2999999"):
            pair(number)


async def measured(planner: Planner, solver: Solver, episodes: int) -> DecisionRates:
    planned = plan(WORLD, split="test", episodes=episodes, seed=0)
    return decision_rates(await play(WORLD, planner, planned, model=FunctionModel(solver)))


@pytest.mark.parametrize(
    ("sampling", "stopping", "retrying"), [(0.7, 0.9, 0.6), (0.2, 0.55, 0.2), (0.5, 1.0, 0.0)]
)
async def test_known_rates_are_recovered(sampling: float, stopping: float, retrying: float) -> None:
    solver = Solver(sampling=sampling, stopping=stopping, retrying=retrying)
    rates = await measured(TwoStage(turns=4), solver, 600)
    for found, true in (
        (rates.sampling_first, sampling),
        (rates.stop_right, stopping),
        (rates.retry_wrong, retrying),
    ):
        assert found.value == pytest.approx(true, abs=0.06)
    expected = closed_form(sampling, stopping, retrying, turns=4)
    assert rates.accuracy.value == pytest.approx(expected, abs=0.05)
    if retrying:
        assert rates.sampling_later.value == pytest.approx(sampling, abs=0.08)


async def test_perfect_decisions_need_only_patience() -> None:
    solver = Solver(sampling=0.3, stopping=1.0, retrying=1.0)
    rates = await measured(TwoStage(turns=12), solver, 100)
    assert rates.accuracy.value == pytest.approx(1 - 0.7**12, abs=0.03)
    assert rates.stop_right.value == rates.retry_wrong.value == 1


def test_a_solver_repeats_itself_and_refuses_what_it_cannot_do() -> None:
    solver = Solver(sampling=0.5, stopping=0.5, retrying=0.5)
    ask = Request((Message("user", "What is 1234 * 5678?"),), seed=1)
    assert solver(ask) == solver(ask)
    wrong = Solver(sampling=0.0, stopping=0.5, retrying=0.5)(ask)
    assert json.loads(wrong)["action"] != str(1234 * 5678)
    with pytest.raises(ConfigError, match="multiplication-v0 alone"):
        solver(Request((Message("user", "Hello"),)))
    with pytest.raises(ConfigError, match=r"must lie in \[0, 1\]"):
        Solver(sampling=1.5, stopping=0.5, retrying=0.5)


async def test_the_unguided_arm_needs_no_model() -> None:
    world = get_world("multiplication-v0")
    planner = build_planner(Arm.parse("unguided"), bots=world.bots)
    planned = plan(world, split="validation", episodes=20, seed=0)
    traces = await play(world, planner, planned)
    assert [t.outcome.success for t in traces if t.outcome] == [False] * 20
