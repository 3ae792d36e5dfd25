"""What can be typed about heads: `reword`, `train value`, `eval ...`, `drift`, `improve`.

Wiring only, as in `app`, of which these commands are a part.
"""

from pathlib import Path
from typing import Annotated

import typer

from forethought.cli.options import Changes, Env, Json, Out, Resume, Seed

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
    config: Annotated[
        str | None,
        typer.Option(
            help="Row of head settings to begin with; the world's own by default.", metavar="ROW"
        ),
    ] = None,
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
        list[str],
        typer.Argument(help="Traces files, run folders, casino, persuasion.", metavar="TRACES..."),
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


@learning_app.command()
def shards(
    traces: Annotated[
        list[str],
        typer.Argument(help="Traces files, run folders, casino, persuasion.", metavar="TRACES..."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the shards.", metavar="DIR")],
    rows: Annotated[int, typer.Option(min=1, help="Transitions in a shard.")] = 32768,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Write traces as Parquet shards, for train value on more than fits in memory."""
    from forethought.cli.sharding import write_shards as run

    run(traces, out=out, rows=rows, resume=resume, as_json=as_json)


@train_app.command("value")
def train_value(
    traces: Annotated[
        list[str],
        typer.Argument(
            help="Traces files, run folders, casino, or one folder of shards.", metavar="TRACES..."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the head goes.", metavar="HEAD")],
    config: Annotated[
        str | None,
        typer.Option(help="Row of head settings to begin with; iql by default.", metavar="ROW"),
    ] = None,
    changes: Changes = None,
    encoder: Annotated[
        str | None, typer.Option(help="hashed, minilm, lines, notes, or joined by +.", metavar="E")
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
    threads: Annotated[
        int, typer.Option(min=1, help="Threads that train; more only where cores are idle.")
    ] = 1,
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile", help="Compile the loss first; pays in long trainings. Needs g++."
        ),
    ] = False,
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
        threads=threads,
        compiled=compiled,
        resume=resume,
        as_json=as_json,
    )


@learning_app.command()
def explain(
    head: Annotated[str, typer.Argument(help="A head's folder.", metavar="HEAD")],
    traces: Annotated[
        str, typer.Argument(help="A traces file, a run folder, or casino.", metavar="TRACES")
    ],
    episode: Annotated[
        str | None, typer.Option(help="Which episode; the first by default.", metavar="ID")
    ] = None,
    step: Annotated[int, typer.Option(min=0, help="Which decision, from 0.")] = 0,
    nearest: Annotated[int, typer.Option(min=1, help="Logged thoughts shown for each.")] = 3,
    as_json: Json = False,
) -> None:
    """Say why a head prefers a thought: the goals that decide, and the logged thoughts behind."""
    from forethought.cli.explaining import explain as run

    run(head, traces, episode=episode, step=step, nearest=nearest, as_json=as_json)


@eval_app.command("value")
def eval_value(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A head, maybe a second one, then traces: a file, a run folder, or a data set.",
            metavar="HEAD [HEAD2] TRACES",
        ),
    ],
    folds: Annotated[
        int, typer.Option(min=0, help="Train anew on this many folds, beside a text baseline.")
    ] = 0,
    goal: Annotated[
        str | None,
        typer.Option(
            help="Outcome sentence to judge; by default the data set's own, else the one most "
            "evenly divided."
        ),
    ] = None,
    out: Out = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure a head on traces: ranking, calibration, by share of the episode seen."""
    from forethought.cli.judging import eval_value as run

    run(what, folds=folds, goal=goal, out=out, seed=seed, as_json=as_json)


@learning_app.command()
def drift(
    head: Annotated[Path, typer.Argument(help="A head directory.", metavar="HEAD")],
    traces: Annotated[
        list[str],
        typer.Argument(help="New traces files, run folders, or casino.", metavar="TRACES..."),
    ],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Say what moved between a head's training traces and new ones, and whether to train again."""
    from forethought.cli.drifting import drift as run

    run(head, traces, seed=seed, as_json=as_json)


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


@learning_app.command()
def audit(
    head: Annotated[Path, typer.Argument(help="The head's directory.", metavar="HEAD")],
    env: Env,
    traces: Annotated[
        list[str] | None,
        typer.Option(
            help="Traces to train its controls on; by default those beside it, or fresh ones.",
            metavar="TRACES",
        ),
    ] = None,
    episodes: Annotated[int, typer.Option(min=2, help="Test episodes for each arm.")] = 400,
    margin: Annotated[
        float, typer.Option(help="Smaller differences of AUC or reward count as none.")
    ] = 0.02,
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Say whether a head uses the state, the thought, the prefix and the goals."""
    from forethought.cli.auditing import audit as run

    run(
        head,
        env,
        traces=traces,
        episodes=episodes,
        margin=margin,
        seed=seed,
        out=out,
        resume=resume,
        as_json=as_json,
    )


@train_app.command("base")
def train_base(
    name: Annotated[
        str | None, typer.Argument(help="Which; without it, what there is.", metavar="NAME")
    ] = None,
    seed: Seed = 0,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of pre-training, in place of the base's own.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Size of the model, as in 0.1M.", metavar="SIZE")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of all bases; in the cache by default.", metavar="DIR"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Pre-train a small model from scratch on a toy task, once, and say what it can do."""
    from forethought.cli.bases import train_base as run

    run(name, seed=seed, steps=steps, size=size, out=out, as_json=as_json)


@learning_app.command()
def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="What; without it, what there is.", metavar="NAME")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A real model, in place of one that answers by lot.", metavar="NAME"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny: shows the form only.")] = False,
    episodes: Annotated[
        int | None, typer.Option(min=4, help="Test episodes of each arm and seed.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many times heads are trained and played.")
    ] = None,
    seed: Seed = 0,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes of one thread each, where runs are apart.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write into; runs/reproduce-NAME-SEED by default."),
    ] = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Draw a paper's table again, and print the paper's figures beside it."""
    from forethought.cli.reproducing.command import reproduce as run

    run(
        name,
        model=model,
        quick=quick,
        episodes=episodes,
        seeds=seeds,
        seed=seed,
        workers=workers,
        out=out,
        resume=resume,
        as_json=as_json,
    )
