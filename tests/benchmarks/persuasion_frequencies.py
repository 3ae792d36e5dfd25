"""How often people do what in PersuasionForGood, by the patterns of this package.

    python tests/benchmarks/persuasion_frequencies.py

Prints what the simulated donor of `persuasion-v0` is fitted to: shares of the persuaders'
strategies in the thirds of a talk, of first objections, of gifts, and of kept words. Needs
`FORETHOUGHT_DATA`.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from statistics import median

from forethought.envs.persuasion.acts import acts
from forethought.envs.persuasion.data import Talk, read_talks
from forethought.envs.persuasion.rules import LEVELS
from forethought.envs.persuasion.strategies import FAMILIES, strategies

OTHER = "none of these"


def said(talk: Talk, speaker: int) -> list[str]:
    """What one of the two said, in order."""
    return [turn.text for turn in talk.turns if turn.speaker == speaker]


def strategy_shares(talks: Sequence[Talk]) -> dict[str, list[float]]:
    """Share of the persuaders' utterances of each family, in the thirds of a talk."""
    counts, totals = [Counter[str]() for _ in range(3)], [0, 0, 0]
    for talk in talks:
        mine = said(talk, 0)
        for place, text in enumerate(mine):
            third = min(2, 3 * place // len(mine))
            totals[third] += 1
            counts[third].update(strategies(text) or {OTHER})
    return {
        name: [round(counts[third][name] / totals[third], 3) for third in range(3)]
        for name in (*FAMILIES, OTHER)
    }


def first_objection(talk: Talk) -> str:
    """What the persuadee voices first, by plain patterns."""
    for text in said(talk, 1):
        found = acts(text)
        if "poor" in found:
            return "money"
        if "doubt" in found:
            return "doubt"
        hesitates = bool(found & {"no", "refuse"})
        if "later" in found and (hesitates or "consider" in text.lower()):
            return "later"
        if "already" in found and hesitates:
            return "already"
    return "none"


def level_of(dollars: float) -> int:
    """The level of a gift, rounded down, but never none."""
    return max(1, sum(dollars >= level - 1e-9 for level in LEVELS) - 1)


def main() -> None:
    """Count, and print one JSON object."""
    talks = read_talks()
    givers = [talk for talk in talks if talk.donation > 0]
    promised = [t for t in talks if any("promise" in acts(text) for text in said(t, 1))]
    levels = Counter(level_of(talk.donation) for talk in givers)
    objections = Counter(first_objection(talk) for talk in talks)
    report = {
        "persuader's turns, median": median(len(said(talk, 0)) for talk in talks),
        "gave": round(len(givers) / len(talks), 3),
        "gave after a promise": round(sum(t.donation > 0 for t in promised) / len(promised), 3),
        "first objection": {n: round(c / len(talks), 3) for n, c in objections.most_common()},
        "level given": {
            f"{LEVELS[level]:g}": round(levels[level] / len(givers), 3) for level in sorted(levels)
        },
        "strategies by third": strategy_shares(talks),
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
