"""Real people's negotiations (CaSiNo) as traces, one for each dialogue and participant.

A step is one turn of the dialogue. Where the participant speaks, the thought is the utterance (with
what it would leave the speaker spelled out) and the action is the utterance as it was typed; where
the other speaks, the participant listens: thought and action are empty. The last step listens after
the last utterance. Everything is cut before the first deal submitted and before a walk-away, so
nothing gives the outcome away; the outcome is what the participant scored.

What a participant knew after `k` utterances is therefore the state of the step whose fact `turns`
is `k`: to ask a value head after a share of the dialogue, take `state_at(trace, share)` with an
empty thought. Split by `Episode.instance` (the dialogue), never by trace or step: both participants
talk about the same deal.

This module plays nothing; there is no world to act in.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace
from forethought.envs.casino_data import Dialogue, load
from forethought.envs.casino_text import Talk, follow, state_text, thought_text

DATASET = "casino"
"""Name of the data set, and the `env` of its episodes."""
SUCCESS_POINTS = 19
"""Own points that count as success: the median of the training split (and of all dialogues)."""
SUCCESS = f"own points at or above the median, {SUCCESS_POINTS} of 36"
THRESHOLDS = (15, 17, 18, 19, 20, 21, 23)
"""Own points that the outcome vocabulary asks about; 36 is everything, 5 is walking away."""
_JOINT = 38

POINT_GOALS = tuple(Goal(f"I end with at least {points} of 36 points.") for points in THRESHOLDS)
SUCCESS_GOAL = Goal(f"I end with at least {SUCCESS_POINTS} of 36 points.")
AGREED = Goal("We agree on a deal.")
WALKED = Goal("Somebody walks away without a deal.", kind="feared")
AHEAD = Goal("I end with more points than the other.")
BEHIND = Goal("The other ends with more points than I.", kind="feared")
OTHER_CONTENT = Goal(f"The other ends with at least {SUCCESS_POINTS} of 36 points.")
JOINT = Goal(f"Together we end with at least {_JOINT} points.")
GOALS = (*POINT_GOALS, AGREED, WALKED, AHEAD, BEHIND, OTHER_CONTENT, JOINT)
"""The outcome vocabulary."""


def _outcome(dialogue: Dialogue, seat: int) -> Outcome:
    own, other = dialogue.points[seat], dialogue.points[1 - seat]
    agreed = dialogue.deal is not None
    truths = (
        *(own >= points for points in THRESHOLDS),
        agreed,
        not agreed,
        own > other,
        other > own,
        other >= SUCCESS_POINTS,
        own + other >= _JOINT,
    )
    told = list(zip(GOALS, truths, strict=True))
    return Outcome(
        reward=float(own),
        success=own >= SUCCESS_POINTS,
        reached=tuple(goal.text for goal, true in told if true),
        missed=tuple(goal.text for goal, true in told if not true),
        facts={"points": own, "other_points": other, "agreed": agreed},
    )


def _step(dialogue: Dialogue, seat: int, turn: int, talks: list[Talk]) -> Step:
    priorities = dialogue.priorities[seat]
    speaks = turn < len(dialogue.turns) and dialogue.speaker(turn) == seat
    thought, action = "", ""
    if speaks:
        action = dialogue.turns[turn]
        thought = thought_text(talks[turn + 1], seat, priorities, action)
    return Step(
        index=turn,
        observation=dialogue.turns[turn - 1] if turn else "",
        state=state_text(talks[turn], seat, priorities),
        decision=Decision(Candidate(thought, action=action), action, planner="human"),
        facts={"turns": turn, "speaks": speaks},
    )


def _trace(dialogue: Dialogue, seat: int, talks: list[Talk]) -> Trace:
    episode = Episode(
        id=f"{DATASET}/{dialogue.id}/{seat}",
        env=DATASET,
        instance=dialogue.id,
        seat=seat,
        arm="human",
        goals=GOALS,
        facts={
            "split": dialogue.split,
            "group": dialogue.id,
            "turns": len(dialogue.turns),
            "first": dialogue.first == seat,
        },
    )
    steps = tuple(_step(dialogue, seat, turn, talks) for turn in range(len(dialogue.turns) + 1))
    return Trace(episode, steps, _outcome(dialogue, seat))


def dialogue_traces(dialogue: Dialogue) -> tuple[Trace, Trace]:
    """Both participants' sides of one dialogue, seat 0 first; either may have spoken first."""
    talks = follow(dialogue)
    return _trace(dialogue, 0, talks), _trace(dialogue, 1, talks)


def casino_traces(splits: Iterable[str] = ("train", "valid", "test")) -> list[Trace]:
    """All 2,060 traces (1,030 dialogues, two participants each), by dialogue and seat.

    Args:
        splits: Which splits of the original release; all by default.

    Raises:
        DataError: If the shipped file is damaged.
    """
    wanted = frozenset(splits)
    return [trace for d in load() if d.split in wanted for trace in dialogue_traces(d)]


def turns_at(total: int, share: float) -> int:
    """How many of `total` utterances have been heard after a share of them, rounded up.

    Raises:
        ConfigError: If `share` is not in [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"the share of the dialogue must lie in [0, 1], not {share}")
    return math.ceil(share * total - 1e-9)


def state_at(trace: Trace, share: float) -> str:
    """What the participant knew after a share of the utterances; ask it with an empty thought.

    Args:
        trace: One of `casino_traces`, also when read back from a file.
        share: Share of the utterances heard, in [0, 1].

    Raises:
        ConfigError: If `share` is not in [0, 1].
        DataError: If the trace is not of this data set.
    """
    return _heard(trace, share)[-1].state


def transcript_at(trace: Trace, share: float) -> str:
    """The utterances after a share of them, one a line behind `me:` or `you:`, for text baselines.

    Own priorities stand in the first line, so that a baseline reads all that the state was made of.

    Args:
        trace: One of `casino_traces`, also when read back from a file.
        share: Share of the utterances heard, in [0, 1].

    Raises:
        ConfigError: If `share` is not in [0, 1].
        DataError: If the trace is not of this data set.
    """
    heard = _heard(trace, share)
    lines = [heard[0].state.split("\n", 1)[0]]
    for before, after in pairwise(heard):
        lines.append(f"{'me' if before.facts['speaks'] else 'you'}: {after.observation}")
    return "\n".join(lines)


def _heard(trace: Trace, share: float) -> tuple[Step, ...]:
    """The steps up to the one that has heard a share of the utterances."""
    turns = turns_at(len(trace.steps) - 1, share)
    if trace.episode.env != DATASET or trace.steps[turns].facts.get("turns") != turns:
        raise DataError(f"trace {trace.episode.id} is not one of the {DATASET} data set")
    return trace.steps[: turns + 1]
