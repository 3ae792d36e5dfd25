"""Two-player worlds with nobody inside: `bargaining-v0`, `haggling-v0` and `campsite-v0`.

There the rules stand apart from the scripted opponents, so that both sides can be played from
outside. A seat is shown what the world for one agent would show it, without the oracle, which knows
scripted opponents only. Decides nothing: who sits where is `pair`'s part, or PettingZoo's.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.bargaining.instances import instance_by_number as bargain_by_number
from forethought.envs.bargaining.instances import numbers_by_split as bargains
from forethought.envs.bargaining.rules import Game as BargainingGame
from forethought.envs.bargaining.world import Bargaining
from forethought.envs.bargaining.world import move as bargain
from forethought.envs.campsite.instances import instance_by_number as camp_by_number
from forethought.envs.campsite.instances import numbers_by_split as camps
from forethought.envs.campsite.scene import Scene
from forethought.envs.campsite.world import show
from forethought.envs.haggling.instances import instance_by_number as haggle_by_number
from forethought.envs.haggling.instances import numbers_by_split as haggles
from forethought.envs.haggling.rules import Game as HagglingGame
from forethought.envs.haggling.world import Haggling
from forethought.envs.haggling.world import move as haggle


class Sitting(Protocol):
    """One episode of a two-player world."""

    @property
    def player(self) -> int:
        """Whose turn it is: seat 0 or 1."""
        ...

    @property
    def over(self) -> bool:
        """Whether the rules have ended it."""
        ...

    def look(self, seat: int) -> tuple[str, dict[str, Any]]:
        """What a seat is shown; once it is over, with the outcome."""
        ...

    def act(self, seat: int, action: str) -> None:
        """Move.

        Raises:
            ConfigError: If it cannot be read, or the rules do not allow it now.
        """
        ...

    def leave(self) -> None:
        """End it without a deal."""
        ...


class _Bargainer(Bargaining):
    """A seat whose opponent is another agent."""

    def sit(self, game: BargainingGame, seat: int) -> "_Bargainer":
        self._game, self._seat, self._opponent = game, seat, "linear"
        return self

    def look(self) -> tuple[str, dict[str, Any]]:
        return self._show(self._game) if self._game is not None else ("", {})


class _Haggler(Haggling):
    """A seat whose opponent is another agent; agents speak plainly, in no tone."""

    def sit(self, game: HagglingGame, seat: int) -> "_Haggler":
        self._game, self._seat, self._opponent = game, seat, "linear"
        return self

    def look(self) -> tuple[str, dict[str, Any]]:
        game = self._game
        if game is None:
            return "", {}
        mine_first = game.instance.opener == self._seat
        self._tones = ["plain"] * len(game.offers[1 if mine_first else 0 :: 2])
        return self._show(game)


class _Seats:
    """Two seats over one game, for worlds built as a seat with a scripted opponent."""

    def __init__(
        self,
        game: Any,
        seats: tuple[Any, Any],
        move: Callable[[Any, str], None],
        leave: Callable[[Any], None],
    ) -> None:
        self._game, self._move, self._leave = game, move, leave
        self._seats = tuple(seat.sit(game, place) for place, seat in enumerate(seats))

    @property
    def player(self) -> int:
        place: int = self._game.player
        return place

    @property
    def over(self) -> bool:
        return bool(self._game.over)

    def look(self, seat: int) -> tuple[str, dict[str, Any]]:
        text, info = self._seats[seat].look()
        return text, {key: part for key, part in info.items() if key != "oracle"}

    def act(self, seat: int, action: str) -> None:
        if seat != self.player:
            raise ConfigError("it is the other's turn")
        try:
            self._move(self._game, action)
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def leave(self) -> None:
        if not self.over:
            self._leave(self._game)


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

    def act(self, seat: int, action: str) -> None:
        self._scene.act(seat, action)

    def leave(self) -> None:
        if not self.over:
            self._scene.game.left = True


def _stop(game: BargainingGame) -> None:
    """The offers made so far were all there are."""
    game.max_turns = len(game.offers)


def _bargain(number: int) -> Sitting:
    game = BargainingGame(bargain_by_number(number))
    return _Seats(game, (_Bargainer(), _Bargainer()), bargain, _stop)


def _haggle(number: int) -> Sitting:
    game = HagglingGame(haggle_by_number(number))
    return _Seats(game, (_Haggler(), _Haggler()), haggle, HagglingGame.walk)


def _camp(number: int) -> Sitting:
    return _Camp(Scene(camp_by_number(number)))


_WORLDS: Mapping[str, tuple[Callable[[int], Sitting], Callable[[], Mapping[str, range]]]] = (
    MappingProxyType(
        {
            "bargaining-v0": (_bargain, bargains),
            "campsite-v0": (_camp, camps),
            "haggling-v0": (_haggle, haggles),
        }
    )
)


def sit_down(world_id: str, instance: int) -> Sitting:
    """Begin an episode for two.

    Args:
        world_id: Which world.
        instance: Its number; the world's splits say which there are.

    Raises:
        UnknownName: If it is none of the worlds that two agents can play.
        ConfigError: If there is no such instance.
    """
    return _row(world_id)[0](instance)


def numbers_of(world_id: str) -> Mapping[str, range]:
    """The instance numbers of each split.

    Raises:
        UnknownName: If it is none of the worlds that two agents can play.
    """
    return _row(world_id)[1]()


def _row(world_id: str) -> tuple[Callable[[int], Sitting], Callable[[], Mapping[str, range]]]:
    if world_id not in _WORLDS:
        raise UnknownName("world for two agents", world_id, _WORLDS)
    return _WORLDS[world_id]
