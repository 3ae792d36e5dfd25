"""`eval attempts`: sampling and deciding, measured apart on traces with graded attempts."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from forethought.agent.attempts import DecisionRates, Rate, decision_rates
from forethought.agent.trace import read_traces
from forethought.agent.types import Trace
from forethought.cli.console import Screen, count, with_interval

ROWS = (
    ("p_s, first attempt is right", "sampling_first"),
    ("p_s, later attempt is right", "sampling_later"),
    ("p_d|C, right one is kept", "stop_right"),
    ("p_d|W, wrong one is thrown away", "retry_wrong"),
    ("wrong one thrown away, then right", "improved"),
    ("right one thrown away, then wrong", "harmed"),
    ("wrong at first, right in the end", "gained"),
    ("right at first, wrong in the end", "lost"),
    ("answer in the end is right", "accuracy"),
)


def eval_attempts(sources: Sequence[str], *, as_json: bool) -> None:
    """The rates of every arm in the traces."""
    screen = Screen(as_json=as_json)
    by_arm: dict[str, list[Trace]] = {}
    for source in sources:
        file = read_traces(source)
        if file.warning:
            screen.warn(file.warning)
        for trace in file.traces:
            if any(step.decision.attempts for step in trace.steps):
                by_arm.setdefault(trace.episode.arm, []).append(trace)
    found = {arm: decision_rates(traces) for arm, traces in (by_arm or {"": []}).items()}
    for arm, rates in found.items():
        screen.say(rates_table(rates, arm))
        screen.say(
            f"closed form from the first three kinds of rates: {_figure(rates.predicted)} without "
            f"a limit of turns, {_figure(rates.predicted_within)} within "
            f"{count(rates.turns, 'turn')}"
        )
    screen.result({"arms": {arm: asdict(rates) for arm, rates in found.items()}})


def rates_table(rates: DecisionRates, arm: str) -> Table:
    """The rates of one arm with their counts."""
    title = (
        f"{arm + ': ' if arm else ''}{count(rates.questions, 'question')}, "
        f"{count(rates.attempts, 'attempt')}, {rates.forced} forced"
    )
    table = Table(title=Text(title), title_justify="left")
    for index, column in enumerate(("rate", "share [95 %]", "of")):
        table.add_column(Text(column), justify="right" if index else "left")
    for label, name in ROWS:
        rate: Rate = getattr(rates, name)
        table.add_row(Text(label), _cell(rate), f"{rate.hits}/{rate.n}")
    return table


def _cell(rate: Rate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "-"
    return with_interval(rate.value, (rate.low, rate.high))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
