"""What all reproductions share at the command: how much is done, where, and what is left there.

Knows no paper. A reproduction gives what identifies its run, a function that makes or finishes it,
and one that puts its report into words.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rich.console import RenderableType

from forethought.agent.errors import ConfigError, RunError
from forethought.cli.console import Screen, Tell
from forethought.cli.runs import check_run, write_json

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.claims import Found

WORDS: Mapping[bool | None, str] = MappingProxyType({True: "yes", False: "no", None: "cannot tell"})
"""How an answer is written."""


class Sized(Protocol):
    """How much a reproduction does."""

    @property
    def seeds(self) -> int:
        """How many times it is done."""
        ...


S = TypeVar("S", bound=Sized)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Order:
    """A reproduction, as it was asked for."""

    name: str
    screen: Screen
    out: Path
    quick: bool = False
    seeds: int | None = None
    seed: int = 0
    workers: int = 1
    resume: bool = False
    model: str | None = None
    episodes: int | None = None

    def size(self, quick: S, full: S, *, fewest: int = 1) -> S:
        """How much is done.

        Args:
            quick: With `--quick`.
            full: Without.
            fewest: Seeds below which nothing can be told.

        Raises:
            ConfigError: If fewer seeds are asked for.
        """
        size = quick if self.quick else full
        if self.seeds is None:
            return size
        if self.seeds < fewest:
            raise ConfigError(
                f"{self.name} needs --seeds {fewest} or more for an interval, not {self.seeds}"
            )
        return replace(size, seeds=self.seeds)  # type: ignore[type-var]  # sizes are dataclasses


@dataclass(frozen=True, slots=True)
class Said:
    """A report in words, figures and a picture."""

    shown: Sequence[RenderableType]
    """Tables and lines, in order."""
    kept: Mapping[str, Any]
    """What stands in `report.json`."""
    picture: bytes
    """A PNG."""
    result: Mapping[str, Any]
    """What `--json` prints, beside the name and the seconds."""


def carry_out(
    order: Order,
    run: Callable[[Tell], R],
    say: Callable[[R], Said],
    *,
    picture: str,
    more: Mapping[str, Any] = MappingProxyType({}),
    files: Sequence[str] = (),
) -> None:
    """Make or finish a run, print what it showed, keep `report.json` and the picture.

    Args:
        order: What was asked for.
        run: Makes the run, telling how far it is.
        say: Puts its report into words.
        picture: File name of the picture.
        more: What identifies the run beside name, `--quick` and seed; a run is resumed only where
            all of it is equal.
        files: Others that the run leaves, which are named too.

    Raises:
        ConfigError: If the folder cannot be used.
        RunError: If the run broke off; what had ended is kept.
    """
    from forethought.valuefn.pictures import write_whole

    identity = {"name": order.name, "quick": order.quick, "seed": order.seed, **more}
    check_run(order.out, identity, resume=order.resume)
    began = time.perf_counter()
    try:
        with order.screen.progress() as tell:
            report = run(tell)
    except RunError as error:
        raise RunError(f"{error}; what was done is in {order.out}, --resume goes on") from error
    seconds = time.perf_counter() - began
    said = say(report)
    for each in said.shown:
        order.screen.say(each)
    write_json(order.out / "report.json", {**said.kept, "seconds": seconds})
    write_whole(order.out / picture, said.picture)
    for file in (*files, "report.json", picture):
        order.screen.say(f"wrote {order.out / file}")
    order.screen.result({"name": order.name, **said.result, "seconds": seconds})


def by_name(claims: Sequence["Found"]) -> dict[str, Any]:
    """Claims beside the paper's figures, for `--json`."""
    return {
        "paper": {each.claim.name: each.claim.paper for each in claims},
        "ours": {each.claim.name: each.ours for each in claims},
        "ci95": {each.claim.name: each.ci95 for each in claims},
        "holds": {each.claim.name: each.holds for each in claims},
    }
