"""A training run on disk, whole at any time, so that a run that was killed goes on.

One safetensors file holds tensors and, as JSON in its header, plain facts; it is written beside its
place and moved there, so that it is either the old one or the new one. It says of which data and
settings it is, and is refused with others. Nothing in it is executed when it is read.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, HeadError, needs

with needs("training value heads", "pip install 'forethought[value]'"):
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import save
    from torch import Tensor

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]
    """What JSON holds: counters, the generator's state, the history."""


class Checkpoint:
    """The file of one run.

    Args:
        path: The file, `NAME.safetensors`; its folder is made when it is first written.
        ties: What the run depends on, by name in words, each as a digest. A file with other ties
            is refused.
    """

    def __init__(self, path: Path, ties: Mapping[str, str]) -> None:
        self.path = path
        self._ties = dict(ties)

    def save(self, snapshot: Snapshot) -> None:
        """Replace the file.

        Raises:
            ConfigError: If the place cannot be written.
        """
        header = {"format": FORMAT, "ties": self._ties, "facts": dict(snapshot.facts)}
        tensors = {name: t.detach().cpu().contiguous() for name, t in snapshot.tensors.items()}
        content = save(tensors, {"forethought": json.dumps(header)})
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"cannot write the checkpoint {self.path}: {reason}") from error

    def load(self) -> Snapshot | None:
        """What was saved last; `None` where nothing was.

        Raises:
            HeadError: If the file is damaged, of another version, or of other data or settings.
        """
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                header = json.loads(file.metadata()["forethought"])
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - a file, not a mapping
            version, ties, facts = header["format"], header["ties"], header["facts"]
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise HeadError(
                f"the checkpoint {self.path} is damaged; delete it to start over"
            ) from error
        if version != FORMAT:
            raise HeadError(
                f"the checkpoint {self.path} has format {version}, this version reads {FORMAT}; "
                "delete it to start over"
            )
        other = [name for name, digest in self._ties.items() if ties.get(name) != digest]
        if other:
            raise HeadError(
                f"the checkpoint {self.path} was made with other {' and '.join(other)}; "
                "give those again, or delete it to start over"
            )
        return Snapshot(tensors, facts)
