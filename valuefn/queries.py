"""What to ask a head about an episode after a share of it, and what its outcome made true.

Two kinds of traces are asked. Where every step is a decision, the step at which a share of the
decisions has been made is asked with its state and the candidate chosen. Where the steps listen
(their fact `turns` counts the utterances heard, and the last step has heard them all), the state
after that share of the utterances is asked with an empty candidate: what comes next is not known.

Knows nothing of heads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.types import Candidate, Trace
from forethought.valuefn.data import group_names

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Shares of the episode seen that a report asks about."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Cases:
    """What is known of `E` finished episodes, and what they are asked."""

    traces: tuple[Trace, ...]
    goals: tuple[str, ...]
    """Outcome sentences, `G` of them."""
    truth: Floats
    """1 reached, 0 missed, NaN where the world does not say, shape `(E, G)`."""
    worth: Floats
    """Signed weight of each sentence in the episode's vocabulary, shape `(E, G)`; 0 outside it."""
    rewards: Floats
    """Shape `(E,)`."""
    groups: Ints
    """Group of each episode, shape `(E,)`: episodes of one group depend on each other."""
    opponents: tuple[str, ...]
    """One for each episode."""

    def __len__(self) -> int:
        return len(self.traces)

    def index(self, goal: str | None) -> int:
        """Index of a sentence; of the one whose truth is most balanced when none is named.

        Raises:
            UnknownName: If the sentence is not among the goals.
        """
        if goal is None:
            known = np.maximum((~np.isnan(self.truth)).sum(axis=0), 1)
            return int(np.abs(np.nansum(self.truth, axis=0) / known - 0.5).argmin())
        if goal not in self.goals:
            raise UnknownName("goal", goal, self.goals)
        return self.goals.index(goal)


def make_cases(traces: Sequence[Trace]) -> Cases:
    """Gather finished episodes; those that failed or hold no step are passed over.

    Raises:
        DataError: If none is left, or no outcome sentence is named.
    """
    usable = [t for t in traces if t.outcome is not None and t.outcome.finished and t.steps]
    outcomes = [t.outcome for t in usable if t.outcome is not None]
    sentences = [text for outcome in outcomes for text in (*outcome.reached, *outcome.missed)]
    goals = tuple(dict.fromkeys(sentences))
    if not goals:
        raise DataError(
            f"nothing to evaluate: {len(usable)} finished episodes, and no outcome sentence in them"
        )
    column = {goal: number for number, goal in enumerate(goals)}
    truth = np.full((len(usable), len(goals)), np.nan, dtype=np.float32)
    worth = np.zeros((len(usable), len(goals)), dtype=np.float32)
    for row, (trace, outcome) in enumerate(zip(usable, outcomes, strict=True)):
        truth[row, [column[text] for text in outcome.missed]] = 0
        truth[row, [column[text] for text in outcome.reached]] = 1
        for goal in trace.episode.goals:
            if goal.text in column:
                worth[row, column[goal.text]] = goal.signed_weight
    names = {name: number for number, name in enumerate(dict.fromkeys(group_names(usable)))}
    return Cases(
        tuple(usable),
        goals,
        truth,
        worth,
        np.asarray([outcome.reward for outcome in outcomes], dtype=np.float32),
        np.asarray([names[name] for name in group_names(usable)], dtype=np.int64),
        tuple(trace.episode.opponent for trace in usable),
    )


def select(cases: Cases, rows: NDArray[np.bool_]) -> Cases:
    """The cases of some episodes, goals unchanged; `rows` has shape `(E,)`."""
    taken = np.flatnonzero(rows)
    return Cases(
        tuple(cases.traces[i] for i in taken),
        cases.goals,
        cases.truth[taken],
        cases.worth[taken],
        cases.rewards[taken],
        cases.groups[taken],
        tuple(cases.opponents[i] for i in taken),
    )


def check_shares(shares: Sequence[float]) -> tuple[float, ...]:
    """The shares, if they can be asked about.

    Raises:
        ConfigError: If there is none, or one does not lie in [0, 1].
    """
    if not shares:
        raise ConfigError("name at least one share of the episode to ask about")
    for share in shares:
        if not 0 <= share <= 1:
            raise ConfigError(f"a share of the episode must lie in [0, 1], not {share}")
    return tuple(shares)


def listens(trace: Trace) -> bool:
    """Whether the steps listen: the fact `turns` counts the utterances heard at every step."""
    return all(step.facts.get("turns") == number for number, step in enumerate(trace.steps))


def step_at(trace: Trace, share: float) -> int:
    """Index of the step to ask about after a share of the episode.

    Of decisions, the last one by which at most that share of them was made, or the first. Of
    utterances, the step that has heard that share of them, rounded up.

    Args:
        trace: An episode with at least one step.
        share: In [0, 1].
    """
    count = len(trace.steps)
    if listens(trace):
        return math.ceil(share * (count - 1) - _SLACK)
    return max(math.floor(share * count + _SLACK), 1) - 1


def query_at(trace: Trace, share: float) -> tuple[str, Candidate]:
    """State and candidate to ask about after a share of the episode."""
    step = trace.steps[step_at(trace, share)]
    return step.state, Candidate("") if listens(trace) else step.decision.candidate


def decision_at(trace: Trace, share: float) -> tuple[str, Candidate] | None:
    """State and candidate of the last thought by then, the candidate without its action.

    `None` where nothing was thought so far.
    """
    for step in reversed(trace.steps[: step_at(trace, share) + 1]):
        chosen = step.decision.candidate
        if chosen.thought:
            return step.state, Candidate(chosen.thought, prefix=chosen.prefix)
    return None


def goal_kinds(cases: Cases) -> dict[str, list[int]]:
    """Indices of the goals that the worlds hope for, fear, or state without a weight."""
    kinds = {goal.text: goal.kind for trace in cases.traces for goal in trace.episode.goals}
    found: dict[str, list[int]] = {"hoped": [], "feared": [], "without a weight": []}
    for number, text in enumerate(cases.goals):
        found[kinds.get(text, "without a weight")].append(number)
    return {kind: goals for kind, goals in found.items() if goals}


def worth_of(cases: Cases, main: int) -> Floats:
    """Signed weights by which candidates are ranked, shape `(E, G)`; of the main goal if none."""
    if cases.worth.any():
        return cases.worth
    worth = np.zeros_like(cases.worth)
    worth[:, main] = 1
    return worth


def text_so_far(trace: Trace, share: float) -> str:
    """All that an episode's steps say up to that point, for text baselines.

    Observations, states and thoughts in order; after the last decision asked about its thought,
    after listening its observation.
    """
    last = step_at(trace, share)
    parts = []
    for number, step in enumerate(trace.steps[: last + 1]):
        parts += [step.observation, step.state]
        if number < last or not listens(trace):
            chosen = step.decision.candidate
            parts += [chosen.prefix, chosen.thought]
    return "\n".join(part for part in parts if part)


def query_text(trace: Trace, share: float) -> str:
    """The very text a head is asked about: state, prefix and thought."""
    state, candidate = query_at(trace, share)
    return "\n".join(part for part in (state, candidate.prefix, candidate.thought) if part)
