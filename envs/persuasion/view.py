"""What the persuader of a simulated donor may know, in words: observation, state, thoughts, goals.

Everything follows from a `View`; nothing here can give away what is hidden of the donor. That the
donor is simulated stands in every text.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from forethought.agent.types import Candidate, Goal
from forethought.envs.persuasion.rules import (
    ACTS,
    APPEALS,
    ASKED,
    CLOSE,
    LEVELS,
    MAX_TURNS,
    OBJECTIONS,
)
from forethought.envs.persuasion.words import ACTIONS, TONES

LABEL = "[simulated donor]"
NOTHING = "The simulated donor gives nothing."
GOALS = (
    *(
        Goal(
            f"The simulated donor gives at least {now:g} dollars.",
            weight=(now - before) / LEVELS[-1],
        )
        for before, now in pairwise(LEVELS)
    ),
    Goal(NOTHING, kind="feared", weight=0.0),
)
"""The outcome vocabulary. Summed over the amounts, weight times chance is the expected reward."""
RULES = (
    "This is a simulation. The donor is a small program with made-up rules, not a person, and what"
    " works on it says nothing about people. You play somebody who asks for a part of the donor's"
    f" payment of two dollars for a charity. You have {MAX_TURNS} turns; in each you say one of the"
    " listed sentences. The donor has a temper, and may have an objection. It answers warmly,"
    " mildly, flatly or coolly; a tone may mislead. A sentence said again is worth less. While an"
    " objection is open, nothing else is listened to. Refusing makes it less willing, and when it"
    " had to refuse too often it leaves. What it gives is decided after the talk: a promise is not"
    " always kept, and some give without one."
)
ACTION_LIST = tuple(ACTIONS[act] for act in ACTS)
"""Every action, in the order of `ACTS`: all of them are legal at every turn."""
ACT_OF = {action.lower().rstrip(".?"): act for act, action in ACTIONS.items()}
_WARMTH = {tone: number - 1 for number, tone in enumerate(TONES)}
"""Tone as a number: cool -1, flat 0, mild 1, warm 2."""
_THOUGHTS = {
    "greet": "I greet them",
    "source inquiry": "I ask whether they know the charity",
    "task inquiry": "I ask whether they have given before",
    "personal inquiry": "I ask what matters to them",
    "information": "I explain how giving works",
    "credibility": "I say why the charity can be trusted",
    "logic": "I reason about what a gift does",
    "emotion": "I appeal to their feelings",
    "story": "I tell a story of my own",
    "example": "I say that I give myself",
    "ask little": "I ask for a little, level 2",
    "ask half": "I ask for half, level 4",
    "ask all": "I ask for all, level 6",
    CLOSE: "I thank them and end the talk",
}


@dataclass(frozen=True, slots=True)
class View:
    """What one may know: everything a policy of ours is allowed to read."""

    said: tuple[str, ...] = ()
    """Acts made, in order."""
    done: tuple[str, ...] = ()
    """What the donor did each time, see `Talk.act`."""
    tones: tuple[str, ...] = ()
    """How each answer to an appeal sounded; empty for other answers."""
    replies: tuple[str, ...] = ()
    """What the donor said each time."""
    objection: str = ""
    """The objection that it told; empty if it told none."""
    objecting: bool = False
    """Whether that is still open."""
    promised: int = 0
    """Highest level promised."""
    refused: int = 0
    max_turns: int = MAX_TURNS

    @property
    def turn(self) -> int:
        """Number of the current turn, from 1."""
        return len(self.said) + 1

    @property
    def turns_left(self) -> int:
        """Own turns left, this one included."""
        return self.max_turns - len(self.said)

    @property
    def warmth(self) -> int:
        """Sum of the tones' numbers, less one for every refusal and for every objection to an ask.

        An estimate of the willingness.
        """
        tones = sum(_WARMTH[tone] for tone in self.tones if tone)
        lost = self.refused + sum(
            done == "objected" and act in ASKED
            for act, done in zip(self.said, self.done, strict=True)
        )
        return tones + self.done.count("settled") * 2 - lost


def parse_action(text: str) -> str:
    """Read an action back as an act.

    Raises:
        ValueError: If the text is none, in words for whoever wrote it.
    """
    act = ACT_OF.get(" ".join(text.lower().split()).rstrip(".?"))
    if act is None:
        raise ValueError(f"say one of the listed sentences, such as '{ACTIONS['greet']}'")
    return act


def observe(view: View) -> str:
    """What the persuader sees, in full sentences; the rules stand apart."""
    lines = [f"{LABEL} Turn {view.turn} of {view.max_turns}."]
    for act, reply in zip(view.said, view.replies, strict=True):
        lines.append(f"You said: {ACTIONS[act]}\nThe simulated donor said: {reply}")
    return "\n".join(lines)


def state_text(view: View) -> str:
    """The short account of what matters, for planners and value heads."""
    tones = view.tones
    parts = [
        f"Simulated donor. Turn {view.turn} of {view.max_turns}, turns left {view.turns_left}.",
        f"Warmth {view.warmth}; warm {tones.count('warm')}, mild {tones.count('mild')}, flat"
        f" {tones.count('flat')}, cool {tones.count('cool')} times.",
    ]
    if view.objecting:
        parts.append(f"They object now: {view.objection}. An objection is open.")
    elif view.objection:
        parts.append(f"They objected: {view.objection}. It is settled.")
    asked = sum(act in ASKED for act in view.said)
    if asked:
        parts.append(
            f"Asked {asked} times; refused {view.refused}, too much {view.done.count('less')}."
        )
    if view.promised:
        parts.append(f"Promised level {view.promised}.")
    parts += [
        f"To {act} they were {tone}; {act} warmth {_WARMTH[tone]}."
        for act, tone in zip(view.said, tones, strict=True)
        if tone
    ]
    if view.done:
        parts.append(f"Last they {view.done[-1]}{' ' + tones[-1] if tones[-1] else ''}.")
    return " ".join(parts)


def thoughts(view: View) -> tuple[Candidate, ...]:
    """Every act with the thought behind it, in the order of `ACTS`."""
    said = view.said
    open_now = view.objection if view.objecting else ""
    shared = (min(view.turns_left - 1, 4), max(-3, min(view.warmth, 12)), view.promised)
    return tuple([_thought(act, min(said.count(act), 2), open_now, *shared) for act in ACTS])


@lru_cache(maxsize=65536)
def _thought(
    act: str, used: int, objection: str, left: int, warmth: int, promised: int
) -> Candidate:
    """One candidate; `left` turns come after it."""
    parts = [_THOUGHTS[act]]
    if act in APPEALS:
        parts.append(f"{act} said before {used} times")
    if act in ASKED:
        parts.append(f"{act} with warmth {warmth}, asked before {used}")
        if promised:
            parts.append(f"above their promise by {ASKED[act] - promised}")
    if objection:
        settles = act in OBJECTIONS[objection]
        parts.append(f"their worry about {objection} is {'answered' if settles else 'left open'}")
    if act == CLOSE:
        parts.append(f"with warmth {warmth} and promise {promised}")
    elif left < 4:
        parts.append(f"then turns remain {left}")
    return Candidate("; ".join(parts) + ".", action=ACTIONS[act])
