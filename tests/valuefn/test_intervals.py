import numpy as np

from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.fit import fit_head

THOUGHTS = ("I ask for more.", "I wait and listen.", "I give in a little.")
GOALS = ("We agree on a deal.", "I end rich.")


def known_chances(asked: int, moved: int, thought: int) -> np.ndarray:
    odds = (
        0.4 * (5 - asked) + 0.3 * moved - 1 + (0, 0.6, 1.2)[thought],
        0.7 * (asked - 5) + 0.2 * moved - 0.6 + (0.8, 0.2, -0.8)[thought],
    )
    chances: np.ndarray = 1 / (1 + np.exp(-np.asarray(odds)))
    return chances


def simulated(count: int, seed: int) -> tuple[list[Trace], np.ndarray]:
    rng = np.random.default_rng(seed)
    traces, truths = [], []
    for number in range(count):
        asked, moved, thought = (int(rng.integers(most)) for most in (11, 6, 3))
        chance = known_chances(asked, moved, thought)
        hit = rng.random(2) < chance
        state = f"I ask for {asked} of 10 points. They moved {moved} times."
        step = Step(0, "", state, Decision(Candidate(THOUGHTS[thought]), "a", "p"))
        reached = tuple(goal for goal, came in zip(GOALS, hit, strict=True) if came)
        missed = tuple(goal for goal in GOALS if goal not in reached)
        outcome = Outcome(float(hit[1]), bool(hit[1]), reached=reached, missed=missed)
        episode = Episode(f"{seed}-{number}", "sim", seed=number, goals=tuple(map(Goal, GOALS)))
        traces.append(Trace(episode, (step,), outcome))
        truths.append(chance)
    return traces, np.asarray(truths)


def test_nine_in_ten_intervals_hold_the_true_chance() -> None:
    unseen, true = simulated(400, 900)
    shares = []
    for seed in range(3):
        row = head_config("dialogue", hidden=16, steps=250, weight_decay=1.0, seed=seed)
        critic = LearnedValue(fit_head(simulated(600, seed)[0], row))
        steps = [trace.steps[0] for trace in unseen]
        found = critic.chances(
            [s.state for s in steps], [s.decision.candidate for s in steps], GOALS
        )
        shares.append(float(((found.low <= true) & (true <= found.high)).mean()))
        assert (found.high - found.low).mean() < 0.5
    assert 0.85 <= np.mean(shares) <= 0.95, shares
