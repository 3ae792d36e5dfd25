"""What was typed, made into arms, critics, models and places to write.

Everything that can be wrong with it is found before the first episode and before any head is
trained. Heads and models are imported when an arm needs one, so that an arm without them needs
nothing beyond the core.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from forethought.agent.arms import PLANNERS, Arm
from forethought.agent.errors import ConfigError, HeadError, RunError, UnknownName
from forethought.agent.protocols import Model, ValueFunction
from forethought.agent.trace import FILE_NAME, read_traces
from forethought.agent.types import Trace
from forethought.cli.console import Screen
from forethought.envs.registry import World, get_world, world_ids

if TYPE_CHECKING:
    from forethought.valuefn.meaning import Meaning


def check_place(out: Path | None, *, resume: bool) -> None:
    """See that a run can be kept in a folder, before anything costly is done.

    Raises:
        ConfigError: If the folder cannot be written, holds a run already and `resume` is false, or
            holds none and `resume` is true.
    """
    if out is None:
        if resume:
            raise ConfigError("--resume needs --out DIR, the folder of the run to go on with")
        return
    file = out / FILE_NAME
    try:
        there = file.stat().st_size > 0
    except OSError:  # not there, or not to be read: writing will say
        there = False
    if resume and not there:
        raise ConfigError(f"there is nothing to resume in {out}; leave out --resume")
    if there and not resume:
        raise ConfigError(f"{file} exists; add --resume to go on, or choose another --out")
    check_folder(out)


def check_folder(folder: Path) -> None:
    """Make a folder, and see that it can be written.

    Raises:
        ConfigError: If it cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"cannot write {folder}: it is a file, not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror}") from error


@contextmanager
def telling_where(out: Path | None) -> Iterator[None]:
    """Say where the partial result lies when a run fails."""
    try:
        yield
    except RunError as error:
        if out is None:
            raise
        raise RunError(f"{error}; what was played is in {out / FILE_NAME}") from error


def parse_arms(names: Sequence[str], world: World) -> list[Arm]:
    """Arms that could play here, given their critics and models.

    Raises:
        UnknownName: If there is no such planner or critic.
        ConfigError: If an arm does not follow the grammar, or asks an oracle where there is none.
    """
    arms = [Arm.parse(name) for name in names]
    for arm in arms:
        if arm.planner not in PLANNERS and arm.planner not in world.bots:
            raise UnknownName("planner", arm.planner, {*PLANNERS, *world.bots})
        if arm.critic == "oracle" and not world.oracle:
            knowing = [name for name in world_ids() if get_world(name).oracle]
            raise ConfigError(
                f"arm {str(arm)!r}: {world.id} offers no oracle; these worlds do: "
                f"{', '.join(knowing)}"
            )
    return arms


def check_opponents(names: Sequence[str] | None, world: World) -> None:
    """See that a world knows its opponents.

    Raises:
        UnknownName: If it does not.
    """
    known = [name for name in (*world.opponents, *world.unseen, *world.sparring) if name]
    for name in names or ():
        if name not in known:
            raise UnknownName("opponent", name, known)


def models_for(arms: Sequence[Arm], name: str | None, world: World) -> dict[str, Model]:
    """The models that arms name, and the one for arms that name none, under the empty name.

    A planner that can do without a model is given the one named all the same.

    Raises:
        UnknownName: If there is no such kind of model.
        ConfigError: If an arm needs a model and none was named.
        MissingExtra: If a model's package is not installed.
    """
    wanted = {arm.model for arm in arms if arm.model is not None}
    for arm in arms:
        if arm.model is None and arm.planner not in world.bots:
            if name is not None:
                wanted.add("")
            elif arm.needs_model:
                raise ConfigError(
                    f"arm {str(arm)!r} needs a model: add --model NAME, for instance builtin, or "
                    f"write {arm}@NAME"
                )
    if not wanted:
        return {}
    from forethought.agent.models.names import load_model

    return {each: load_model(each or name or "") for each in sorted(wanted)}


def critics_for(
    arms: Sequence[Arm], head: Path | None, world: World, screen: Screen
) -> dict[str, ValueFunction]:
    """The heads that arms rest on: those of a directory, else the world's own, trained if need be.

    Raises:
        HeadError: If the directory is no whole head, or lacks the control that an arm needs.
        MissingExtra: If the package that trains heads is not installed.
    """
    sources = {arm.head for arm in arms if arm.head is not None}
    if not sources:
        return {}
    from forethought.valuefn.critic import load_critic

    if head is None:
        head = default_head(world, screen)
    critics: dict[str, ValueFunction] = {}
    if "head" in sources:
        critics["head"] = load_critic(head)
    if "permuted" in sources:
        control = head / "permuted"
        if head.is_dir() and not control.is_dir():
            raise HeadError(
                f"{head} has no control for +permuted; train it with forethought train value "
                f"TRACES --out {head} --control"
            )
        critics["permuted"] = load_critic(control, name="permuted")
    return critics


def judges_for(arms: Sequence[Arm]) -> "Meaning | None":
    """Judges of meaning for arms that imagine goals, where the sentence encoder is installed.

    It is loaded when a planner first asks it something that words do not settle.
    """
    if not any(arm.imagines for arm in arms):
        return None
    from forethought.valuefn.meaning import Meaning, available

    return Meaning() if available() else None


def default_head(world: World, screen: Screen) -> Path:
    """The head of a world when none is named: trained once, then found in the cache."""
    from forethought.valuefn.improve import default_heads

    told = False
    with screen.progress() as tell:

        def progress(stage: str, done: int, total: int) -> None:
            nonlocal told
            if not told:
                told = True
                screen.note(
                    f"no --critic given: training heads for {world.id} on its training split "
                    "(a few minutes, once; Ctrl-C loses nothing)"
                )
            tell(stage, done, total)

        return default_heads(world, progress=progress)


def read_records(source: Path, screen: Screen) -> tuple[Path, dict[str, Trace]]:
    """A traces file and its episodes by id, unfinished ones too.

    An episode that was begun again and not ended stands as it was left.

    Raises:
        DataError: If the file cannot be read, is no traces file, or was damaged.
    """
    file = read_traces(source, empty_ok=True)
    if file.torn:
        screen.warn(f"{file.path}: its last line is incomplete")
    return file.path, {trace.episode.id: trace for trace in (*file.traces, *file.open)}


def pick_record(records: Mapping[str, Trace], name: str, path: Path) -> Trace:
    """The episode of that id.

    Raises:
        ConfigError: If there is none; the message names the nearest.
    """
    if name not in records:
        near = get_close_matches(name, records, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{path} holds no episode {name!r}{hint}")
    return records[name]


def split_list(text: str) -> list[str]:
    """The parts of a list written with commas."""
    return [part for part in map(str.strip, text.split(",")) if part]
