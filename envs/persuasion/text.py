"""What is known of a talk about a donation, in words: acts counted, amounts named, and the talk.

The state has a summary in front, whose every number stands behind words found nowhere else, and the
utterances behind it, one a line after `me:` (the persuader) or `you:` (the persuadee). It is made
of what was said and of nothing else: no donation made, no person's answers to a questionnaire.
"""

from collections import Counter
from collections.abc import Sequence

from forethought.envs.persuasion.acts import ACTS, acts, dollars
from forethought.envs.persuasion.data import Turn

NAMES = ("me", "you")
"""What lines call the persuader and the persuadee."""
_RECENT = 3
"""Last utterances of a speaker that are counted apart."""
_MOST = 6
"""Counts are told up to this."""
_STEPS = (0.0, 0.3, 0.75, 1.45, 2.0)
"""Upper ends of the levels of an amount, dollars; more than the last is a level of its own."""
_PERSUADER = frozenset(ACTS) - {"poor", "family", "doubt"}


def level(amount: float) -> int:
    """Which of six levels an amount is: 0 for nothing, 4 for the whole payment, 5 for more."""
    return sum(amount > end for end in _STEPS)


def _size(count: int) -> int:
    """Number of words on a coarse doubling scale."""
    return count.bit_length()


class Summary:
    """Counts over the utterances heard so far, kept up utterance by utterance."""

    def __init__(self) -> None:
        self._acts: tuple[list[frozenset[str]], list[frozenset[str]]] = ([], [])
        self._counted: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._answered: Counter[str] = Counter()
        self._words: tuple[list[int], list[int]] = ([], [])
        self._named: tuple[list[float], list[float]] = ([], [])
        self._answers: list[frozenset[str]] = []
        self._amount_answered = False
        self._asked = False

    def hear(self, turn: Turn) -> None:
        """Take one more utterance in."""
        found, named = acts(turn.text), dollars(turn.text)
        self._acts[turn.speaker].append(found)
        self._counted[turn.speaker].update(found)
        self._words[turn.speaker].append(len(turn.text.split()))
        self._named[turn.speaker].extend(named)
        if turn.speaker == 1 and self._asked:
            self._answers.append(found)
            self._answered.update(found)
            self._amount_answered = bool(named)
        self._asked = turn.speaker == 0 and "ask" in found

    def text(self) -> str:
        """The summary; two lines on each speaker, one on the answers."""
        heard = len(self._acts[0]) + len(self._acts[1])
        lines = [f"Turns heard {heard}."]
        for speaker, name in enumerate(NAMES):
            names = [act for act in ACTS if speaker or act in _PERSUADER]
            lines.append(self._counts(speaker, name, names))
            lines.append(self._amounts(speaker, name))
        lines.append(self._replies())
        return "\n".join(lines)

    def _counts(self, speaker: int, name: str, names: Sequence[str]) -> str:
        counted = self._counted[speaker]
        lately = self._acts[speaker][-_RECENT:]
        parts = []
        for act in names:
            count = counted[act]
            recent = sum(act in each for each in lately)
            if count:
                parts.append(f"{name} {act} {min(count, _MOST)}")
            if recent:
                parts.append(f"{name} lately {act} {recent}")
        return "; ".join(parts) + "." if parts else f"{name} silent."

    def _amounts(self, speaker: int, name: str) -> str:
        words, named = self._words[speaker], self._named[speaker]
        parts = [
            f"{name} words {_size(sum(words))}",
            f"{name} lately words {_size(sum(words[-_RECENT:]))}",
        ]
        if named:
            parts.append(
                f"{name} sums {min(len(named), _MOST)}; {name} sum level {level(named[-1])}"
            )
        return "; ".join(parts) + "."

    def _replies(self) -> str:
        if not self._answers:
            return "Nothing was asked for."
        last = self._answers[-1]
        parts = [f"asked times {min(len(self._answers), _MOST)}"]
        parts += [
            f"answer {act} {1 if act in last else 0}"
            for act in ("yes", "no", "offer", "later", "question")
        ]
        parts.append(f"answer sum {int(self._amount_answered)}")
        parts += [f"answers {act} {min(self._answered[act], _MOST)}" for act in ("yes", "no")]
        return "; ".join(parts) + "."


def line(turn: Turn) -> str:
    """An utterance behind the name of its speaker."""
    return f"{NAMES[turn.speaker]}: {turn.text}"


def state_texts(turns: Sequence[Turn]) -> list[str]:
    """The states after 0, 1, ... utterances, one more than there are utterances."""
    summary = Summary()
    said: list[str] = []
    states = [summary.text()]
    for turn in turns:
        summary.hear(turn)
        said.append(line(turn))
        states.append("\n".join([summary.text(), *said]))
    return states
