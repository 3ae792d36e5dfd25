"""`drift`: what moved between the traces a head was trained on and new ones.

Asks and prints; the tests are the value package's part.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from forethought.cli.console import Screen, count, with_interval
from forethought.cli.learning import load_traces

if TYPE_CHECKING:
    from forethought.valuefn.drifted import Drift


def drift(head: Path, names: Sequence[str], *, seed: int, as_json: bool) -> None:
    """Compare new traces with a head's training data."""
    screen = Screen(as_json=as_json)
    from forethought.valuefn.critic import load_critic
    from forethought.valuefn.drift import measure_drift

    critic = load_critic(head)
    found = measure_drift(critic, load_traces(names, screen), seed=seed)
    screen.say(parts_table(found))
    screen.say(rates_table(found))
    screen.say(f"{found.verdict}: {'; '.join(found.words)}")
    screen.result({"head": head, "id": critic.head.id, **asdict(found)})


def parts_table(found: "Drift") -> Table:
    """What was tested, and what moved."""
    title = (
        f"{count(found.episodes, 'new episode')}, {count(found.decisions, 'decision')}, "
        f"{found.unsupported.value:.1%} unsupported, {found.goals_supported:.0%} of the goals known"
    )
    table = Table(title=Text(title), title_justify="left")
    for name in ("part", "measure", "value", "p (Holm)", ""):
        table.add_column(name, justify="right" if name in {"value", "p (Holm)"} else "left")
    for part in found.parts:
        said = "moved" if part.moved else ""
        table.add_row(part.name, part.measure, f"{part.value:.3f}", f"{part.p:.3f}", said)
    return table


def rates_table(found: "Drift") -> Table:
    """Outcome sentences: how often they came true, and what the head made of them."""
    table = Table(title="outcomes", title_justify="left")
    for name in ("sentence", "in training", "new [95 %]", "chance minus truth [95 %]"):
        table.add_column(name, justify="left" if name == "sentence" else "right")
    for rate in found.rates:
        trained = "-" if rate.trained is None else f"{rate.trained:.3f}"
        new = with_interval(rate.new.value, (rate.new.low, rate.new.high))
        gap = rate.gap
        told = with_interval(gap.value, (gap.low, gap.high)) if gap else "-"
        table.add_row(Text(rate.goal), trained, new, told)
    return table
