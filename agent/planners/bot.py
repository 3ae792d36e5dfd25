"""Policies without a critic: hand-written ones, and the unguided choice where a world names none.

`unguided` makes the same proposals in the same world and lets nothing rank them: a random
candidate. Asks a model only where there are no candidates, or a candidate has no action.
"""

import random
from collections.abc import Callable

from forethought.agent.errors import EnvironmentFailed
from forethought.agent.planners.desk import Desk
from forethought.agent.planners.react import React
from forethought.agent.planners.stages import ACT_PROMPT, act
from forethought.agent.protocols import Turn
from forethought.agent.types import Candidate, Decision, Event, Observation

Policy = Callable[[Observation, random.Random], Candidate]
"""Reads an observation and its `info`, returns a candidate with its action."""


class BotPlanner:
    """A policy written by hand for one world.

    Args:
        name: The arm's name, such as `heuristic`.
        bot: The policy.
    """

    def __init__(self, name: str, bot: Policy) -> None:
        self.name = name
        self._bot = bot

    async def decide(self, turn: Turn) -> Decision:
        """What the policy says.

        Raises:
            EnvironmentFailed: If it gives a candidate without an action.
        """
        candidate = self._bot(turn.observation, turn.rng)
        if candidate.action is None:
            raise EnvironmentFailed(
                f"bot {self.name!r} gave a candidate without an action: {candidate.thought!r}"
            )
        turn.emit(Event("thought", candidate.thought))
        return Decision(candidate, candidate.action, self.name)


class Unguided:
    """A random candidate; without candidates, what `react` does.

    Args:
        name: The arm's name.
        act_prompt: Template with `{situation}`, `{thought}`, `{moves}` and `{form}`.
    """

    def __init__(self, name: str = "unguided", act_prompt: str = ACT_PROMPT) -> None:
        self.name = name
        self._act_prompt = act_prompt
        self._react = React(name=name)

    async def decide(self, turn: Turn) -> Decision:
        """Draw a candidate; the model words its action where it has none."""
        if not turn.observation.candidates:
            return await self._react.decide(turn)
        candidate = turn.rng.choice(turn.observation.candidates)
        turn.emit(Event("thought", candidate.thought))
        desk = Desk(turn, self.name)
        action, mode = await act(desk, candidate, self._act_prompt)
        return Decision(candidate, action, self.name, prefix_mode=mode, repairs=desk.repairs)
