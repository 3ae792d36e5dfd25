from dataclasses import replace

import numpy as np
import pytest

from forethought.agent.errors import ConfigError
from forethought.valuefn.reproduce.toy import (
    Choice,
    follow,
    ratios,
    sample,
    sampled_gradient,
)
from forethought.valuefn.reproduce.toy_paper import FIGURES, RATIOS, START, STEPS
from forethought.valuefn.reproduce.toy_picture import picture
from forethought.valuefn.reproduce.toy_report import CHOICE, QUICK, Report, holds, run
from forethought.valuefn.reproduce.toy_search import Grid, search
from forethought.valuefn.reproduce.two_stage import UNLIMITED, reward_gradient


@pytest.fixture(scope="module")
def report() -> Report:
    return run(QUICK)


def test_the_papers_figures_can_be_had() -> None:
    told = follow([CHOICE], STEPS).figures[:, 0]
    np.testing.assert_allclose(told, list(FIGURES.values()), rtol=0.1)
    np.testing.assert_allclose(ratios(told), list(RATIOS.values()), rtol=0.1)


def test_without_length_the_penalty_is_nearly_balanced() -> None:
    even = replace(CHOICE, sample_tokens=CHOICE.decision_tokens)
    kl = ratios(follow([even], 2000).figures)[1, 0]
    assert kl < 4


@pytest.mark.parametrize("choice", [Choice(), Choice(discount=0.8, turns=3)])
def test_sampled_gradients_are_right_on_average(choice: Choice) -> None:
    theta = np.repeat(np.array(START)[:, None], 40, axis=1)
    told = sampled_gradient(theta, choice, 2000, np.random.default_rng(0))
    exact = reward_gradient(np.array(START), choice.discount, choice.turns)
    error = told.std(axis=1) / 40**0.5
    assert (np.abs(told.mean(axis=1) - exact) < 4 * error).all()
    assert (error < 0.002).all()


def test_sampled_runs_repeat_themselves_and_differ_by_seed() -> None:
    first = sample(Choice(), 20, seeds=3, episodes=8, seed=1)
    again = sample(Choice(), 20, seeds=3, episodes=8, seed=1)
    other = sample(Choice(), 20, seeds=3, episodes=8, seed=2)
    assert np.array_equal(first.figures, again.figures)
    assert not np.array_equal(first.figures, other.figures)
    assert len(set(first.end[0])) == 3


def test_choices_side_by_side_are_those_one_by_one() -> None:
    choices = [
        Choice(),
        Choice(0.9, 3, refresh=7, direction="reverse", per="visit"),
        Choice(per="visit"),
        Choice(reward="decision"),
    ]
    together = follow(choices, 30)
    for place, choice in enumerate(choices):
        alone = follow([choice], 30)
        np.testing.assert_allclose(together.figures[:, place], alone.figures[:, 0])
        np.testing.assert_allclose(together.end[:, place], alone.end[:, 0])


def test_scaling_tokens_against_beta_changes_the_kl_alone() -> None:
    one = follow([Choice(beta=0.3, sample_tokens=50, decision_tokens=1)], 200)
    three = follow([Choice(beta=0.1, sample_tokens=150, decision_tokens=3)], 200)
    np.testing.assert_allclose(one.end, three.end)
    np.testing.assert_allclose(one.figures[2:] * 3, three.figures[2:])


def test_the_search_finds_the_choice_in_use() -> None:
    grid = Grid((1.0,), (UNLIMITED,), (0.02, 0.05), (0.3,), (1.0, 50.0), (300,))
    found = search(grid, 3000)
    assert found.rows == 32
    assert found.best[0].worst >= 1
    assert found.by_length[1.0][1] < found.by_length[50.0][1]
    assert {"outcome, summed", "decision, averaged"} <= set(found.within)
    for shares in found.within.values():
        assert 0 <= shares["all four figures"] <= shares["both"] <= 1
    kinds = {name: row.choice.reward for name, row in found.by_end.items()}
    assert kinds["reward of the outcome"] == "outcome"
    assert kinds["reward of the decision"] == "decision"


def test_a_report_has_claims_controls_and_a_picture(report: Report) -> None:
    assert [each.name for each in report.held] == list(RATIOS)
    for each in report.held:
        assert each.ci95[0] <= each.sampled <= each.ci95[1]
    controls = {each.name: each for each in report.controls}
    assert controls["no penalty"].end[0] > controls["as fitted"].end[0]
    assert picture(report).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("ends", "said"), [((0.9, 1.1), True), ((1.3, 1.5), False), ((0.2, 0.5), False), ((1, 2), None)]
)
def test_a_ratio_holds_by_its_interval(ends: tuple[float, float], said: bool | None) -> None:
    assert holds(ends, 1.0) is said


@pytest.mark.parametrize(
    "choice", [Choice(discount=0.0), Choice(discount=1.1), Choice(turns=1), Choice(refresh=0)]
)
def test_choices_that_cannot_be(choice: Choice) -> None:
    with pytest.raises(ConfigError, match="a choice needs"):
        follow([choice], 2)


def test_episodes_are_played_for_the_outcome() -> None:
    with pytest.raises(ConfigError, match="the outcome alone"):
        sample(Choice(reward="decision"), 2, seeds=1, episodes=4, seed=0)


def test_one_episode_has_no_baseline() -> None:
    with pytest.raises(ConfigError, match="2 episodes"):
        sample(Choice(), 2, seeds=1, episodes=1, seed=0)
