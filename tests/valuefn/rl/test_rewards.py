import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.valuefn.rl.rewards import (
    REWARDS,
    Said,
    Task,
    answer_of,
    chosen_rewards,
    exact,
    form,
    score,
    verified,
    word_f1,
)
from forethought.valuefn.rl.tokens import Kind, Rollout, Span

TASK = Task("t", "Which city?", ("Beijing", "Peking"))
GOOD = "<think>far</think><search>city</search><think>so</think><answer> The Beijing. </answer>"
ICRL = {"exact": 0.8, "format": 0.2}


def _rollout(*turns: str, outcome: float | None = None) -> Rollout:
    return Rollout(
        "t", (1,), (2,), (-0.1,), (Kind.SAMPLED,), (Span.SAMPLE,), turns, outcome=outcome
    )


def _icrl(text: str) -> float:
    parts = score(_rollout(text), TASK, chosen_rewards(ICRL))
    return sum(weight * parts[name] for name, weight in ICRL.items())


def test_the_prompt_earns_nothing() -> None:
    # the released code of ICRL scores prompt and reply together and gives 0.200 and 1.000 here
    assert _icrl("I do not know.") == pytest.approx(0.05)
    assert _icrl("<answer>Beijing</answer>") == pytest.approx(0.95)
    assert _icrl(GOOD) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        (GOOD, 1.0),
        ("", 0.25),
        ("<think>a</think><search>b</search>", 0.5),
        ("<think>a</think><search>b</search><answer>c", 0.3),
        ("<think>a</think><search>b</search><answer></answer>", 0.8),
        ("<think>a</think><search>b</search><answer>c</answer></answer>", 0.8),
        ("<search>b</search><answer>c</answer>", 0.85),
        ("<think>a<search>b</search><answer>c</answer>", 0.75),
        ("<think>a</think><answer>c</answer>", 0.9),
        ("<answer><think>", 0.0),
        ("<think>a</think>one of <search>.<answer>c</answer>", 0.9),
    ],
)
def test_penalties_of_the_format(text: str, worth: float) -> None:
    assert form()(Said((text,)), TASK) == pytest.approx(worth)


def test_a_text_given_by_a_tool_cannot_answer() -> None:
    rollout = _rollout("<search>x</search>", "I give up")
    said = Said(rollout.turns)
    assert "<answer>" not in said.text
    assert exact()(said, TASK) == 0.0


def test_answers_are_read_from_the_last_whole_pair() -> None:
    assert answer_of("<answer>a</answer> <answer> b </answer>") == "b"
    assert answer_of("<answer>a <answer>b</answer>") == "b"
    assert answer_of("<answer>a") is None
    assert answer_of("no tags") is None
    assert answer_of(" whole ", "") == "whole"
    assert answer_of("<answer>two\nlines</answer>") == "two\nlines"
    assert answer_of("<answer></answer>") == ""


def test_exact_match_and_f1_as_squad_normalises() -> None:
    assert exact()(Said(("<answer>the PEKING!</answer>",)), TASK) == 1.0
    assert exact()(Said(("<answer>Beijing city</answer>",)), TASK) == 0.0
    assert word_f1()(Said(("<answer>Beijing city</answer>",)), TASK) == pytest.approx(2 / 3)
    assert word_f1()(Said(("nothing",)), TASK) == 0.0
    both = Said(("<answer>Beijing or Peking</answer>",))
    assert exact()(both, TASK) == 0.0
    assert exact(contains_all=True)(both, TASK) == 1.0
    assert exact(contains_all=True)(Said(("<answer>not Beijing</answer>",)), TASK) == 0.0
    assert REWARDS["whole"](Said(("Beijing",)), TASK) == 1.0


def test_outcome_and_verifier() -> None:
    rewards = chosen_rewards(
        {"outcome": 1.0, "even": 1.0}, {"even": verified(lambda text, task: len(text) % 2 == 0)}
    )
    assert score(_rollout("ab", outcome=0.25), TASK, rewards) == {"outcome": 0.25, "even": 1.0}
    with pytest.raises(ConfigError, match="task 't' has no outcome"):
        score(_rollout("ab"), TASK, rewards)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(ConfigError, match=r"reward 'own' is (nan|inf) for task 't'"):
        score(_rollout("x"), TASK, {"own": lambda said, task: value})


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean 'format'"):
        chosen_rewards({"formats": 1.0})
