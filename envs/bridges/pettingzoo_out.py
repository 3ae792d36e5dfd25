"""Our two-player worlds as PettingZoo AEC worlds, where both sides are agents.

`as_aec("bargaining-v0")`, `haggling-v0` and `campsite-v0` can be had, see `seats`. An action is a
number, the place in `infos[agent]["choices"]`, or the words themselves. What the rules refuse
leaves the turn where it is and sets `invalid` in its infos. An agent is shown what the world for
one agent would show it, without the oracle.
"""

import random
import string
from collections.abc import Mapping
from typing import Any

import numpy as np

from forethought.agent.errors import ConfigError, needs
from forethought.envs.seats import Sitting, numbers_of, sit_down

with needs("PettingZoo", "pip install 'forethought[pettingzoo]'"):
    from gymnasium.spaces import Discrete, Text
    from pettingzoo import AECEnv

AGENTS = ("player_0", "player_1")
MOST_CHOICES = 256
"""How many actions the counted space holds; all three worlds list fewer."""
_REFUSAL = ("invalid", "why")
LONGEST_TEXT = 20_000
"""Characters."""


class TwoPlayers(AECEnv):  # type: ignore[misc]  # PettingZoo ships no types
    """One of our two-player worlds, both sides played from outside.

    `reset` takes the option `instance`; else the seed draws one of the split `train`.

    Args:
        world_id: Which world.

    Raises:
        UnknownName: If it is none of those that two agents can play.
    """

    def __init__(self, world_id: str) -> None:
        super().__init__()
        self._world_id, self._splits = world_id, numbers_of(world_id)
        self.metadata = {"name": world_id, "render_modes": ["ansi"], "is_parallelizable": False}
        self.render_mode = "ansi"
        self.possible_agents = list(AGENTS)
        letters = frozenset(string.printable) | frozenset(
            "\u2013\u2014\u2026\u2018\u2019\u201c\u201d\u00e9"
        )
        text = Text(LONGEST_TEXT, min_length=0, charset=letters)
        self._spaces = dict.fromkeys(AGENTS, text)
        self._acts = {agent: Discrete(MOST_CHOICES) for agent in AGENTS}
        self._table: Sitting | None = None
        self._said: dict[str, str] = dict.fromkeys(AGENTS, "")

    def observation_space(self, agent: str) -> Text:
        """Texts."""
        return self._spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """Places among the choices; `infos[agent]["action_mask"]` says which there are."""
        return self._acts[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> None:
        """Begin an episode."""
        drawn = random.Random(f"two players {seed}").choice(self._splits["train"])
        instance = int((options or {}).get("instance", drawn))
        self._table = sit_down(self._world_id, instance)
        self.agents = list(AGENTS)
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in AGENTS}
        self._look()

    def step(self, action: int | str | None) -> None:
        """Move for the agent whose turn it is."""
        agent = self.agent_selection
        if self.terminations[agent]:
            self._was_dead_step(action)
            return
        if self._table is None or action is None:
            raise ConfigError("call reset before step, and give an action")
        self._cumulative_rewards[agent] = 0.0
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        why = ""
        try:
            self._table.act(AGENTS.index(agent), self._words(agent, action))
        except ConfigError as error:
            why = f"That is not possible: {error}."
        self._look()
        told = {key: part for key, part in self.infos[agent].items() if key not in _REFUSAL}
        self.infos[agent] = told | ({"invalid": True, "why": why} if why else {})
        self._accumulate_rewards()

    def observe(self, agent: str) -> str:
        """What an agent is shown."""
        return self._said[agent]

    def render(self) -> str:
        """What the agent whose turn it is, is shown."""
        return self._said[self.agent_selection]

    def close(self) -> None:
        """Nothing is held open."""

    def _words(self, agent: str, action: int | str) -> str:
        choices = self.infos[agent]["choices"]
        if isinstance(action, str):
            return action
        return choices[int(action)] if 0 <= int(action) < len(choices) else ""

    def _look(self) -> None:
        """Bring what both are shown up to date."""
        table = self._table
        if table is None:
            return
        turn = table.player
        for seat, agent in enumerate(AGENTS):
            if not table.over and seat != turn:
                continue
            self._said[agent], info = table.look(seat)
            choices = info.get("legal_actions") or [
                one.action for one in info.get("candidates", ())
            ]
            mask = np.zeros(MOST_CHOICES, dtype=np.int8)
            mask[: len(choices)] = 1
            kept = {key: part for key, part in info.items() if key != "view"}
            self.infos[agent] = kept | {"choices": tuple(choices), "action_mask": mask}
            if table.over:
                self.terminations[agent] = True
                self.rewards[agent] = info["outcome"].reward
        self.agent_selection = AGENTS[0] if table.over else AGENTS[turn]


def as_aec(world_id: str) -> TwoPlayers:
    """One of our two-player worlds as a PettingZoo AEC world.

    Raises:
        UnknownName: If it is none of those that two agents can play.
    """
    return TwoPlayers(world_id)
