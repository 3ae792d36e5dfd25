"""The act that follows, as a goal: short traces that end where the next utterance was made.

A value head says how likely goals are. One goal is *that this is said next*: `following_traces`
makes an episode of two steps from each turn of a persuader, the talk so far and then the act, so
that the training of heads on states that lie ahead, contrastive or not, learns which act goes with
which talk. `talk_text` and `act_text` word both; ask a head with an empty thought.
"""

import random
from collections.abc import Sequence

from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.envs.persuasion.acts import ACTS, acts, dollars
from forethought.envs.persuasion.ranking import Query
from forethought.envs.persuasion.text import level

RECENT = 4
"""Last utterances that a talk's text holds, of both sides together."""
SENTENCE = "What is said next has: {}."
"""Outcome sentence of these traces, for each act of `acts`."""


def talk_text(query: Query, recent: int = RECENT) -> str:
    """The talk so far: the notes on all of it, and its last utterances.

    Args:
        query: The turn.
        recent: How many utterances, 0 or more.
    """
    notes = [x for x in query.state.splitlines() if not x.startswith(("me: ", "you: "))]
    return "\n".join([*notes, *query.heard[len(query.heard) - min(recent, len(query.heard)) :]])


def act_text(act: str) -> str:
    """An act as a goal: what it does by plain rules, and its words."""
    found = "; ".join(f"says {name}" for name in sorted(acts(act)))
    sums = "".join(f"; names level {level(amount)}" for amount in dollars(act))
    return f"{found}{sums}; words {len(act.split()).bit_length()}.\nme: {act}"


def following_traces(
    queries: Sequence[Query], *, recent: int = RECENT, dealt: int | None = None
) -> list[Trace]:
    """One short trace for each query: the talk, then the real act.

    Args:
        queries: The turns.
        recent: As in `talk_text`.
        dealt: A seed deals the acts of a turn to each other's dialogues: the control, in which an
            act has nothing to do with its talk but the turn.
    """
    acts_said = [query.acts[query.real] for query in queries]
    if dealt is not None:
        acts_said = _deal(queries, acts_said, dealt)
    found = []
    for query, act in zip(queries, acts_said, strict=True):
        episode = Episode(
            f"{query.talk}/{query.turn}", "persuasion", arm="human", facts={"group": query.talk}
        )
        steps = (_step(0, talk_text(query, recent)), _step(1, act_text(act)))
        found.append(Trace(episode, steps, _outcome(act)))
    return found


def _outcome(act: str) -> Outcome:
    """Which acts the next utterance holds: what is trained beside, and decides when to stop."""
    held = acts(act)
    told = {name: SENTENCE.format(name) for name in ACTS}
    return Outcome(
        0.0,
        success=False,
        reached=tuple(text for name, text in told.items() if name in held),
        missed=tuple(text for name, text in told.items() if name not in held),
    )


def _step(index: int, state: str) -> Step:
    return Step(index, state, state, Decision(Candidate(""), "", planner="human"))


def _deal(queries: Sequence[Query], said: Sequence[str], seed: int) -> list[str]:
    """The acts of each turn, in another order."""
    rng = random.Random(f"persuasion dealt {seed}")
    turns: dict[int, list[int]] = {}
    for place, query in enumerate(queries):
        turns.setdefault(query.turn, []).append(place)
    found = list(said)
    for places in turns.values():
        mixed = list(places)
        rng.shuffle(mixed)
        for to, source in zip(places, mixed, strict=True):
            found[to] = said[source]
    return found
