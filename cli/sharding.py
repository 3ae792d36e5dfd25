"""`shards`: episodes written as Parquet shards, one by one, for training past memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from forethought.agent.errors import ConfigError
from forethought.agent.trace import stream_traces
from forethought.agent.types import Trace
from forethought.cli.choices import check_folder
from forethought.cli.console import Screen, count
from forethought.envs.casino import DATASET, casino_traces
from forethought.valuefn.shard_manifest import is_shards


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


def _stream(names: Sequence[str]) -> Iterator[Trace]:
    for name in names:
        yield from casino_traces() if name == DATASET else stream_traces(name)
