"""The curve of result against model calls, for ways of planning at several budgets.

    python tests/benchmarks/result_against_calls.py ENV --model NAME --critic HEAD \
        --arms react,best-of-n:2,best-of-n:4,rank,refine:1,refine:2,adaptive:2,adaptive:4 --out DIR

Every arm plays the same validation episodes (same instances, seats, opponents and seeds) without a
budget; what differs is how many calls its planner makes. Arms with the same planner and critic are
one curve. Prints a table with the mean result and its 95 % bootstrap interval, success, calls and
tokens of an episode, share of supported estimates, the paired difference to the first arm, and
writes the same as `curve.json` with a picture, `curve.png`. Traces are kept in `DIR/traces`, so
that a run which was stopped goes on with `--resume`.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from forethought.agent.arms import Arm
from forethought.agent.models.names import load_model
from forethought.cli.choices import judges_for
from forethought.envs.bench import run_bench
from forethought.envs.registry import get_world
from forethought.envs.scores import ArmRow, BenchReport
from forethought.valuefn.critic import load_critic


def curve_of(arm: str) -> str:
    """The curve that an arm is a point of: its name without the planner's number."""
    name, plus, rest = arm.partition("@")[0].partition("+")
    return f"{name.partition(':')[0]}{plus}{rest}"


def line(arm: str, row: ArmRow, report: BenchReport, first: str) -> str:
    low, high = row.ci95 or (row.mean, row.mean)
    gap = report.paired.get(f"{arm} vs {first}")
    told = f"{gap.diff:+.3f} [{gap.ci95[0]:+.3f}, {gap.ci95[1]:+.3f}]" if gap else ""
    cells = (
        arm,
        f"{row.calls:.2f}",
        f"{row.tokens:.0f}",
        f"{row.mean:.3f} [{low:.3f}, {high:.3f}]",
        f"{row.success:.2f}",
        "" if row.supported is None else f"{row.supported:.2f}",
        "" if row.seconds is None else f"{row.seconds:.2f}",
        told,
    )
    return f"| {' | '.join(cells)} |\n"


def draw(report: BenchReport, file: Path) -> None:
    """Mean result over mean calls, one line for each curve, intervals as bars."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    curves: dict[str, list[tuple[str, ArmRow]]] = {}
    for arm, row in report.arms.items():
        curves.setdefault(curve_of(arm), []).append((arm, row))
    for number, (name, points) in enumerate(curves.items()):
        points.sort(key=lambda point: point[1].calls)
        rows = [row for _, row in points]
        ends = [row.ci95 or (row.mean, row.mean) for row in rows]
        axes.errorbar(
            [row.calls for row in rows],
            [row.mean for row in rows],
            yerr=(
                [max(0.0, row.mean - low) for row, (low, _) in zip(rows, ends, strict=True)],
                [max(0.0, high - row.mean) for row, (_, high) in zip(rows, ends, strict=True)],
            ),
            marker="osD^vP*X<>"[number % 10],
            capsize=3,
            label=name,
        )
        for arm, row in points:
            mark = arm.partition("@")[0].partition("+")[0].partition(":")[2]
            axes.annotate(mark, (row.calls, row.mean), (4, 4), textcoords="offset points", size=8)
    axes.set_xlabel("model calls in an episode")
    axes.set_ylabel("mean reward, 95 % interval")
    axes.set_title(f"{report.env}: {report.episodes} paired validation episodes")
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def play(given: argparse.Namespace, arms: Sequence[str]) -> BenchReport:
    parsed = [Arm.parse(arm) for arm in arms]
    names = {arm.model for arm in parsed if arm.model} | ({given.model} if given.model else set())
    loaded = {name: load_model(name) for name in sorted(names)}
    models = loaded | ({"": loaded[given.model]} if given.model else {})
    critics = {}
    if given.critic:
        critics["head"] = load_critic(given.critic)
        if (given.critic / "permuted").is_dir():
            critics["permuted"] = load_critic(given.critic / "permuted", name="permuted")
    judges = judges_for(parsed)
    begun = time.monotonic()

    def told(arm: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{time.monotonic() - begun:6.0f} s  {arm}: {done}/{total}   ")

    return asyncio.run(
        run_bench(
            get_world(given.env),
            arms,
            episodes=given.episodes,
            seed=given.seed,
            split="validation",
            critics=critics,
            models=models,
            match=judges.match if judges else None,
            same=judges.same if judges else None,
            out=given.out / "traces",
            resume=given.resume,
            opponents=given.opponents.split(",") if given.opponents else None,
            budget=None,
            progress=told,
        )
    )


def main(arguments: Sequence[str] | None = None) -> Mapping[str, object]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("env")
    parser.add_argument("--arms", required=True, help="with commas")
    parser.add_argument("--model", help="of arms that name none")
    parser.add_argument("--critic", type=Path, help="a head directory")
    parser.add_argument("--episodes", type=int, default=40, help="of each arm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--opponents", help="with commas; by default those of training")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--resume", action="store_true", help="go on with what --out holds")
    given = parser.parse_args(arguments)
    arms = [arm.strip() for arm in given.arms.split(",")]
    report = play(given, arms)
    sys.stdout.write(
        f"{report.env}, {report.episodes} validation episodes, seed {report.seed}, model "
        f"{given.model or 'as named'}\n\n| arm | calls | tokens | result [95 %] | success | "
        f"supported | seconds | minus {arms[0]} [95 %] |\n|{' --- |' * 8}\n"
    )
    for arm, row in report.arms.items():
        sys.stdout.write(line(arm, row, report, arms[0]))
    for warning in report.warnings:
        if "cannot be told apart" not in warning:  # the intervals of the table say so
            sys.stdout.write(f"\n{warning}\n")
    curve = {
        "env": report.env,
        "episodes": report.episodes,
        "seed": report.seed,
        "model": given.model,
        "arms": {arm: asdict(row) | {"curve": curve_of(arm)} for arm, row in report.arms.items()},
        "paired": {name: asdict(pair) for name, pair in report.paired.items()},
    }
    (given.out / "curve.json").write_text(json.dumps(curve, indent=2) + "\n", encoding="utf-8")
    draw(report, given.out / "curve.png")
    return curve


if __name__ == "__main__":
    main()
