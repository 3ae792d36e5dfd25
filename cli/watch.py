"""The inside of a decision on a terminal, as it happens: thought, futures, critique, action.

Turns events into text and draws each estimate as a bar with its interval. Decides nothing.
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from forethought.agent.types import Episode, Estimate, Event, Goal

_BAR = 24
"""Characters of a bar."""
_STYLES = {
    "observation": "",
    "state": "dim",
    "thought": "bold",
    "critique": "",
    "refined": "bold cyan",
    "kept": "cyan",
    "action": "bold green",
    "fallback": "yellow",
    "end": "bold",
}
_LABEL = 11
_KEPT_GOALS = 6
"""Goals drawn at most: where a world has many, those worth most."""


class Watcher:
    """Prints the events of decisions.

    Args:
        console: Where.
        episodes: Those that will be played, in order; each gets a heading.
    """

    def __init__(self, console: Console, episodes: Iterable[Episode]) -> None:
        self._console = console
        self._ahead = iter(episodes)
        self._decision = 0
        self._between = True
        encoding = (console.encoding or "ascii").lower()
        self._marks = tuple("█▓░·" if encoding.startswith("utf") else "#=-.")

    def __call__(self, event: Event) -> None:
        """Print one event."""
        if self._between:
            self._head(next(self._ahead))
        self._between = event.kind == "end"
        if event.kind == "observation":
            self._decision += 1
            self._console.print(Text(f"\ndecision {self._decision}", style="underline"))
        if event.text and event.kind != "goals":
            self._line(event.kind, event.text)
        if event.estimates:
            self._console.print(self._bars(event.goals, event.estimates))

    def _head(self, episode: Episode) -> None:
        self._decision = 0
        against = f" against {episode.opponent}" if episode.opponent else ""
        by = f", {episode.model}" if episode.model else ""
        title = f"{episode.env}, instance {episode.instance}{against}: {episode.arm}{by}"
        self._console.print(Rule(Text(title)))

    def _line(self, kind: str, text: str) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=_LABEL, justify="right")
        grid.add_column()
        style = _STYLES.get(kind, "")
        grid.add_row(Text(kind, style="dim"), Text(text.strip() or "(nothing)", style=style))
        self._console.print(grid)

    def _bars(self, goals: Sequence[Goal], estimates: Sequence[Estimate]) -> Table:
        pairs = list(zip(goals, estimates, strict=True))
        worth = sorted(pairs, key=lambda pair: -pair[0].weight)[:_KEPT_GOALS]
        shown = [pair for pair in pairs if pair in worth] if len(pairs) > len(worth) else pairs
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=_LABEL, justify="right")
        for _ in range(4):
            grid.add_column(no_wrap=True)
        for goal, estimate in shown[:_KEPT_GOALS]:
            grid.add_row(*self._row(goal, estimate))
        if len(pairs) > _KEPT_GOALS:
            grid.add_row("", Text(f"and {len(pairs) - _KEPT_GOALS} more", style="dim"))
        return grid

    def _row(self, goal: Goal, estimate: Estimate) -> list[Text]:
        colour = "green" if goal.kind == "hoped" else "red"
        said = colour if estimate.supported else "dim"
        figures = f"{estimate.chance:4.0%} [{estimate.low:.0%}, {estimate.high:.0%}]"
        return [
            Text(goal.kind, style=colour),
            Text(self.bar(estimate), style=said),
            Text(figures, style="" if estimate.supported else "dim"),
            Text("" if estimate.supported else "unsupported", style="yellow"),
            Text(goal.text, style="" if estimate.supported else "dim"),
        ]

    def bar(self, estimate: Estimate) -> str:
        """Full up to the interval, lighter within it on both sides of the chance, then empty."""
        low, mid, high = (round(x * _BAR) for x in (estimate.low, estimate.chance, estimate.high))
        mid = min(max(mid, low), high)
        full, upper, lower, empty = self._marks
        parts = (full * low, upper * (mid - low), lower * (high - mid), empty * (_BAR - high))
        return "".join(parts)
