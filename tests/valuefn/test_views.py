from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support_signpost import signpost_traces

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Candidate, Outcome, Trace
from forethought.envs.signpost import HOME, LOST
from forethought.valuefn.config import View, head_config
from forethought.valuefn.critic import LearnedValue, ScalarValue, load_critic
from forethought.valuefn.data import build_dataset
from forethought.valuefn.fit import fit_head
from forethought.valuefn.probes import Blanked, GoalsDealt, WishesSwapped
from forethought.valuefn.views import REWARD_GOAL, view_of

SMALL: dict[str, Any] = {
    "hidden": 16,
    "members": 2,
    "batch": 64,
    "steps": 150,
    "learning_rate": 3e-3,
}
STATE = "The sign is red."  # left leads home
LEFT, RIGHT = (
    Candidate("I follow the path that the sign means.", prefix, prefix.lower().rstrip("."))
    for prefix in ("Left.", "Right.")
)


def chances(critic: LearnedValue) -> list[float]:
    rows = critic.estimate(STATE, [LEFT, RIGHT], [HOME])
    return [row[0].chance for row in rows]


def with_rewards(traces: list[Trace], rewards: list[float]) -> list[Trace]:
    return [
        Trace(t.episode, t.steps, Outcome(r, r > 0.5, reached=o.reached, missed=o.missed))
        for t, r in zip(traces, rewards, strict=True)
        if (o := t.outcome) is not None
    ]


@pytest.fixture(scope="module")
def whole() -> LearnedValue:
    return LearnedValue(fit_head(signpost_traces(), head_config(**SMALL)))


def test_a_view_leaves_out_one_part_and_nothing_else() -> None:
    traces = signpost_traces(40)
    data = build_dataset(traces)
    parts: list[tuple[View, str]] = [
        ("no-state", "states"),
        ("no-thought", "thoughts"),
        ("no-prefix", "prefixes"),
    ]
    for view, part in parts:
        seen = view_of(data, traces, view)
        assert getattr(seen, part) == [""]
        others = {"states", "thoughts", "prefixes", "goals"} - {part}
        assert all(getattr(seen, name) == getattr(data, name) for name in others)
        assert np.array_equal(seen.reached, data.reached)
    assert view_of(data, traces, "whole") is data


def test_the_reward_is_one_goal_reached_by_degrees() -> None:
    traces = with_rewards(signpost_traces(40), [number / 10 for number in range(40)])
    seen = view_of(build_dataset(traces), traces, "reward")
    assert seen.goals == [REWARD_GOAL.text]
    assert seen.reached[:, 0] == pytest.approx([number / 39 for number in range(40)])
    same = with_rewards(traces, [0.3] * 40)
    with pytest.raises(DataError, match=r"every episode has the reward 0\.3"):
        view_of(build_dataset(same), same, "reward")


def test_a_head_trained_without_a_part_never_sees_it(tmp_path: Path) -> None:
    head = fit_head(signpost_traces(), head_config(view="no-prefix", **SMALL))
    critic = load_critic(head.save_pretrained(tmp_path / "head"))
    rows = critic.estimate(STATE, [LEFT, RIGHT, Candidate("", "Never heard.")], [HOME])
    assert rows[0] == rows[1]
    assert rows[0][0].supported  # what it was never shown is not strange to it


def test_a_scalar_head_gives_one_number_and_ranks_by_it(tmp_path: Path) -> None:
    head = fit_head(signpost_traces(), head_config("scalar", **SMALL))
    assert head.goals == (REWARD_GOAL.text,)
    assert head.metrics["held_out"]["auc"] > 0.9
    critic = load_critic(head.save_pretrained(tmp_path / "head"))
    assert isinstance(critic, ScalarValue)
    (home, lost), (astray, _) = critic.estimate(STATE, [LEFT, RIGHT], [HOME, LOST])
    assert home.chance > 0.7 > 0.3 > astray.chance
    assert lost.chance == pytest.approx(1 - home.chance)
    assert (lost.low, lost.high) == pytest.approx((1 - home.high, 1 - home.low))
    assert critic.estimate(STATE, [LEFT], []) == [[]]
    assert critic.estimate(STATE, [], [HOME]) == []


def test_the_best_reward_may_be_held_out() -> None:
    rewards = [0.0] + [0.5] * 298 + [1.0]  # the only 0 or the only 1 is on one side alone
    rewards[100:200] = [0.4] * 100
    traces = with_rewards(signpost_traces(), rewards)
    for seed in range(4):
        fit_head(traces, head_config("scalar", **{**SMALL, "steps": 2, "seed": seed}))


def test_a_blanked_part_is_not_told(whole: LearnedValue) -> None:
    left, right = chances(whole)
    assert left > 0.8 > 0.2 > right
    blind = chances(Blanked(whole.head, "prefix"))
    assert blind[0] == blind[1]
    # the thought never varied, so that leaving it out changes nothing
    assert chances(Blanked(whole.head, "thought")) == [left, right]
    rows = Blanked(whole.head, "state").estimate(STATE, [LEFT, RIGHT], [HOME])
    assert all(each.supported for row in rows for each in row)
    strange = Blanked(whole.head, "state").estimate("Wholly other words here.", [LEFT], [HOME])
    assert not strange[0][0].supported  # the question as it was is foreign


def test_swapped_wishes_and_dealt_goals(whole: LearnedValue) -> None:
    left, right = chances(whole)
    assert chances(WishesSwapped(whole.head)) == pytest.approx([1 - left, 1 - right])
    row = whole.estimate(STATE, [LEFT], [HOME, LOST])[0]
    assert GoalsDealt(whole.head).estimate(STATE, [LEFT], [HOME, LOST])[0] == row[::-1]


def test_a_view_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="view"):
        head_config(view="no-sense")
