"""Our worlds as Gymnasium's, for agents that know Gymnasium alone.

`as_gymnasium("bargaining-v0")` takes words as actions and gives words as observations;
`indexed=True` takes numbers instead, places in `info["choices"]`, with `info["action_mask"]`. What
the world refuses sets `info["invalid"]` and costs nothing, as here. Worlds that have to be awaited
have no place in Gymnasium.
"""

import inspect
import string
from collections.abc import Mapping
from typing import Any

import numpy as np

from forethought.agent.errors import ConfigError, needs
from forethought.agent.protocols import Environment
from forethought.envs.registry import get_world

with needs("Gymnasium", "pip install 'forethought[gymnasium]'"):
    import gymnasium
    from gymnasium.spaces import Discrete, Text

LONGEST_TEXT = 20_000
"""Characters of an observation or an action."""
MOST_CHOICES = 256
"""How many actions the counted space holds."""
LETTERS = (
    frozenset(string.printable)
    | frozenset(map(chr, range(0xA1, 0x17F)))
    | frozenset(map(chr, range(0x2010, 0x2030)))
)
"""Letters a text may hold, as far as the space knows."""


class AsGymnasium(gymnasium.Env[str, Any]):
    """A world of ours behind Gymnasium's interface.

    Args:
        env: The world.
        indexed: Whether actions are places among the choices instead of words.
        opponent: Who is met; the world's own choice where left out.
        seat: Which seat is played.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012  # Gymnasium's own form

    def __init__(
        self,
        env: Environment,
        *,
        indexed: bool = False,
        opponent: str = "",
        seat: int | None = None,
    ) -> None:
        self._env = env
        self._indexed = indexed
        self._options: dict[str, Any] = {"opponent": opponent} if opponent else {}
        if seat is not None:
            self._options["seat"] = seat
        text = Text(LONGEST_TEXT, min_length=0, charset=LETTERS)
        self.observation_space = text
        self.action_space = Discrete(MOST_CHOICES) if indexed else text
        self.render_mode = "ansi"
        self._text = ""
        self._choices: tuple[str, ...] = ()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an episode; without a seed, one is drawn from Gymnasium's generator."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**31)) if seed is None else seed
        result = self._env.reset(seed=drawn, options=self._options | dict(options or {}))
        if inspect.isawaitable(result):
            raise ConfigError(f"{self._env.id} has to be awaited, which Gymnasium does not do")
        return self._told(*result)

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Act."""
        words = str(action)
        if self._indexed:
            words = self._choices[action] if 0 <= action < len(self._choices) else ""
        result = self._env.step(words)
        if inspect.isawaitable(result):
            raise ConfigError(f"{self._env.id} has to be awaited, which Gymnasium does not do")
        text, reward, ended, cut, info = result
        text, info = self._told(text, info)
        return text, float(reward), ended, cut, info

    def render(self) -> str:
        """What was seen last."""
        return self._text

    def _told(self, text: str, info: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        self._text = text
        listed = info.get("legal_actions") or [one.action for one in info.get("candidates", ())]
        self._choices = tuple(one for one in listed if one is not None)
        mask = np.zeros(MOST_CHOICES, dtype=np.int8)
        mask[: len(self._choices)] = 1
        kept = {key: part for key, part in info.items() if key not in {"oracle", "view"}}
        return text, kept | {"choices": self._choices, "action_mask": mask}


def as_gymnasium(
    world_id: str, *, indexed: bool = False, opponent: str = "", seat: int | None = None
) -> AsGymnasium:
    """A world of ours, by its id, as one of Gymnasium's.

    Raises:
        UnknownName: If there is no such world.
        ConfigError: If it lists no actions and `indexed` is true.
    """
    world = get_world(world_id)
    if indexed and not world.bots:
        raise ConfigError(f"{world_id} lists no actions to count; leave out indexed")
    return AsGymnasium(world.make(), indexed=indexed, opponent=opponent, seat=seat)
