import numpy as np
import pytest
from invented import RICH, WON, invented_traces

from forethought.agent.errors import UnknownName
from forethought.valuefn.batches import draw_batch
from forethought.valuefn.config import GoalShares, head_config
from forethought.valuefn.data import build_dataset
from forethought.valuefn.fit import fit_head
from forethought.valuefn.memory_source import goal_weights


def test_the_focus_weighs_as_much_as_all_others_together() -> None:
    goals = ["a", "b", "c", "d"]
    assert goal_weights(goals, "").tolist() == [1, 1, 1, 1]
    assert goal_weights(goals, "c").tolist() == [1, 1, 3, 1]
    assert goal_weights(["a"], "a").tolist() == [1]
    with pytest.raises(UnknownName, match="goal"):
        goal_weights(goals, "e")


def test_weights_move_loss_between_goals_and_keep_its_sum() -> None:
    data = build_dataset(invented_traces(40))
    rows = np.arange(len(data))
    column = data.goals.index(WON.text)
    for focus, wanted in (("", 1 / 2), (WON.text, 3 / 4), (RICH.text, 1 / 4)):
        weights = goal_weights([*data.goals, "more", "still more"], focus)[: len(data.goals)]
        batch = draw_batch(
            data, rows, 64, GoalShares(), 0.99, np.random.default_rng(0), goal_weights=weights
        )
        outcomes = batch.weight[:, : len(data.goals)]
        assert outcomes.sum() == pytest.approx(0.8, abs=1e-5)
        assert outcomes[:, column].sum() == pytest.approx(0.8 * wanted, abs=1e-5)


def test_a_head_cannot_focus_on_a_goal_that_nobody_states() -> None:
    with pytest.raises(UnknownName, match="I fly"):
        fit_head(invented_traces(40), head_config("dialogue", focus="I fly."))
