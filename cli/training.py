"""What `train value` sees to before it trains, and says afterwards."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forethought.agent.errors import ConfigError
from forethought.cli.console import Screen, count

if TYPE_CHECKING:
    from forethought.valuefn.head import Head

_MUCH_UNSEEN = 0.05
"""Mean share of a text's features, above which it is said that a head cannot see them."""


def checkpoint_place(out: Path, *, resume: bool) -> Path:
    """Where the training of a head is written down as it goes: beside the head, `HEAD.checkpoint`.

    Raises:
        ConfigError: If there is an unfinished training and it is not to be resumed, or none to
            resume.
    """
    place = out.with_name(f"{out.name}.checkpoint")
    unfinished = place.is_dir() and any(place.rglob("*.safetensors"))
    if unfinished and not resume:
        raise ConfigError(
            f"{place} holds an unfinished training; add --resume to go on, or delete it to start "
            "over"
        )
    if resume and not unfinished:
        raise ConfigError(f"there is nothing to resume in {place}; leave out --resume")
    return place


def warn_of_data(metrics: Mapping[str, Any], screen: Screen) -> None:
    """Say what the head could not learn from these traces."""
    never = metrics["data"]["never_reached"]
    if never:
        some = "; ".join(never[:3]) + ("; ..." if len(never) > 3 else "")
        screen.warn(f"{count(len(never), 'goal')} never reached in these traces: {some}")
    unseen = metrics.get("start", {}).get("unseen", {})
    said = [f"{name} {share:.0%}" for name, share in unseen.items() if share >= _MUCH_UNSEEN]
    if said:
        screen.warn(
            f"the head to start from cannot see all of these texts ({', '.join(said)} of them lies "
            "on features new to it); train without --from if that matters"
        )


def head_to_start_from(folder: Path, row: str | None) -> "Head":
    """The head to go on from.

    Raises:
        ConfigError: If a row of settings is named as well, or the head is a control.
        HeadError: If it cannot be read.
    """
    if row is not None:
        raise ConfigError("--from goes on with the settings of its head; leave out --config")
    from forethought.valuefn.head import Head

    head = Head.from_pretrained(folder)
    if head.config.permute:
        raise ConfigError(f"{folder} is a control, trained on permuted outcomes; name its head")
    return head
