"""The `campsite-v0` environment: the rules behind text, with a scripted neighbour inside."""

import random
from collections.abc import Mapping
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Candidate
from forethought.envs.campsite.actions import ACCEPT, MANUAL, REJECT, WALK
from forethought.envs.campsite.endings import ending_text, outcome
from forethought.envs.campsite.instances import instance_by_number, numbers_by_split
from forethought.envs.campsite.policies import COLLECTORS, heuristic, unguided
from forethought.envs.campsite.scene import Scene, View, describe
from forethought.envs.campsite.tactics import TEMPERS, TRAINING, UNSEEN, Temper, act, neighbour
from forethought.envs.campsite.text import GOALS, RULES, observe, thoughts
from forethought.envs.casino import SUCCESS_POINTS
from forethought.envs.options import checked, read_number, read_seat
from forethought.envs.registry import World


class Campsite:
    """One agent against one scripted neighbour.

    Reward, on the last step only: own points over 36, in [5/36, 1]. The action is a message in any
    words, or one of four actions (see `info["manual"]`); while a deal has to be answered, one of
    `info["legal_actions"]`. `info["view"]` holds the same as a `View`, for hand-written policies.
    """

    id = "campsite-v0"

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._seat = 0
        self._temper = Temper(None)
        self._rng = random.Random(0)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin to talk.

        Args:
            seed: Seeds the neighbour, and chooses whatever the options leave open.
            options: `instance` (a number, see `numbers_by_split`), `seat` (0 or 1, as in the data
                set; either may speak first), `opponent` (a name).

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense.
        """
        self._scene = None
        options = checked(self.id, options)
        self._rng = random.Random(f"campsite {seed}")
        anywhere = self._rng.choice(numbers_by_split()["train"])
        scene = Scene(instance_by_number(read_number(options, "instance", int, anywhere)))
        self._seat = read_seat(options, 2)
        opponent = str(options.get("opponent") or self._rng.choice(TRAINING))
        if opponent not in TEMPERS:
            raise UnknownName("opponent", opponent, TEMPERS)
        self._temper = neighbour(opponent, self._rng)
        if scene.game.player != self._seat:
            self._reply(scene)
        self._scene = scene
        return show(scene, self._seat)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Say something or act, and let the neighbour answer."""
        scene = self._scene
        if scene is None or scene.game.over:
            raise ConfigError("call reset before step")
        try:
            scene.act(self._seat, action)
        except ConfigError as error:
            return refused(scene, self._seat, error)
        if not scene.game.over:
            self._reply(scene)
        text, info = show(scene, self._seat)
        over = scene.game.over
        return text, info["outcome"].reward if over else 0.0, over, False, info

    def _reply(self, scene: Scene) -> None:
        other = 1 - self._seat
        scene.act(other, act(scene.view(other), self._temper, self._rng))


def show(scene: Scene, seat: int) -> tuple[str, dict[str, Any]]:
    """What a seat is shown now."""
    if scene.game.over:
        text = ending_text(scene.game, seat)
        return text, {"outcome": outcome(scene.game, seat), "goals": GOALS}
    view = scene.view(seat)
    return observe(view), seen(view, thoughts(view))


def seen(view: View, candidates: tuple[Candidate, ...]) -> dict[str, Any]:
    """What stands beside the text while the talk goes on."""
    answering = view.pending is not None
    return {
        "state": describe(view),
        "candidates": candidates,
        "legal_actions": (ACCEPT, REJECT, WALK) if answering else (),
        "goals": GOALS,
        "rules": RULES,
        "manual": MANUAL,
        "view": view,
    }


def refused(
    scene: Scene, seat: int, error: ConfigError
) -> tuple[str, float, bool, bool, dict[str, Any]]:
    """What a seat is shown after an action that cannot be taken; nothing has changed."""
    text, info = show(scene, seat)
    said = f"{text}\nThat is not possible: {error}."
    return said, 0.0, False, False, info | {"invalid": True}


WORLD = World(
    id="campsite-v0",
    summary="Two neighbours divide food, water and firewood by talking (CaSiNo's game)",
    make=Campsite,
    success=f"at least {SUCCESS_POINTS} of 36 points, the median of people",
    unguided="any listed message, deal or answer, each as likely",
    bots={"heuristic": heuristic, "unguided": unguided},
    collectors=COLLECTORS,
    opponents=TRAINING,
    unseen=UNSEEN,
    seats=2,
    splits=numbers_by_split(),
)
