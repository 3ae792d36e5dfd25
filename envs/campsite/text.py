"""The camp site in words: observation, rules, thoughts and the outcome vocabulary.

Thoughts are written as those of the data set's human dialogues are, and the outcomes are the same
sentences, so that a head trained on the human dialogues can rank thoughts here. What a candidate
says of needs is true; lying is left to scripted neighbours and to whoever writes free text.
"""

from dataclasses import replace
from functools import lru_cache

from forethought.agent.types import Candidate, Goal
from forethought.envs.campsite.actions import (
    ACCEPT,
    REJECT,
    WALK,
    name_bundle,
    say_offer,
    submit,
)
from forethought.envs.campsite.rules import MAX_TURNS, TOTAL, Priorities, bundles, points, rest
from forethought.envs.campsite.scene import View
from forethought.envs.campsite.tactics import AGREE, ASK, likely_points, tell
from forethought.envs.casino import (
    AGREED,
    AHEAD,
    BEHIND,
    JOINT,
    OTHER_CONTENT,
    THRESHOLDS,
    WALKED,
)
from forethought.envs.casino_data import POINTS, WALK_AWAY_POINTS, Amounts
from forethought.envs.casino_text import Talk, thought_text

LEVELS = (*THRESHOLDS, 26, 30)
"""Own points that the outcome vocabulary asks about: those of the data set, and two above."""
_GAINS = [high - low for low, high in zip((WALK_AWAY_POINTS, *LEVELS), LEVELS, strict=False)]
GOALS = (
    *(
        Goal(f"I end with at least {level} of {TOTAL} points.", weight=gained / TOTAL)
        for level, gained in zip(LEVELS, _GAINS, strict=True)
    ),
    *(replace(goal, weight=0.0) for goal in (AGREED, WALKED, AHEAD, BEHIND, OTHER_CONTENT, JOINT)),
)
"""The outcome vocabulary. Summed over the levels, weight times chance is about the expected reward
above that of walking away."""
REFUSE = "I am sorry, that is not enough for me."
LEAST = "What could you do without?"
_SETTLING, _SAYING = "I would settle for: ", " I say: "
"""How `thought_text` begins a thought that names amounts, and goes on to the words."""
_SHOWN = 8
"""Most bundles among the ideas for somebody who words messages."""
RULES = (
    "You and your neighbour at a camp site divide three packages each of food, water and firewood"
    " by talking; get packages that are worth as many points to you as possible."
    f" A package of the item that matters most to you is worth {POINTS[0]} points to you, of the"
    f" next {POINTS[1]}, of the last {POINTS[2]}. Your neighbour has such an order too, perhaps"
    " another one, and neither knows the other's. A deal counts once one of you has submitted it"
    f" and the other has accepted it. Whoever walks away ends the talk, and both get"
    f" {WALK_AWAY_POINTS} points. After {MAX_TURNS} turns both walk away."
)
"""The rules that hold all through, for the model."""


def observe(view: View) -> str:
    """What this side sees, in full sentences; the rules stand apart."""
    high, medium, low = view.priorities
    lines = [
        f"{high.capitalize()} matters most to you ({POINTS[0]} points a package), then {medium}"
        f" ({POINTS[1]}), then {low} ({POINTS[2]}).",
        f"This is turn {view.turn} of {view.max_turns}.",
    ]
    for move in view.moves:
        who = "You" if move.seat == view.seat else "They"
        if move.take is not None:
            lines.append(f"{who} submitted a deal: {_shares(move.take, who == 'You')}.")
        elif move.kind == "reject":
            lines.append(f"{who} rejected the deal.")
        else:
            lines.append(f"{who} said: {move.text}")
    if view.pending is not None:
        lines.append(
            f"Accepting brings you {view.points(view.pending)} points; accept, reject or walk away."
        )
    return "\n".join(lines)


def _shares(take: Amounts, own: bool) -> str:
    mine, theirs = (take, rest(take)) if own else (rest(take), take)
    return f"you get {name_bundle(mine)}, they get {name_bundle(theirs)}"


