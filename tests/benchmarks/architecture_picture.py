"""Draws `docs/pictures/architecture.png`: the parts, and who imports whom, from the code itself.

    python tests/benchmarks/architecture_picture.py docs/pictures/architecture.png

An arrow is as wide as there are imports; arrows to the vocabulary are grey. The rows are the layers
that `make test` holds; an arrow that ran up would be drawn in red.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).parents[2]
VOCABULARY = ("types", "errors", "protocols", "redact", "trace", "places")
"""Modules of `agent` that everything may import."""


@dataclass(frozen=True, slots=True)
class Room:
    """A part, and where it is drawn: its middle and its width; the row says its layer."""

    says: str
    x: float
    row: int
    wide: float
    colour: str


ROOMS: Mapping[str, Room] = {
    "cli": Room("the command, the viewer, the demo", 6.0, 5, 4.6, "#e8e3f5"),
    "valuefn.reproduce": Room("papers' tables drawn again", 2.6, 4, 3.4, "#dcebd9"),
    "valuefn.audit": Room("what a head uses", 9.4, 4, 3.4, "#dcebd9"),
    "valuefn.rl": Room("fine-tuning: rollouts, recipes, TRL", 2.6, 3, 3.4, "#dcebd9"),
    "valuefn.improve": Room("play, train, play again", 9.4, 3, 3.4, "#dcebd9"),
    "envs": Room("worlds, bridges, rollouts, the bench", 4.0, 2, 4.0, "#fbe6cf"),
    "tools": Room("what an agent can call", 9.4, 2, 3.4, "#fbe6cf"),
    "agent": Room("loop, planners, models, traces", 4.0, 1, 4.0, "#d7e6f7"),
    "valuefn": Room("encoders, training, heads", 9.4, 1, 3.4, "#d7e6f7"),
    "vocabulary": Room(", ".join(f"agent.{name}" for name in VOCABULARY), 6.0, 0, 10.4, "#eeeeee"),
}
TALL, GAP = 0.62, 1.25


def room_of(module: str) -> str:
    """The part that a module belongs to; empty for the package's own file."""
    name = module.removeprefix("forethought").lstrip(".")
    parts = name.split(".")
    if parts[0] == "agent" and len(parts) > 1 and parts[1] in VOCABULARY:
        return "vocabulary"
    inside = [room for room in ROOMS if name == room or name.startswith(f"{room}.")]
    return max(inside, key=len, default="")


def imports() -> Counter[tuple[str, str]]:
    """How many imports lead from one part into another."""
    graph = grimp.build_graph("forethought", cache_dir=None)
    found: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            ends = room_of(module), room_of(other)
            if all(ends) and ends[0] != ends[1]:
                found[ends] += 1
    return found


def sizes() -> Mapping[str, tuple[int, int]]:
    """Files and lines of each part."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for folder in ("agent", "cli", "envs", "tools", "valuefn"):
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            room = room_of(".".join(("forethought", *parts)))
            files[room] += 1
            lines[room] += len(path.read_text(encoding="utf-8").splitlines())
    return {room: (files[room], lines[room]) for room in ROOMS}


def draw(found: Mapping[tuple[str, str], int]) -> Figure:
    """The drawing."""
    figure = Figure(figsize=(11, 7.6), dpi=90, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set_xlim(0, 12)
    axes.set_ylim(-0.5, 5 * GAP + 0.5)
    axes.axis("off")
    size = sizes()
    for name, room in ROOMS.items():
        y = room.row * GAP
        axes.add_patch(
            FancyBboxPatch(
                (room.x - room.wide / 2, y - TALL / 2),
                room.wide,
                TALL,
                boxstyle="round,pad=0.02,rounding_size=0.08",
                facecolor=room.colour,
                edgecolor="#444444",
                linewidth=1,
                zorder=3,
            )
        )
        title = name.replace(".", "/") if name != "vocabulary" else "the vocabulary"
        axes.text(room.x, y + 0.13, title, ha="center", va="center", weight="bold", zorder=4)
        files, lines = size[name]
        many = f"{files} files" if files > 1 else "1 file"
        told = f"{room.says}  ({many}, {lines / 1000:.1f} k lines)"
        axes.text(room.x, y - 0.14, told, ha="center", va="center", fontsize=7.2, zorder=4)
    for (one, other), count in sorted(found.items()):
        _arrow(axes, ROOMS[one], ROOMS[other], count, quiet=other == "vocabulary")
    return figure


def _arrow(axes: "object", one: Room, other: Room, count: int, *, quiet: bool) -> None:
    up = one.row <= other.row
    colour = "#c0392b" if up else "#c4c4c4" if quiet else "#3c5a78"
    lean = (other.x - one.x) * 0.12
    begin = one.x + max(-one.wide / 2 + 0.2, min(one.wide / 2 - 0.2, lean * 3))
    end = max(other.x - other.wide / 2 + 0.3, min(other.x + other.wide / 2 - 0.3, begin))
    far = one.row - other.row
    axes.add_patch(  # type: ignore[attr-defined]  # matplotlib's axes
        FancyArrowPatch(
            (begin, one.row * GAP - TALL / 2),
            (end, other.row * GAP + TALL / 2),
            arrowstyle="-|>",
            mutation_scale=9,
            connectionstyle=f"arc3,rad={0.0 if far < 2 else 0.16 if begin < 6 else -0.16}",
            linewidth=0.6 + min(count, 160) ** 0.5 / 4,
            color=colour,
            alpha=0.75,
            zorder=1 if quiet else 2,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    draw(imports()).savefig(options.picture)


if __name__ == "__main__":
    main()
