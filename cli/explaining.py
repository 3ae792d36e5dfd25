"""`explain`: why a head prefers one candidate to another at a decision of a trace."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Evidence, Step, Trace
from forethought.cli.console import Screen
from forethought.cli.learning import load_traces

if TYPE_CHECKING:
    from forethought.valuefn.explain import Explanation


def explain(
    head: str, source: str, *, episode: str | None, step: int, nearest: int, as_json: bool
) -> None:
    """Ask a head about the candidates weighed at one step of one episode."""
    screen = Screen(as_json=as_json)
    trace = _find(load_traces([source], screen), episode)
    if not 0 <= step < len(trace.steps):
        raise ConfigError(
            f"episode {trace.episode.id} has steps 0 to {len(trace.steps) - 1}, not {step}"
        )
    at = trace.steps[step]
    goals = trace.episode.goals or at.decision.goals
    from forethought.valuefn.critic import load_critic
    from forethought.valuefn.explain import explain_choice

    chosen = at.decision.candidate
    weighed = [each.candidate for each in at.decision.considered] or [chosen]
    found = explain_choice(load_critic(head), at.state, weighed, goals, nearest=nearest)
    _show(screen, trace, at, found)
    taken = chosen.thought == found.best.thought and chosen.prefix == found.best.prefix
    screen.result({"episode": trace.episode.id, "step": step, "taken": taken, **asdict(found)})


def _find(traces: Sequence[Trace], episode: str | None) -> Trace:
    usable = {trace.episode.id: trace for trace in traces if trace.steps}
    if not usable:
        raise ConfigError("there is no decision in these traces")
    if episode is None:
        return next(iter(usable.values()))
    if episode not in usable:
        raise UnknownName("episode", episode, list(usable)[:5])
    return usable[episode]


def _show(screen: Screen, trace: Trace, at: Step, found: "Explanation") -> None:
    screen.say(f"{trace.episode.id}, step {at.index}: {at.state}")
    screen.say(f"best: {found.best.thought or '(no thought)'}  score {found.score:.3f}")
    if found.runner_up is not None:
        second = found.runner_up.thought or "(no thought)"
        screen.say(f"runner-up: {second}  behind by {found.lead:.3f}")
    table = Table(title=Text("what each goal adds"), title_justify="left")
    for number, column in enumerate(("goal", "chance", "90 % interval", "to score", "to lead")):
        table.add_column(column, justify="right" if number else "left")
    for each in found.contributions:
        told = each.estimate
        table.add_row(
            Text(each.goal.text),
            f"{told.chance:.2f}" + ("" if told.supported else " (unsupported)"),
            f"{told.low:.2f} to {told.high:.2f}",
            f"{each.part:+.3f}",
            f"{each.lead:+.3f}",
        )
    screen.say(table)
    deciding = found.contributions[0].goal.text
    _evidence(screen, f"nearest logged thoughts to the best ({deciding})", found.evidence)
    if found.contrast:
        _evidence(screen, f"nearest logged thoughts to the runner-up ({deciding})", found.contrast)


def _evidence(screen: Screen, title: str, evidence: Sequence[Evidence]) -> None:
    table = Table(title=Text(title), title_justify="left")
    for column in ("episode", "thought", "distance", "came true"):
        table.add_column(column)
    for each in evidence:
        said = "yes" if each.reached else "no"
        table.add_row(Text(each.episode), Text(each.thought), f"{each.distance:.2f}", said)
    screen.say(table)
