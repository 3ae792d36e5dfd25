"""`train base`: small models from scratch on toy tasks, and what they can do."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.cli.choices import check_folder
from forethought.cli.console import Screen, with_interval
from forethought.cli.runs import table

if TYPE_CHECKING:
    from forethought.valuefn.rl.toys.bases import Base
    from forethought.valuefn.rl.toys.measures import Measured


def train_base(
    name: str | None,
    *,
    seed: int,
    steps: int | None,
    size: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """List the bases, or pre-train one and say what was measured."""
    screen = Screen(as_json=as_json)
    from forethought.valuefn.rl.toys.bases import BASES, prepare, row_of

    if name is None:
        for known, each in BASES.items():
            screen.say(f"{known}: {each.what}")
        screen.result({"bases": {known: each.what for known, each in BASES.items()}})
        return
    row_of(name)
    if out is not None:
        check_folder(out)
    given: dict[str, Any] = {"steps": steps, "size": size}
    changes = {key: value for key, value in given.items() if value is not None}
    with screen.progress() as tell:
        base = prepare(name, seed=seed, changes=changes, place=out, progress=tell)
    screen.say(base_table(base))
    screen.say(f"pre-trained in {base.seconds:.0f} s; the model is in {base.folder}")
    screen.result(
        {
            "name": name,
            "folder": base.folder,
            "seconds": base.seconds,
            "measured": [asdict(each) for each in base.measured],
        }
    )


def base_table(base: "Base") -> Table:
    """What was measured."""
    rows = [
        (each.name, _figure(each), "-" if each.n is None else str(each.n)) for each in base.measured
    ]
    return table(f"{base.name}, at temperature 1", ("", "share or chance [95 %]", "of"), rows)


def _figure(each: "Measured") -> str:
    if each.value is None:
        return "-"
    return with_interval(each.value, each.ci95) if each.ci95 else f"{each.value:.3g}"
