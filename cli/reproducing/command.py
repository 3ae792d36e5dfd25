"""`reproduce NAME`: lists what there is, or has one of them carried out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from forethought.agent.errors import ConfigError
from forethought.cli.console import Screen
from forethought.cli.reproducing.decide import decide
from forethought.cli.reproducing.icrl import demonstration_curricula
from forethought.cli.reproducing.order import Order
from forethought.cli.reproducing.pnlc import pnlc
from forethought.cli.reproducing.scalars import three_scalars
from forethought.cli.reproducing.tocorl import prefixes

REPRODUCTIONS: Mapping[str, Callable[[Order], None]] = MappingProxyType(
    {
        "decision-sampling": decide,
        "decision-sampling-toy": three_scalars,
        "icrl": demonstration_curricula,
        "pnlc": pnlc,
        "tocorl": prefixes,
    }
)
"""By the names of the catalogue."""


def reproduce(
    name: str | None,
    *,
    model: str | None,
    quick: bool,
    episodes: int | None,
    seeds: int | None,
    seed: int,
    workers: int,
    out: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    """List what can be reproduced, or reproduce it."""
    screen = Screen(as_json=as_json)
    from forethought.valuefn.reproduce.catalogue import CATALOGUE, entry

    if name is None:
        for each in CATALOGUE.values():
            screen.say(f"{each.name}: {each.paper}\n  {each.shows}")
        screen.result({"reproductions": [asdict(each) for each in CATALOGUE.values()]})
        return
    entry(name)
    if name != "pnlc" and (model is not None or episodes is not None):
        raise ConfigError(f"{name} plays no model and no arms; leave out --model and --episodes")
    REPRODUCTIONS[name](
        Order(
            name,
            screen,
            out or Path("runs") / f"reproduce-{name}-{seed}",
            quick=quick,
            seeds=seeds,
            seed=seed,
            workers=workers,
            resume=resume,
            model=model,
            episodes=episodes,
        )
    )
