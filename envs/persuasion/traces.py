"""Real people asked for a donation (PersuasionForGood) as traces, one for each dialogue.

The trace is the persuader's: where the persuader speaks, the thought is the utterance; where the
persuadee does, the persuader listens, with an empty thought. The last step listens after the last
utterance. The outcome is what the persuadee really gave from a payment of two dollars, which was
decided after the talk: an announcement in the talk is no donation.

To ask a value head after a share of the dialogue, take the step whose fact `turns` counts the
utterances heard and ask its state with an empty thought. Split by dialogue, never by step.

A model of this data must not be used to press people for money; `docs/people.md` says more.
"""

import os
from collections.abc import Sequence
from itertools import pairwise

from forethought.agent.errors import DataError
from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace
from forethought.envs.casino import turns_at
from forethought.envs.persuasion.acts import MOST
from forethought.envs.persuasion.data import Talk, Turn, read_talks
from forethought.envs.persuasion.text import line, state_texts

DATASET = "persuasion"
"""Name of the data set, and the `env` of its episodes."""
THRESHOLDS = (0.25, 0.5, 1.0, 2.0)
"""Dollars that the outcome vocabulary asks about, beside whether anything was given."""

DONATED = Goal("The other donates to the charity.")
REFUSED = Goal("The other donates nothing.", kind="feared")
AMOUNTS = tuple(Goal(f"The other donates at least {dollars:g} dollars.") for dollars in THRESHOLDS)
GOALS = (DONATED, *AMOUNTS, REFUSED)
"""The outcome vocabulary."""


def talk_trace(talk: Talk) -> Trace:
    """One dialogue as the persuader's trace."""
    states = state_texts(talk.turns)
    steps = tuple(_step(talk, states, heard) for heard in range(len(states)))
    episode = Episode(
        id=f"{DATASET}/{talk.id}",
        env=DATASET,
        arm="human",
        goals=GOALS,
        facts={"group": talk.id, "turns": len(talk.turns)},
    )
    given = talk.donation
    truths = (given > 0, *(given >= dollars for dollars in THRESHOLDS), given == 0)
    told = list(zip(GOALS, truths, strict=True))
    outcome = Outcome(
        reward=min(given, MOST),
        success=given > 0,
        reached=tuple(goal.text for goal, true in told if true),
        missed=tuple(goal.text for goal, true in told if not true),
        facts={"donation": given},
    )
    return Trace(episode, steps, outcome)


def _step(talk: Talk, states: Sequence[str], heard: int) -> Step:
    speaks = heard < len(talk.turns) and talk.turns[heard].speaker == 0
    action = talk.turns[heard].text if speaks else ""
    return Step(
        index=heard,
        observation=talk.turns[heard - 1].text if heard else "",
        state=states[heard],
        decision=Decision(Candidate(action, action=action), action, planner="human"),
        facts={"turns": heard, "speaks": speaks},
    )


def persuasion_traces(folder: str | os.PathLike[str] | None = None) -> list[Trace]:
    """All 1,017 traces.

    Args:
        folder: Holds the two files of the release; found through `FORETHOUGHT_DATA` by default.

    Raises:
        ConfigError: If the data set cannot be found.
        DataError: If a file cannot be read, or is not of that form.
    """
    return [talk_trace(talk) for talk in read_talks(folder)]


def transcript_at(trace: Trace, share: float) -> str:
    """The utterances after a share of them, rounded up, one a line behind `me:` or `you:`.

    Args:
        trace: One of `persuasion_traces`, also when read back from a file.
        share: Share of the utterances heard, in [0, 1].

    Raises:
        ConfigError: If `share` is not in [0, 1].
        DataError: If the trace is not of this data set.
    """
    turns = turns_at(len(trace.steps) - 1, share)
    heard = trace.steps[: turns + 1]
    if trace.episode.env != DATASET or heard[-1].facts.get("turns") != turns:
        raise DataError(f"trace {trace.episode.id} is not one of the {DATASET} data set")
    return "\n".join(
        line(Turn(0 if before.facts["speaks"] else 1, after.observation))
        for before, after in pairwise(heard)
    )
