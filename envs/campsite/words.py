"""`campsite-words-v0`: the camp site for a model that words every message itself.

The same rules, partners and splits as `campsite-v0`; only the candidates differ. They are thoughts
without actions, a shortlist, so that the model has to say what it means in words of its own. Where
a deal has to be answered they keep their actions.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forethought.envs.campsite.text import ideas
from forethought.envs.campsite.world import WORLD as BOUND
from forethought.envs.campsite.world import Campsite


class CampsiteWords:
    """`Campsite` with thoughts that have no words yet."""

    id = "campsite-words-v0"

    def __init__(self) -> None:
        self._inner = Campsite()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """As `Campsite.reset`."""
        text, info = self._inner.reset(seed=seed, options=options)
        return text, _unworded(info)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """As `Campsite.step`."""
        text, reward, terminated, truncated, info = self._inner.step(action)
        return text, reward, terminated, truncated, _unworded(info)


def _unworded(info: dict[str, Any]) -> dict[str, Any]:
    return info | {"candidates": ideas(info["view"])} if "view" in info else info


WORLD = replace(
    BOUND,
    id=CampsiteWords.id,
    summary="The camp site for a model that words its messages itself",
    make=CampsiteWords,
    unguided="a random idea, worded by the model",
    bots={},
    collectors=(),
)
