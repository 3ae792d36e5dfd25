import random
from collections.abc import Callable
from typing import Any

import pytest

from forethought.agent.protocols import Model, Turn
from forethought.agent.types import Event, Observation


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def turn(events: list[Event]) -> Callable[..., Turn]:
    def make(model: Model | None = None, *, text: str = "They wait.", **seen: Any) -> Turn:
        return Turn(
            Observation(text, **seen), "The state.", model, random.Random(3), emit=events.append
        )

    return make
