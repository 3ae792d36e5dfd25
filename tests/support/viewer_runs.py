"""Episodes that hold something of everything the viewer shows."""

import shutil

from forethought.agent.types import (
    Attempt,
    Candidate,
    Considered,
    Decision,
    Episode,
    Estimate,
    Goal,
    Outcome,
    SearchNode,
    Step,
    Trace,
    Usage,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOPED, FEARED = Goal("We agree.", weight=1.0), Goal("Nobody agrees.", "feared", 0.5)
HOSTILE = "</script><img src=x onerror=\"window.hit=1\"><svg onload='window.hit=1'>&amp;{{script}}"


def guided(
    text: str = "I ask for more.", *, first: str = "I agree.", action: str = "more"
) -> Decision:
    """A refined decision over two thoughts, one estimate of which is not supported."""
    best, other = Candidate(text, action=action), Candidate(first, prefix="Well,", action="yes")
    return Decision(
        best,
        action,
        "refine",
        goals=(HOPED, FEARED),
        considered=(
            Considered(best, (Estimate(0.71234, 0.6, 0.8), Estimate(0.2, 0.1, 0.4, False)), 0.61),
            Considered(other, (Estimate(0.5, 0.3, 0.7), Estimate(0.3, 0.2, 0.4)), 0.35),
        ),
        weighed=5,
        critique="We agree.: 71 %",
        first_thought=first,
        rounds=1,
        usage={"propose": Usage(1, 1200, 60, 2.5, 0.002), "refine": Usage(1, 900, 40, 1.5)},
    )


def plain(thought: str, action: str) -> Decision:
    return Decision(Candidate(thought, action=action), action, "react")


def episode(name: str, arm: str, *, seed: int = 7, opponent: str = "linear") -> Episode:
    return Episode(name, "bargaining-v0", seed, 3, 1, opponent, arm, "some-model", (HOPED, FEARED))


def trace(
    name: str = "one",
    arm: str = "refine",
    *,
    seed: int = 7,
    reward: float = 0.75,
    decisions: tuple[Decision, ...] = (),
    reason: str = "terminated",
) -> Trace:
    """An episode that ended; by default one of three decisions."""
    made = decisions or (plain("I begin.", "begin"), guided(), odd())
    steps = tuple(
        Step(number, f"Turn {number}.", f"State {number}.", each, invalid=each.fallback != "")
        for number, each in enumerate(made)
    )
    won = reward > 0.5
    told = (HOPED.text, FEARED.text) if won else (FEARED.text, HOPED.text)
    outcome = Outcome(reward, won, reason, told[:1], told[1:], {"points": 7})
    return Trace(episode(name, arm, seed=seed), steps, outcome)


def odd() -> Decision:
    """A decision with attempts, a tree and lessons, at which guidance was not used."""
    return Decision(
        Candidate("I try."),
        "42",
        "two-stage",
        fallback="no estimate is supported",
        attempts=(Attempt("41", False, 0.2, correct=False), Attempt("42", True, 0.9, correct=True)),
        search=(SearchNode(-1, "", 3, 0.4), SearchNode(0, "I wait.", 2, 0.5)),
        lessons=("Do not hurry.",),
    )


def hostile() -> Trace:
    """An episode whose every text would be markup, were it taken for that."""
    goal = Goal(HOSTILE)
    candidate = Candidate(HOSTILE, HOSTILE, HOSTILE)
    decision = Decision(
        candidate,
        HOSTILE,
        "rank",
        goals=(goal,),
        considered=(Considered(candidate, (Estimate(0.5, 0.4, 0.6),), 0.5),),
        critique=HOSTILE,
        first_thought=f"{HOSTILE} first",
        fallback=HOSTILE,
        lessons=(HOSTILE,),
        attempts=(Attempt(HOSTILE, True),),
        search=(SearchNode(-1, HOSTILE, 1, 0.0),),
        usage={HOSTILE: Usage(1, 2, 3)},
    )
    step = Step(0, HOSTILE, HOSTILE, decision, facts={HOSTILE: HOSTILE})
    begun = Episode(f"{HOSTILE}/#?%", HOSTILE, 7, 3, 1, HOSTILE, HOSTILE, HOSTILE, (goal,))
    return Trace(begun, (step,), Outcome(1.0, True, HOSTILE, (HOSTILE,), facts={HOSTILE: HOSTILE}))
