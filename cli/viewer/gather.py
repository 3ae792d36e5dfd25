"""What lies in the folders of a run: episodes, a comparison, heads, evaluations, policies.

Reads files and draws nothing. A folder may hold any of them; one that holds none is an error.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import FILE_NAME, stream_traces
from forethought.agent.types import Trace
from forethought.cli.viewer.policies import LOG, is_policy, policy_of

BENCH = "bench.json"
METRICS = "metrics.json"
EVALUATION = "eval.json"
_BEGUN = b'{"type":"episode"'
_DEEP = 3
"""Folders below the one named in which heads are looked for."""


@dataclass(slots=True)
class Found:
    """What can be shown."""

    traces: list[Path] = field(default_factory=list)
    benches: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Comparisons by folder, as `bench.json` has them."""
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Metrics of trained heads by folder."""
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What heads are worth on other episodes, by folder, as `eval.json` has it."""

    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fine-tuned policies by folder, as `policy_of` tells them."""

    def more(self) -> dict[str, dict[str, dict[str, Any]]]:
        """All but the episodes."""
        return {
            "benches": self.benches,
            "heads": self.heads,
            "evaluations": self.evaluations,
            "policies": self.policies,
        }

    def episodes(self) -> Iterator[Trace]:
        """All episodes, those without an end last in each file.

        Raises:
            DataError: If a file cannot be read or was damaged before its last line.
        """
        return chain.from_iterable(
            stream_traces(path, repeats=True, unfinished=True) for path in self.traces
        )

    def count(self) -> int:
        """How many episodes have been begun."""
        found = 0
        for path in self.traces:
            with path.open("rb") as file:
                found += sum(line.startswith(_BEGUN) for line in file)
        return found


def gather(places: Sequence[Path]) -> Found:
    """What files and folders hold.

    Args:
        places: Traces files, and folders of runs and heads.

    Raises:
        ConfigError: If one does not exist, or nothing is found that can be shown.
        DataError: If a comparison or a head's metrics cannot be read.
    """
    found = Found()
    for place in places:
        if place.is_file():
            found.traces.append(place)
        elif place.is_dir():
            _look_into(place, found)
        else:
            raise ConfigError(f"{place} does not exist")
    if not (found.traces or any(found.more().values())):
        named = ", ".join(map(str, places))
        raise ConfigError(
            f"nothing to view in {named}: no {FILE_NAME}, no {BENCH}, no head with a {METRICS}, "
            f"no {EVALUATION}, no training with a {LOG}"
        )
    return found


def _look_into(folder: Path, found: Found) -> None:
    if (folder / FILE_NAME).is_file():
        found.traces.append(folder / FILE_NAME)
    if (folder / BENCH).is_file():
        found.benches[str(folder)] = _json(folder / BENCH)
    for depth in range(_DEEP + 1):
        for path in sorted(folder.glob("*/" * depth + METRICS)):
            if (path.parent / "config.json").is_file():
                found.heads[str(path.parent)] = _json(path)
        for path in sorted(folder.glob("*/" * depth + LOG)):
            if is_policy(path.parent):
                found.policies[str(path.parent)] = policy_of(path.parent)
        for path in sorted(folder.glob("*/" * depth + EVALUATION)):
            found.evaluations[str(path.parent)] = _json(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no object")
    return value
