"""A trained head on disk: a directory of weights, settings, calibration, evidence and a model card.

```
HEAD/
├── config.json        format version, id, encoder and its fingerprint, settings, sentences
├── head.safetensors   critic weights, input blocks, reference points
├── calibration.json   the map from scores to chances
├── evidence.jsonl     the logged thoughts behind the reference points
├── metrics.json       what held-out episodes showed
├── origin.json        when and by which version it was made, from which data and which head
└── README.md          model card
```

A head is written beside its place and moved there whole, so a directory that exists is complete.
Loading executes nothing from the files: JSON and safetensors only, checked by `stored`. The id is
made of the contents, so that a head that was changed on disk is noticed. Equal trainings give equal
files, but for the time in `origin.json` and on the card.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from forethought.agent.errors import ConfigError, HeadError, MissingExtra, needs
from forethought.valuefn.calibration import Calibration
from forethought.valuefn.card import model_card
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.features import BLOCKS, Block
from forethought.valuefn.lineage import Origin, changed, content_id
from forethought.valuefn.stored import (
    FILES,
    FORMAT,
    read_arrays,
    read_config,
    read_json,
    read_lines,
)
from forethought.valuefn.support import Support

with needs("loading and saving value heads", "pip install 'forethought[value]'"):
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

if TYPE_CHECKING:
    from forethought.valuefn.hub import Pushed

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reference:
    """A logged thought kept for explanations."""

    episode: str
    state: str
    thought: str
    prefix: str
    reached: tuple[int, ...]
    """Indices of the outcome sentences that came true in its episode."""


@dataclass(frozen=True, slots=True)
class Head:
    """Everything that makes a trained value function."""

    config: HeadConfig
    fingerprint: str
    """Of the encoder it was trained with."""
    dim: int
    """Width of the encoder's vectors."""
    goals: tuple[str, ...]
    """Outcome sentences it was trained on."""
    blocks: Mapping[str, Block]
    weights: Mapping[str, Floats]
    calibration: Calibration
    support: Support
    evidence: tuple[Reference, ...]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)

    @property
    def id(self) -> str:
        """Sixteen digits made of the contents: heads of equal id give equal answers."""
        parts = [
            [self.fingerprint, self.dim, list(self.goals)],
            [self.support.reach, self.support.goal_reach, dict(self.support.foreign)],
            changed(self.calibration),
            [changed(reference) for reference in self.evidence],
        ]
        return content_id(parts, self._arrays())

    def save_pretrained(self, folder: str | os.PathLike[str], *, licence: str = "") -> Path:
        """Write the directory, replacing an older head there.

        Args:
            folder: Where to.
            licence: For the card, as the hub names licences (`apache-2.0`); empty for none stated.

        Raises:
            ConfigError: If the place cannot be written, or holds something that is not a head.
        """
        target = Path(folder)
        if target.exists() and not (target / "config.json").exists() and _has_content(target):
            raise ConfigError(f"{target} exists and is not a head; choose another place")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        except OSError as error:
            raise ConfigError(f"cannot write {target}: {error.strerror}") from error
        try:
            self._write(scratch, licence)
            _replace(scratch, target)
        except OSError as error:
            raise ConfigError(f"cannot write {target}: {error.strerror}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return target

    def _write(self, folder: Path, licence: str) -> None:
        origin = self._stamped()
        config = {
            "format": FORMAT,
            "id": self.id,
            "encoder": {
                "name": self.config.encoder,
                "fingerprint": self.fingerprint,
                "dim": self.dim,
            },
            "training": self.config.model_dump(),
            "goals": list(self.goals),
            "support": {
                "reach": self.support.reach,
                "goal_reach": self.support.goal_reach,
                "foreign": dict(self.support.foreign),
            },
        }
        _dump(folder / "config.json", config)
        _dump(folder / "calibration.json", asdict(self.calibration))
        _dump(folder / "metrics.json", self.metrics)
        _dump(folder / "origin.json", asdict(origin))
        lines = [json.dumps(asdict(reference), ensure_ascii=False) for reference in self.evidence]
        (folder / "evidence.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        save_file(self._arrays(), folder / "head.safetensors")
        card = model_card(
            self.config, self.goals, self.metrics, name=self.id, origin=origin, licence=licence
        )
        (folder / "README.md").write_text(card, "utf-8")

    def _stamped(self) -> Origin:
        """The origin, with time and version where the head was never saved."""
        if self.origin.created:
            return self.origin
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            return replace(self.origin, created=now, version=version("forethought"))
        except PackageNotFoundError:
            return replace(self.origin, created=now)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {f"critic.{k}": v for k, v in self.weights.items()}
        for name, block in self.blocks.items():
            arrays[f"block.{name}.columns"] = block.columns
            arrays[f"block.{name}.mean"] = block.mean
            arrays[f"block.{name}.scale"] = block.scale
            arrays[f"block.{name}.seen"] = block.seen
        arrays["support.references"] = self.support.references
        arrays["support.goals"] = self.support.goals
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def push_to_hub(
        self,
        repo_id: str,
        *,
        licence: str = "",
        private: bool = False,
        message: str = "",
        token: str | None = None,
        endpoint: str | None = None,
    ) -> "Pushed":
        """Put the head on the Hugging Face hub; its evidence, texts of the training traces, too.

        Args:
            repo_id: `owner/name`; made where there is none.
            licence: For the card, as the hub names licences.
            private: Whether a new repository is private.
            message: Of the commit; names the head by default.
            token: Who pushes; the one stored by `hf auth login` by default.
            endpoint: Another hub than huggingface.co.

        Raises:
            ConfigError: If the name cannot be one, or nobody is logged in.
            HeadError: If the hub cannot be reached, or refuses.
            MissingExtra: If the hub's package is not installed.
        """
        from forethought.valuefn.hub import upload

        with tempfile.TemporaryDirectory(prefix="forethought-push-") as scratch:
            folder = self.save_pretrained(Path(scratch) / "head", licence=licence)
            told = message or f"Value head {self.id}"
            return upload(
                folder, repo_id, message=told, private=private, token=token, endpoint=endpoint
            )

    @classmethod
    def from_pretrained(
        cls,
        folder: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | None = None,
        endpoint: str | None = None,
    ) -> "Head":
        """Read a directory written by `save_pretrained`, here or on the Hugging Face hub.

        Args:
            folder: The directory; where there is none, `owner/name` of the hub, or
                `owner/name@revision`.
            revision: Of a head of the hub; only a commit never changes.
            token: Who asks the hub; the stored one by default.
            endpoint: Another hub than huggingface.co.

        Raises:
            HeadError: If it is missing, incomplete, damaged or of another format.
        """
        source = Path(folder)
        if not source.is_dir():
            name, _, pinned = str(folder).partition("@")
            source = _from_hub(name, pinned or revision, token, endpoint)
        missing = [name for name in FILES if not (source / name).is_file()]
        if missing:
            raise HeadError(f"{source} is not a whole head: {', '.join(missing)} missing")
        try:
            return _read(source)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            what = _first_error(error)
            raise HeadError(f"the head at {source} is damaged: {what}") from error


def _from_hub(name: str, revision: str | None, token: str | None, endpoint: str | None) -> Path:
    """The directory of a head that is not here, if the hub has it."""
    nowhere = f"there is no head at {name}"
    try:
        from forethought.valuefn.hub import download, is_hub_name
    except MissingExtra as error:
        raise HeadError(f"{nowhere}; for heads of the hub: {error.install}") from error
    if not is_hub_name(name):
        raise HeadError(nowhere)
    try:
        return download(name, revision=revision, token=token, endpoint=endpoint)
    except (ConfigError, HeadError) as error:
        raise HeadError(f"{nowhere}; on the hub: {error}") from error


def _read(source: Path) -> Head:
    stored = read_config(source / "config.json")
    arrays = read_arrays(source / "head.safetensors", stored.encoder.dim)
    blocks = {
        name: Block(
            *(arrays[f"block.{name}.{part}"] for part in ("columns", "mean", "scale", "seen"))
        )
        for name in BLOCKS
    }
    evidence = read_lines(source / "evidence.jsonl", TypeAdapter(tuple[Reference, ...]))
    if len(evidence) != len(arrays["support.references"]):
        raise ValueError("evidence and reference points differ in number")
    limits, metrics, born = stored.support, source / "metrics.json", source / "origin.json"
    head = Head(
        stored.training,
        stored.encoder.fingerprint,
        stored.encoder.dim,
        stored.goals,
        blocks,
        {k.removeprefix("critic."): v for k, v in arrays.items() if k.startswith("critic.")},
        TypeAdapter(Calibration).validate_python(read_json(source / "calibration.json")),
        Support(
            arrays["support.references"],
            arrays["support.goals"],
            limits.reach,
            limits.goal_reach,
            limits.foreign,
        ),
        evidence,
        read_json(metrics) if metrics.exists() else {},
        TypeAdapter(Origin).validate_python(read_json(born)) if born.exists() else Origin(),
    )
    if stored.id and head.id != stored.id:
        raise ValueError(f"its contents are not those of {stored.id}; it was changed on disk")
    return head


def _first_error(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _has_content(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())


def _replace(scratch: Path, target: Path) -> None:
    """Move a finished directory into place; an older one goes only once the new one is whole."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        target.rename(old / "head")
        scratch.rename(target)
        shutil.rmtree(old)
    else:
        scratch.rename(target)
    target.chmod(0o755)


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
