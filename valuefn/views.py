"""What a head is shown of its episodes: all, all but one part, or the reward in place of outcomes.

Heads trained on less are the controls of an audit: one that does as well without the thought shows
that the thought did not matter in these data. Pure; trains nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from forethought.agent.errors import DataError
from forethought.agent.types import Goal, Trace
from forethought.valuefn.config import View
from forethought.valuefn.data import Dataset

REWARD_GOAL = Goal("The reward is high.")
"""The one goal of the view `reward`; how far it is reached is the reward between the least and the
most that any episode got."""
HIDDEN: Mapping[str, str] = MappingProxyType(
    {"no-state": "state", "no-thought": "thought", "no-prefix": "prefix"}
)
"""View to the part it leaves out."""


def view_of(data: Dataset, traces: Sequence[Trace], view: View) -> Dataset:
    """The data set as a head of that view is shown it.

    A hidden state is hidden as a goal too: all states are the same one.

    Args:
        data: All of it.
        traces: The episodes behind it, by id, for their rewards.
        view: What is shown.

    Raises:
        DataError: If the view is `reward` and all episodes got the same.
    """
    if view == "reward":
        return _reward_alone(data, traces)
    if view == "no-state":
        return replace(data, states=[""], state=np.zeros_like(data.state))
    if view == "no-thought":
        return replace(data, thoughts=[""], thought=np.zeros_like(data.thought))
    if view == "no-prefix":
        return replace(data, prefixes=[""], prefix=np.zeros_like(data.prefix))
    return data


def _reward_alone(data: Dataset, traces: Sequence[Trace]) -> Dataset:
    rewards = {t.episode.id: t.outcome.reward for t in traces if t.outcome is not None}
    got = np.asarray([rewards[name] for name in data.episodes], dtype=np.float32)
    least, most = float(got.min()), float(got.max())
    if least == most:
        raise DataError(f"nothing to learn: every episode has the reward {least:g}")
    share = ((got - least) / (most - least)).astype(np.float32)
    return replace(data, goals=[REWARD_GOAL.text], reached=share[:, None])