def thoughts(view: View) -> tuple[Candidate, ...]:
    """What can be done now: words about needs, every bundle worth naming, and the actions."""
    if view.pending is not None:
        return _answers(view.points(view.pending))
    return _open(view.seat, view.priorities, _replying(view))


def _replying(view: View) -> bool:
    """Whether there is a proposal of the other's to agree to or to refuse."""
    return view.talk.offered_by == 1 - view.seat


@lru_cache(maxsize=64)
def _answers(brings: int) -> tuple[Candidate, ...]:
    return (
        Candidate(f"I accept the deal, which brings me {brings} points for sure.", action=ACCEPT),
        Candidate(f"I reject the deal, which would bring me {brings} points.", action=REJECT),
        _walking(),
    )


def _walking() -> Candidate:
    return Candidate(f"I walk away with {WALK_AWAY_POINTS} points.", action=WALK)


@lru_cache(maxsize=64)
def _open(seat: int, priorities: Priorities, replying: bool) -> tuple[Candidate, ...]:
    """The candidates while nothing has been submitted; better bundles for oneself come first."""
    high, medium, low = priorities
    said = [tell(high, medium, low), f"I need {high} most.", ASK, LEAST]
    if replying:
        said += [AGREE, REFUSE]
    found = [Candidate(f"I say: {text}", action=text) for text in said]
    worth_it = [b for b in bundles() if points(priorities, b) > WALK_AWAY_POINTS]
    worth_it.sort(key=lambda b: -points(priorities, b))
    for take in worth_it:
        thought = _settling(seat, priorities, take, say_offer(take))
        found.append(Candidate(thought, action=say_offer(take)))
    for take in worth_it:
        thought = _settling(seat, priorities, take, "I submit this deal.")
        found.append(Candidate(thought, action=submit(take)))
    return (*found, _walking())


def _settling(seat: int, priorities: Priorities, take: Amounts, said: str) -> str:
    table = take if seat == 0 else rest(take)
    return thought_text(Talk(table=table), seat, priorities, said)


def ideas(view: View) -> tuple[Candidate, ...]:
    """The thoughts alone, for somebody who words the messages: needs, and a few good bundles.

    A deal to be answered leaves nothing to be worded: there the candidates keep their actions.
    """
    if view.pending is not None:
        return thoughts(view)
    likely = likely_points(view)
    good = {say_offer(take) for take in _shortlist(view.priorities, likely)}
    good |= {submit(take) for take in _on_table(view)}
    candidates = thoughts(view)
    return tuple(
        Candidate(_plainly(c.thought, c.action or ""))
        for c in candidates
        if not c.thought.startswith(_SETTLING) or c.action in good
    )


def _plainly(thought: str, action: str) -> str:
    """A thought with the items called by their names, for a model that has to word it."""
    if not thought.startswith(_SETTLING):
        return thought
    return f"{thought.partition(_SAYING)[0]}{_SAYING}{action}"


def _on_table(view: View) -> tuple[Amounts, ...]:
    table = view.table
    return () if table is None else (table,)


@lru_cache(maxsize=1024)
def _shortlist(mine: Priorities, likely: tuple[float, float, float]) -> tuple[Amounts, ...]:
    """For each number of own points, most first, the bundle that seems to leave the other most.

    Only those that leave more than all before, so that none is worse for both than another.
    """
    best: list[Amounts] = []
    most = -1.0
    for take in sorted(bundles(), key=lambda b: (-points(mine, b), -_left(b, likely))):
        if _left(take, likely) > most + 1e-9 and points(mine, take) > WALK_AWAY_POINTS:
            most = _left(take, likely)
            best.append(take)
    return tuple(best[:_SHOWN])


def _left(take: Amounts, likely: tuple[float, float, float]) -> float:
    return sum(count * each for count, each in zip(rest(take), likely, strict=True))
