"""What can be typed about heads: `reword`, `train value`, `eval value`, `eval attempts`, `improve`.

Wiring only, as in `app`, of which these commands are a part.
"""

from pathlib import Path
from typing import Annotated

import typer

from forethought.cli.options import Changes, Env, Json, Out, Resume, Row, Seed

learning_app = typer.Typer(rich_markup_mode=None)
train_app = typer.Typer(help="Train something.", rich_markup_mode=None)
eval_app = typer.Typer(help="Measure something on traces.", rich_markup_mode=None)
learning_app.add_typer(train_app, name="train")
learning_app.add_typer(eval_app, name="eval")


@learning_app.command()
def improve(
    env: Env,
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of playing with the head.")] = 2,
    episodes: Annotated[
        int, typer.Option(min=40, help="Collected at first; later rounds play half as many.")
    ] = 4000,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write into; runs/improve-ENV-SEED by default.", metavar="DIR"),
    ] = None,
    config: Row = "iql",
    changes: Changes = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Play with the head, train again, and keep the best on validation episodes."""
    from forethought.cli.learning import improve as run

    run(
        env,
        rounds=rounds,
        episodes=episodes,
        seed=seed,
        out=out,
        row=config,
        changes=changes or [],
        resume=resume,
        as_json=as_json,
    )


@learning_app.command()
def reword(
    traces: Annotated[
        list[str], typer.Argument(help="Traces files, run folders, or casino.", metavar="TRACES...")
    ],
    model: Annotated[str, typer.Option(help="Model whose words are wanted.", metavar="NAME")],
    out: Annotated[Path, typer.Option(help="Folder for traces.jsonl and wordings.json.")],
    wordings: Annotated[int, typer.Option(min=1, help="Wordings asked for each sentence.")] = 6,
    thoughts: Annotated[
        int, typer.Option(min=0, help="Reword the most frequent thoughts as well, this many.")
    ] = 0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Say logged outcomes and thoughts in a model's own words too, for heads trained on them."""
    from forethought.cli.learning import reword_traces as run

    run(
        traces,
        model=model,
        out=out,
        count_each=wordings,
        thoughts=thoughts,
        seed=seed,
        as_json=as_json,
    )


@train_app.command("value")
def train_value(
    traces: Annotated[
        list[str], typer.Argument(help="Traces files, run folders, or casino.", metavar="TRACES...")
    ],
    out: Annotated[Path, typer.Option(help="Where the head goes.", metavar="HEAD")],
    config: Annotated[
        str | None,
        typer.Option(help="Row of head settings to begin with; iql by default.", metavar="ROW"),
    ] = None,
    changes: Changes = None,
    encoder: Annotated[
        str | None, typer.Option(help="hashed, minilm, or joined by +.", metavar="E")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="iql, gcivl, monte-carlo, regression or contrastive.", metavar="O"),
    ] = None,
    seed: Seed = 0,
    control: Annotated[
        bool,
        typer.Option("--control", help="Also train HEAD/permuted, on permuted outcomes."),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="A head to go on from, with its sizes.", metavar="HEAD"),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to train: cpu or cuda.")] = "cpu",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training that HEAD.checkpoint holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a value head on traces, calibrate it, and say what held-out episodes show."""
    from forethought.cli.learning import train_value as run

    run(
        traces,
        out=out,
        row=config,
        changes=changes or [],
        encoder=encoder,
        objective=objective,
        seed=seed,
        control=control,
        start=start,
        device=device,
        resume=resume,
        as_json=as_json,
    )


@eval_app.command("value")
def eval_value(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A head, maybe a second one, then traces: a file, a run folder, or casino.",
            metavar="HEAD [HEAD2] TRACES",
        ),
    ],
    folds: Annotated[
        int, typer.Option(min=0, help="Train anew on this many folds, beside a text baseline.")
    ] = 0,
    goal: Annotated[
        str | None, typer.Option(help="Outcome sentence to judge; by default the world's success.")
    ] = None,
    out: Out = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure a head on traces: ranking, calibration, by share of the episode seen."""
    from forethought.cli.judging import eval_value as run

    run(what, folds=folds, goal=goal, out=out, seed=seed, as_json=as_json)


@eval_app.command("attempts")
def eval_attempts(
    traces: Annotated[
        list[str],
        typer.Argument(
            help="Traces with graded attempts: files or run folders.", metavar="TRACES..."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Measure sampling and deciding apart: p_s, p_d|C and p_d|W of two-stage policies, by arm."""
    from forethought.cli.deciding import eval_attempts as run

    run(traces, as_json=as_json)
