"""Heads trained like another one but on less, or on wrong outcomes; kept beside it.

```
HEAD/permuted   outcomes dealt to the wrong episodes      HEAD/no-state, no-thought, no-prefix
HEAD/whole      trained anew on all, where the head's own episodes are not at hand
```

What is there is not trained again. Plays nothing: the episodes are given.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from forethought.agent.trace import FILE_NAME, read_traces
from forethought.agent.types import Trace
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
CONTROLS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "permuted": {"permute": True},
        "no-state": {"view": "no-state"},
        "no-thought": {"view": "no-thought"},
        "no-prefix": {"view": "no-prefix"},
        "whole": {},
    }
)
"""What each control changes in the settings of its head."""


def changed(config: HeadConfig, **changes: object) -> HeadConfig:
    """The settings with some changes, checked.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """
    return head_config(**{**config.model_dump(), **changes})


def own_traces(folder: Path, head: Head) -> list[Trace] | None:
    """The episodes a head was trained on, where `improve` left them beside it; else `None`."""
    rounds = sorted(folder.parent.glob(f"round-*/{FILE_NAME}"))
    count = head.metrics.get("data", {}).get("episodes", 0)
    found: list[Trace] = []
    for file in rounds:
        if len(found) >= count:
            break
        found += read_traces(file).traces
    return found[:count] if found and knows_all(found[:count], head) else None


def knows_all(traces: Sequence[Trace], head: Head) -> bool:
    """Whether the episodes that a head keeps as evidence are among these."""
    ids = {trace.episode.id for trace in traces}
    return all(reference.episode in ids for reference in head.evidence)


class Controls:
    """The controls of one head.

    Args:
        folder: The head's directory.
        head: The head.
        traces: Gives the episodes to train on; called only when something has to be trained.
        progress: Told how far training is.
    """

    def __init__(
        self,
        folder: Path,
        head: Head,
        traces: Callable[[], Sequence[Trace]],
        progress: Progress | None = None,
    ) -> None:
        self._folder = folder
        self._head = head
        self._make_traces = traces
        self._progress = progress

    @cached_property
    def _traces(self) -> Sequence[Trace]:
        return self._make_traces()

    def reference(self, names: Sequence[str]) -> str:
        """What these trained controls are held against: `head`, or `whole`, trained anew.

        A control trained on other episodes than its head would differ for that reason alone, so
        where the head's own episodes are not at hand another head is trained on those that are.
        """
        there = [(self._folder / name / "config.json").exists() for name in ("whole", *names)]
        if there[0]:
            return "whole"
        return "head" if all(there[1:]) or knows_all(self._traces, self._head) else "whole"

    def get(self, name: str) -> LearnedValue:
        """A control, trained if it is not there.

        Raises:
            ConfigError: If the head's directory cannot be written.
            DataError: If the episodes give nothing to learn from.
        """
        place = self._folder / name
        if not (place / "config.json").exists():
            config = changed(self._head.config, **CONTROLS[name])
            fitted = fit_head(self._traces, config, progress=self._teller(f"train {name}"))
            fitted.save_pretrained(place)
        return load_critic(place, name=name)

    def _teller(self, stage: str) -> Callable[[int, int, float], None]:
        def tell(update: int, most: int, loss: float) -> None:
            if self._progress is not None:
                self._progress(stage, update, most)

        return tell
