"""Invented episodes whose chance of success is written in their state, for tests of measuring."""

import random

from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace

WON = Goal("I win.")
RICH = Goal("I end rich.", weight=2.0)


def invented_traces(
    count: int = 120, *, seed: int = 0, seats: int = 2, steps: int = 4, noise: bool = False
) -> list[Trace]:
    """Episodes in groups of `seats`; the last states tell the outcome, the first tell little."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        won, rich = rng.random() < 0.5, rng.random() < 0.3
        told = []
        for index in range(steps):
            true = rng.random() < 0.5 + 0.5 * (index + 1) / steps
            points = rng.randint(5, 9) if won == true else rng.randint(0, 4)
            candidate = Candidate("I wait." if index % 2 else "I ask.")
            text = f"Turn {index} of {steps}. Points {0 if noise else points} so far."
            told.append(Step(index, text, text, Decision(candidate, "", "invented")))
        named = {WON.text: won, RICH.text: rich}
        found.append(
            Trace(
                Episode(
                    f"{seed}/{number}",
                    "invented",
                    instance=number // seats,
                    seat=number % seats,
                    opponent=("hard", "soft")[number % 2],
                    goals=(WON, RICH),
                ),
                tuple(told),
                Outcome(
                    float(won) + 2 * rich,
                    won,
                    reached=tuple(text for text, true in named.items() if true),
                    missed=tuple(text for text, true in named.items() if not true),
                ),
            )
        )
    return found
