"""`shards`, and `train value` on them: episodes as Parquet shards, for training past memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from forethought.agent.errors import ConfigError
from forethought.agent.trace import stream_traces
from forethought.agent.types import Trace
from forethought.cli.choices import check_folder
from forethought.cli.console import Screen, count
from forethought.envs.people import PEOPLE
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.shard_manifest import is_shards, read_manifest

if TYPE_CHECKING:
    from forethought.valuefn.head import Head

Fit = Callable[[HeadConfig, Path, Callable[[int, int, float], None]], "Head"]
"""Training with settings, a folder for checkpoints, and somebody to be told of progress."""


class On(TypedDict):
    """On what a head is trained, as `fit_head` and `fit_shards` take it."""

    device: str
    threads: int
    compiled: bool


def write_shards(
    names: Sequence[str], *, out: Path, rows: int, resume: bool, as_json: bool
) -> None:
    """Write the finished episodes of files, run folders and data sets as shards."""
    screen = Screen(as_json=as_json)
    there = out.is_dir() and is_shards(out)
    if resume and not there:
        raise ConfigError(f"there is nothing to resume in {out}; leave out --resume")
    if not resume and out.is_dir() and any(out.iterdir()):
        hint = "add --resume to go on, or " if there else ""
        raise ConfigError(f"{out} is not empty; {hint}choose another --out")
    check_folder(out)
    from forethought.valuefn.shards import write_shards as run

    with screen.progress() as tell:
        manifest = run(
            _stream(names),
            out,
            rows=rows,
            resume=resume,
            progress=lambda now: tell("shards", len(now.shards), len(now.shards) + 1),
        )
    left_out = manifest.read - manifest.episodes
    if left_out:
        screen.warn(f"{count(left_out, 'episode')} left out: failed, or without a step")
    screen.say(
        f"{count(manifest.transitions, 'transition')} of {count(manifest.episodes, 'episode')} in "
        f"{count(len(manifest.shards), 'shard')}"
    )
    screen.say(f"shards: {out}")
    screen.result(
        {
            "shards": out,
            "files": len(manifest.shards),
            "transitions": manifest.transitions,
            "episodes": manifest.episodes,
            "left_out": left_out,
            "goals": list(manifest.goals),
            "digest": manifest.digest,
        }
    )


def fit_of_shards(
    names: Sequence[str], *, start: "Head | None", on: On, screen: Screen
) -> Fit | None:
    """Training on a folder of shards; `None` where none is named.

    Raises:
        ConfigError: If shards are named beside other data, or with a head to go on from.
        DataError: If the manifest is missing, damaged or of another format.
    """
    sharded = [name for name in names if is_shards(name)]
    if not sharded:
        return None
    if len(names) > 1:
        raise ConfigError(
            f"{sharded[0]} holds shards, which are trained on alone; write all traces into one "
            "folder with forethought shards"
        )
    if start is not None:
        raise ConfigError("--from goes on with traces, not with shards; leave one of them out")
    if not read_manifest(Path(sharded[0])).complete:
        screen.warn(
            f"{sharded[0]}: writing was stopped before its end; this trains on the part that is "
            "there"
        )
    from forethought.valuefn.shard_fit import fit_shards

    return lambda config, checkpoint, progress: fit_shards(
        sharded[0],
        config,
        checkpoint=checkpoint,
        progress=progress,
        **on,
    )


def _stream(names: Sequence[str]) -> Iterator[Trace]:
    for name in names:
        yield from PEOPLE[name].traces() if name in PEOPLE else stream_traces(name)
