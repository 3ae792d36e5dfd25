import random
from dataclasses import replace
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.types import Observation
from forethought.envs.arithmetic.evaluate import LARGEST_BITS, LONGEST, evaluate
from forethought.envs.arithmetic.problems import problem
from forethought.envs.arithmetic.world import CALLS, RIGHT, WORLD, WRONG, Arithmetic
from forethought.envs.check import check_environment, shown
from forethought.envs.registry import SPLITS, get_world


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        (" (1 + 2) * 3 ", 9),
        ("7 // 2 - 7 % 4 + 7 / 2", 3.5),
        ("-3 ** 2", -9),
        ("2 ** -1", 0.5),
        ("+4 - -4", 8),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("round(2.567, 1) + abs(-2) + max(1, 2, 3) - min(4, 5)", 3.6),
        ("123456789 * 987654321", 121932631112635269),
    ],
)
def test_arithmetic_is_worked_out_as_python_does(text: str, value: float) -> None:
    assert evaluate(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 +",
        "x + 1",
        "__import__('os').system('true')",
        "(1).__class__",
        "'a' * 3",
        "[1] * 3",
        "1 if 2 else 3",
        "1 < 2",
        "True + 1",
        "1j * 1j",
        "(-8) ** 0.5",
        "lambda: 1",
        "abs(*[1])",
        "round(number=1)",
        "print(1)",
        "min(1)",
        "round(1, 2, 3)",
        "1 / 0",
        "1 % 0",
        "2 ** 99999999",
        "2 ** 2 ** 2 ** 2 ** 2 ** 2",
        "1e308 * 10",
        "9.0 ** 999",
        "(" * 150 + "1" + ")" * 150,
        "-" * 200 + "1",
        "9" * (LONGEST + 1),
        "\x00",
        "1; 2",
        "a := 1",
    ],
)
def test_everything_else_is_refused_in_words_for_the_model(text: str) -> None:
    with pytest.raises(ToolError) as caught:
        evaluate(text)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_stay_small_enough_to_be_written() -> None:
    assert evaluate(f"2 ** {LARGEST_BITS // 2}") == 2 ** (LARGEST_BITS // 2)
    product = "*".join(["(9 ** 400)"] * 5)
    with pytest.raises(ToolError, match="too large"):
        evaluate(product)


def another_value(env: Arithmetic) -> list[str]:
    """What would be shown, were it different, if the expression came to something else."""
    given = env._problem
    assert given is not None
    here = shown(*env._show(given))
    others = [shown(*env._show(replace(given, value=value))) for value in (0, -5)]
    return [other for other in others if other != here]


def test_the_world_keeps_its_contract_and_its_secrets() -> None:
    actions = ["python 3 * 4", "python 1 / 0", "answer 12", "answer five"]
    check_environment(Arithmetic, actions=actions, secrets=another_value)
    check_environment(
        Arithmetic, episodes=4, options=[{}, {"instance": 2_000_000}], actions=actions
    )


def test_a_problem_from_tool_to_answer() -> None:
    env = Arithmetic()
    text, info = env.reset(options={"instance": 5})
    given = problem(5)
    assert text == f"What is {given.text}?"
    assert "Nothing was worked out" in info["state"]
    text, reward, over, _, info = env.step(f"python {given.parts[0]}")
    assert (reward, over) == (0, False)
    assert f"Worked out 1 of {given.operations} operations" in info["state"]
    text, _, _, _, info = env.step(f"Python: {given.text}")
    assert f"{given.text} gives {given.value}" in text
    assert f"Worked out {given.operations} of {given.operations}" in info["state"]
    done = f"I answer with the result of {given.operations} of {given.operations} operations."
    (candidate,) = [c for c in info["candidates"] if c.thought == done]
    assert env.grade(candidate.action)
    assert not env.grade(f"python {given.text}")
    assert not env.grade("answer 1.5")
    _, reward, over, _, info = env.step(candidate.action)
    assert over
    assert reward == 1
    assert info["outcome"].reached == (RIGHT.text,)
    assert info["outcome"].missed == (WRONG.text,)
    assert info["outcome"].facts["calls"] == 2


def test_mistakes_of_the_model_are_told_and_cost_nothing() -> None:
    env = Arithmetic()
    env.reset(seed=3)
    text, _, _, _, info = env.step("I think it is 12")
    assert info["invalid"]
    assert "python EXPRESSION" in text
    text, _, _, _, info = env.step("answer")
    assert info["invalid"]
    text, _, _, _, info = env.step("python import os")
    assert "an error: 'import os' is no arithmetic expression" in text
    assert not info.get("invalid")
    for _ in range(CALLS - 1):
        text, _, _, _, info = env.step("python 1 + 1")
    assert "Calls left 0" in info["state"]
    assert all(c.action.startswith("answer ") for c in info["candidates"])
    text, _, _, _, info = env.step("python 1 + 1")
    assert info["invalid"]
    assert "no call is left" in text
    assert env.step("answer 1,000,000")[1] == 0


@pytest.mark.parametrize("said", ["-1234", "-1,234", "-1 234.", " -01234 "])
def test_the_same_number_may_be_written_in_several_ways(said: str) -> None:
    env = Arithmetic()
    env.reset(seed=0)
    assert env._problem is not None
    env._problem = replace(env._problem, value=-1234)
    assert env.grade(f"answer {said}")
    assert not env.grade(f"answer {said} or so")
    assert not env.grade("answer 1234")


def test_expressions_are_what_they_say_and_no_split_shares_one() -> None:
    texts: dict[str, set[str]] = {}
    for split, numbers in SPLITS.items():
        for number in numbers[:300]:
            given = problem(number)
            assert evaluate(given.text) == given.value
            assert given.parts[-1] == given.text
            assert 2 <= given.operations <= 4
            texts.setdefault(split, set()).add(given.text)
    assert not set.intersection(*texts.values())
    assert min(map(len, texts.values())) > 290


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instance": 3_000_000}, "instances 0 to 2999999, not 3000000"),
        ({"instance": -1}, "not -1"),
        ({"instance": "x"}, "whole number"),
        ({"instance": True}, "whole number"),
        ({"seat": 1}, "one seat"),
        ({"opponent": "bob"}, "no opponents"),
        ({"size": 3}, "no option size"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Arithmetic().reset(options=options)


def test_calls_out_of_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="call reset"):
        Arithmetic().grade("answer 1")


def play(name: str, instance: int) -> float:
    env, rng = WORLD.make(), random.Random(instance)
    result = env.reset(options={"instance": instance})
    assert isinstance(result, tuple)
    text, info = result
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        after = env.step(WORLD.bots[name](seen, rng).action or "")
        assert isinstance(after, tuple)
        text, reward, over, cut, info = after
        assert not info.get("invalid")
        if over or cut:
            return reward


def test_the_tool_decides() -> None:
    assert get_world("arithmetic-v0") is WORLD
    means = {name: sum(play(name, n) for n in range(200)) / 200 for name in WORLD.bots}
    assert means["heuristic"] == 1
    assert 0.05 < means["unguided"] < 0.4
