"""Our two-player worlds as PettingZoo AEC worlds, where both sides are agents.

`as_aec("bargaining-v0")`, `haggling-v0` and `campsite-v0` can be had: there the rules stand apart
from the scripted opponents. An action is a number, the place in `infos[agent]["choices"]`, or the
words themselves. What the rules refuse leaves the turn where it is and sets `invalid` in its infos.
An agent is shown what the world for one agent would show it, without the oracle.
"""

import random
import string
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from forethought.agent.errors import ConfigError, UnknownName, needs
from forethought.envs.bargaining.instances import instance_by_number as bargain_by_number
from forethought.envs.bargaining.instances import numbers_by_split as bargains
from forethought.envs.bargaining.rules import Game as BargainingGame
from forethought.envs.bargaining.world import Bargaining
from forethought.envs.campsite.instances import instance_by_number as camp_by_number
from forethought.envs.campsite.instances import numbers_by_split as camps
from forethought.envs.campsite.scene import Scene
from forethought.envs.campsite.world import refused, show
from forethought.envs.haggling.instances import instance_by_number as haggle_by_number
from forethought.envs.haggling.instances import numbers_by_split as haggles
from forethought.envs.haggling.rules import Game as HagglingGame
from forethought.envs.haggling.world import Haggling

with needs("PettingZoo", "pip install 'forethought[pettingzoo]'"):
    from gymnasium.spaces import Discrete, Text
    from pettingzoo import AECEnv

AGENTS = ("player_0", "player_1")
MOST_CHOICES = 256
"""How many actions the counted space holds; all three worlds list fewer."""
_REFUSAL = ("invalid", "why")
LONGEST_TEXT = 20_000
"""Characters."""


class _Table(Protocol):
    """One episode of a two-player world."""

    @property
    def player(self) -> int:
        """Whose turn it is."""
        ...

    @property
    def over(self) -> bool:
        """Whether the rules have ended it."""
        ...

    def look(self, seat: int) -> tuple[str, dict[str, Any]]:
        """What a seat is shown."""
        ...

    def act(self, seat: int, action: str) -> str:
        """Move; says why not where that is refused."""
        ...


class _BargainingSeat(Bargaining):
    """A seat whose opponent is another agent."""

    def sit(self, game: BargainingGame, seat: int) -> "_BargainingSeat":
        self._game, self._seat, self._opponent = game, seat, "linear"
        return self

    def look(self) -> tuple[str, dict[str, Any]]:
        return self._show(self._game) if self._game is not None else ("", {})

    def _reply(self, game: BargainingGame) -> None:
        """The other agent moves in its own time."""


class _HagglingSeat(Haggling):
    """A seat whose opponent is another agent; agents speak plainly, in no tone."""

    def sit(self, game: HagglingGame, seat: int) -> "_HagglingSeat":
        self._game, self._seat, self._opponent = game, seat, "linear"
        return self

    def look(self) -> tuple[str, dict[str, Any]]:
        game = self._game
        if game is None:
            return "", {}
        mine_first = game.instance.opener == self._seat
        self._tones = ["plain"] * len(game.offers[1 if mine_first else 0 :: 2])
        return self._show(game)

    def _reply(self, game: HagglingGame) -> None:
        """The other agent moves in its own time."""


class _Seats:
    """Two seats over one game, for worlds built as a seat with a scripted opponent."""

    def __init__(self, game: Any, seats: tuple[Any, Any]) -> None:
        self._game = game
        self._seats = tuple(seat.sit(game, place) for place, seat in enumerate(seats))

    @property
    def player(self) -> int:
        place: int = self._game.player
        return place

    @property
    def over(self) -> bool:
        return bool(self._game.over)

    def look(self, seat: int) -> tuple[str, dict[str, Any]]:
        shown: tuple[str, dict[str, Any]] = self._seats[seat].look()
        return shown

    def act(self, seat: int, action: str) -> str:
        self.look(seat)
        text, _, _, _, info = self._seats[seat].step(action)
        return str(text).splitlines()[-1] if info.get("invalid") else ""


class _Camp:
    """Two neighbours at one camp site."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @property
    def player(self) -> int:
        return self._scene.game.player

    @property
    def over(self) -> bool:
        return self._scene.game.over

    def look(self, seat: int) -> tuple[str, dict[str, Any]]:
        return show(self._scene, seat)

    def act(self, seat: int, action: str) -> str:
        try:
            self._scene.act(seat, action)
        except ConfigError as error:
            return refused(self._scene, seat, error)[0].splitlines()[-1]
        return ""


def _bargain(number: int) -> _Table:
    game = BargainingGame(bargain_by_number(number))
    return _Seats(game, (_BargainingSeat(), _BargainingSeat()))


def _haggle(number: int) -> _Table:
    game = HagglingGame(haggle_by_number(number))
    return _Seats(game, (_HagglingSeat(), _HagglingSeat()))


def _camp(number: int) -> _Table:
    return _Camp(Scene(camp_by_number(number)))


_TABLES: Mapping[str, tuple[Callable[[int], _Table], Callable[[], Mapping[str, range]]]] = (
    MappingProxyType(
        {
            "bargaining-v0": (_bargain, bargains),
            "campsite-v0": (_camp, camps),
            "haggling-v0": (_haggle, haggles),
        }
    )
)


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
        if world_id not in _TABLES:
            raise UnknownName("world for two agents", world_id, _TABLES)
        self.metadata = {"name": world_id, "render_modes": ["ansi"], "is_parallelizable": False}
        self.render_mode = "ansi"
        self._new, self._splits = _TABLES[world_id]
        self.possible_agents = list(AGENTS)
        letters = frozenset(string.printable) | frozenset(
            "\u2013\u2014\u2026\u2018\u2019\u201c\u201d\u00e9"
        )
        text = Text(LONGEST_TEXT, min_length=0, charset=letters)
        self._spaces = dict.fromkeys(AGENTS, text)
        self._acts = {agent: Discrete(MOST_CHOICES) for agent in AGENTS}
        self._table: _Table | None = None
        self._said: dict[str, str] = dict.fromkeys(AGENTS, "")

    def observation_space(self, agent: str) -> Text:
        """Texts."""
        return self._spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """Places among the choices; `infos[agent]["action_mask"]` says which there are."""
        return self._acts[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> None:
        """Begin an episode."""
        drawn = random.Random(f"two players {seed}").choice(self._splits()["train"])
        self._table = self._new(int((options or {}).get("instance", drawn)))
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
        why = self._table.act(AGENTS.index(agent), self._words(agent, action))
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
            kept = {key: part for key, part in info.items() if key not in {"oracle", "view"}}
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
