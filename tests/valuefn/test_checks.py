from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from invented import WON, invented_traces
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Trace
from forethought.valuefn.config import head_config
from forethought.valuefn.data import build_dataset, split_groups
from forethought.valuefn.fit import HELD_OUT, fit_head
from forethought.valuefn.hashed import HashedEncoder

TINY = head_config(hidden=8, members=1, batch=32, steps=25)
FLY = "I fly."


def naming(traces: list[Trace], text: str) -> list[Trace]:
    found = []
    for trace in traces:
        assert trace.outcome is not None
        found.append(
            replace(trace, outcome=replace(trace.outcome, missed=(*trace.outcome.missed, text)))
        )
    return found


def test_too_few_episodes() -> None:
    with pytest.raises(DataError, match="12 finished episodes are too few"):
        fit_head(invented_traces(12), TINY)


def test_one_outcome_only() -> None:
    same = []
    for trace in invented_traces(40):
        assert trace.outcome is not None
        same.append(replace(trace, outcome=replace(trace.outcome, reached=(WON.text,), missed=())))
    with pytest.raises(DataError, match="came out the same way in every episode"):
        fit_head(same, TINY)


def test_one_group_only() -> None:
    traces = [
        replace(trace, episode=replace(trace.episode, facts={"group": "us"}))
        for trace in invented_traces(40)
    ]
    with pytest.raises(DataError, match="all episodes are of one group"):
        fit_head(traces, TINY)


def test_an_outcome_that_varies_among_held_out_episodes_only() -> None:
    traces = []
    for trace in invented_traces(40, seats=1):
        assert trace.outcome is not None
        outcome = replace(trace.outcome, reached=(), missed=(WON.text,))
        traces.append(replace(trace, outcome=outcome))
    data = build_dataset(invented_traces(40, seats=1))
    number = int(np.flatnonzero(split_groups(data, HELD_OUT, TINY.seed)[1])[0])
    won = replace(outcome, reached=(WON.text,), missed=())
    traces[number] = replace(traces[number], outcome=won)
    with pytest.raises(DataError, match="among the 32 episodes to train on; give more episodes"):
        fit_head(traces, TINY)


def test_goals_that_are_never_reached_are_named() -> None:
    head = fit_head(naming(invented_traces(40), FLY), TINY)
    assert head.metrics["data"]["never_reached"] == [FLY]
    with pytest.raises(DataError, match=r"the focus 'I fly\.' came out the same way in every"):
        fit_head(naming(invented_traces(40), FLY), TINY.model_copy(update={"focus": FLY}))


class Broken(HashedEncoder):
    def __init__(self, value: float = 0.0, width: int | None = None) -> None:
        super().__init__(32, 32)
        self.value, self.width = value, width

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = super().encode(texts)
        found[0, 0] += np.float32(self.value)
        return found if self.width is None or len(texts) > 5 else found[:, : self.width]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_embeddings_that_are_not_finite(value: float) -> None:
    with pytest.raises(DataError, match="not finite for some state texts"):
        fit_head(invented_traces(40), TINY, encoder=Broken(value))


def test_embeddings_of_mixed_widths() -> None:
    with pytest.raises(DataError, match=r"vectors of shape \(2, 16\) for 2 thought texts"):
        fit_head(invented_traces(40), TINY, encoder=Broken(width=16))


@pytest.mark.parametrize("device", ["cuda:7", "tpu-of-mine"])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{device}' cannot be used here; use cpu"):
        fit_head(invented_traces(40), TINY, device=device)


def test_training_needs_a_thread_and_two_of_them_repeat_themselves() -> None:
    config = head_config(members=1, hidden=8, steps=25, batch=32)
    with pytest.raises(ConfigError, match="threads must be 1 or more, not 0"):
        fit_head(invented_traces(40), config, threads=0)
    one, again = (fit_head(invented_traces(40), config, threads=2) for _ in range(2))
    assert all((one.weights[name] == again.weights[name]).all() for name in one.weights)
