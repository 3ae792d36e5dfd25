"""Where a training stands among its stages, and how many rollouts it prefixes. Plain state.

Trained weights, optimiser and reference know nothing of it: a new stage changes the prompts alone.
"""

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from forethought.agent.errors import DataError
from forethought.valuefn.rl.recipe import Prefixes, Recipe, Stage

FILE = "stage.json"


class Course:
    """The stages of one training.

    Args:
        recipe: Says what they are.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._stages: Sequence[Stage] = recipe.stages
        self._prefixes: Prefixes = recipe.prefixes
        self.number = 0
        """The stage, from 0."""
        self.updates = 0
        """Batches of rollouts made."""
        self._since = 0
        self._recent: deque[float] = deque(maxlen=self.stage.window)
        self._free = 0.0

    @property
    def stage(self) -> Stage:
        """The stage it is in."""
        return self._stages[self.number]

    @property
    def share(self) -> float:
        """Share of each group that is prefixed now."""
        prefixes = self._prefixes
        if not prefixes.texts or (prefixes.enough is not None and self._free >= prefixes.enough):
            return 0.0
        if prefixes.until is None:
            return prefixes.share
        return prefixes.share * max(0.0, 1.0 - self.updates / prefixes.until)

    def advance(self, success: float) -> bool:
        """Take note of a batch of rollouts.

        Args:
            success: Mean success of its free rollouts, 0 to 1 where the part is.

        Returns:
            Whether a new stage begins.
        """
        self.updates += 1
        self._since += 1
        self._free = success
        self._recent.append(success)
        if self.number + 1 == len(self._stages) or not self._over():
            return False
        self.number += 1
        self._since = 0
        self._recent = deque(maxlen=self.stage.window)
        return True

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint."""
        state = {
            "number": self.number,
            "updates": self.updates,
            "since": self._since,
            "recent": list(self._recent),
            "free": self._free,
        }
        (folder / FILE).write_text(json.dumps(state), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Take it up from a checkpoint.

        Raises:
            DataError: If there is none, or it is of other stages.
        """
        file = folder / FILE
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
            self.number = int(state["number"])
            self.updates = int(state["updates"])
            self._since = int(state["since"])
            self._recent = deque(map(float, state["recent"]), maxlen=self.stage.window)
            self._free = float(state["free"])
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise DataError(f"{file} does not say where the stages stand") from error

    def _over(self) -> bool:
        stage = self.stage
        if stage.steps is not None and self._since >= stage.steps:
            return True
        full = len(self._recent) == stage.window
        mean = sum(self._recent) / len(self._recent)
        return stage.success is not None and full and mean >= stage.success
