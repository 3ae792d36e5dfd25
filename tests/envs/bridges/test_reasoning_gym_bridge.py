from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.check import check_environment
from forethought.envs.registry import get_world

pytest.importorskip(
    "reasoning_gym", reason="needs reasoning-gym: pip install 'forethought[reasoning-gym]'"
)

from forethought.envs.bridges.reasoning_gym import ReasoningGym

TASKS = ("chain_sum", "leg_counting", "countdown", "knights_knaves", "sudoku")


@pytest.mark.parametrize("name", TASKS)
def test_the_world_keeps_its_contract(name: str) -> None:
    check_environment(
        get_world(f"reasoning-gym:{name}").make, episodes=4, actions=["12", "I do not know."]
    )


@pytest.mark.parametrize("name", TASKS)
def test_the_right_answer_gets_the_whole_score(name: str) -> None:
    env = ReasoningGym(name)
    for seed in range(3):
        text, info = env.reset(seed=seed)
        assert text == info["state"]
        answer = str(env._entry["answer"])
        assert env.grade(answer)
        assert not env.grade("none of these")
        _, reward, over, _, info = env.step(answer)
        assert (reward, over) == (1.0, True)
        assert info["outcome"].success


def test_credit_for_any_answer_is_no_success() -> None:
    env = ReasoningGym("countdown")
    env.reset(seed=1)
    _, reward, _, _, info = env.step("zzz")
    assert reward == pytest.approx(0.01)
    assert not info["outcome"].success
    assert info["outcome"].missed == ("My answer is right.",)


def test_instances_are_questions() -> None:
    env = ReasoningGym("chain_sum")
    questions = {env.reset(options={"instance": n})[0] for n in range(30)}
    assert len(questions) == 30
    assert env.reset(options={"instance": 7}) == env.reset(seed=99, options={"instance": 7})


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: get_world("reasoning-gym:chain_sums"), UnknownName, "did you mean 'chain_sum'"),
        (lambda: ReasoningGym("chain_sum", {"sums": 3}), ConfigError, "does not take"),
        (lambda: ReasoningGym("chain_sum").reset(options={"x": 1}), ConfigError, "no option x"),
    ],
)
def test_what_cannot_be_is_one_clear_line(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
