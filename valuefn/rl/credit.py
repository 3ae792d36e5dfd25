"""Per-turn credit: advantages from differences of a critic's values, in units of reward.

A turn earns what it changed: the value after it less the value before it. Before the first turn
stands the group's mean reward, after the last one the reward itself, so that the advantages of a
rollout's turns add up to its reward less the group's mean. With one turn that is Dr. GRPO's.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from forethought.agent.errors import ConfigError
from forethought.agent.protocols import ValueFunction
from forethought.agent.types import Candidate, Goal
from forethought.valuefn.rl.episodes import now
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.tokens import Rollout

TurnValues = Callable[[Rollout, Task], Sequence[float]]
"""Expected total reward after each turn but the last."""


def turn_advantages(
    rollout: Rollout, after: Sequence[float], *, reward: float, baseline: float
) -> tuple[float, ...]:
    """One advantage for each completion token: that of its turn.

    Args:
        rollout: What was said.
        after: Value after each turn but the last, in units of reward.
        reward: Total reward of the rollout.
        baseline: Mean total reward of its group.

    Raises:
        ConfigError: If there are not as many values as turns less one.
    """
    wanted = len(rollout.turns) - 1
    if len(after) != wanted:
        raise ConfigError(
            f"credit: {len(after)} values for a rollout of {wanted + 1} turns; give one after each "
            "turn but the last"
        )
    values = (baseline, *after, reward)
    changes = [b - a for a, b in pairwise(values)]
    return tuple(changes[turn] for turn in rollout.turn_of())


def critic_values(critic: ValueFunction, goal: Goal) -> TurnValues:
    """Values of a trained head: the chance of a goal after each turn, times the goal's weight.

    The state is the question and all that was said and given before the turn, or the turn's own
    prompt where the policy is asked anew; the turn is the thought.

    Args:
        critic: A head or a control.
        goal: What success is called; its weight is the reward that it stands for.
    """

    def values(rollout: Rollout, task: Task) -> list[float]:
        state = task.question
        found: list[float] = []
        for turn, given in zip(rollout.turns[:-1], rollout.given, strict=True):
            candidate = Candidate(turn, prefix=rollout.prefix if not found else "")
            estimates = now(critic.estimate(state, [candidate], [goal]))
            found.append(estimates[0][0].chance * goal.signed_weight)
            state = given if rollout.fresh else f"{state}\n{turn}{given}"
        return found

    return values
