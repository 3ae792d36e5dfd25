"""The `forethought` command: what can be typed, and how its end is told.

Wiring only. Each command imports what it needs when it is called, so that `--help` comes at once
and a missing extra hurts no other command. Exit 0 done; 2 the user must change something; 1 the run
failed; 130 stopped by Ctrl-C. Whatever goes wrong is one line on standard error.
"""

import errno
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from forethought.agent.errors import ForethoughtError
from forethought.cli.record_commands import records_app

STOPPED = 130
"""Exit code after Ctrl-C, as shells expect it."""
RESUMABLE = ("play", "bench", "improve")

app = typer.Typer(
    name="forethought",
    help="Language-model agents that think ahead.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train_app = typer.Typer(help="Train something.", rich_markup_mode=None)
eval_app = typer.Typer(help="Measure something on traces.", rich_markup_mode=None)
app.add_typer(train_app, name="train")
app.add_typer(eval_app, name="eval")
app.add_typer(records_app)

Env = Annotated[str, typer.Argument(help="A world, see forethought envs.", metavar="ENV")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal results.")]
Out = Annotated[Path | None, typer.Option(help="Folder to write into.", metavar="DIR")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what --out holds.")]
Row = Annotated[str, typer.Option(help="Row of head settings to begin with.", metavar="ROW")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="One head setting, as in members=3.", metavar="KEY=VALUE"),
]
Critic = Annotated[
    Path | None,
    typer.Option(
        help="A head directory; without it the world's own is trained, once.", metavar="HEAD"
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        help="Model of arms that name none: builtin, gguf:FILE, openai:NAME[@http://host/v1], "
        "anthropic:NAME.",
        metavar="NAME",
    ),
]


def _show_version(asked: bool) -> None:
    if asked:
        try:
            typer.echo(f"forethought {version('forethought')}")
        except PackageNotFoundError:
            typer.echo("forethought, not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Language-model agents that think ahead: thoughts, imagined futures, a trained value head."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def envs(as_json: Json = False) -> None:
    """List what can be played, and the data sets that come with the package."""
    from forethought.cli.playing import envs as run

    run(as_json=as_json)


@app.command()
def play(
    env: Env,
    arm: Annotated[
        str, typer.Option(help="planner[:N][+critic][@model], as in rank or refine@builtin.")
    ] = "unguided",
    critic: Critic = None,
    model: ModelName = None,
    episodes: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    seed: Seed = 0,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    opponent: Annotated[
        str | None, typer.Option(help="One opponent; by default those of training in turn.")
    ] = None,
    out: Out = None,
    resume: Resume = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show each decision as it happens.")] = (
        False
    ),
    as_json: Json = False,
) -> None:
    """Play episodes with one arm; --out keeps their traces."""
    from forethought.cli.playing import play as run

    run(
        env,
        arm=arm,
        critic=critic,
        model=model,
        episodes=episodes,
        seed=seed,
        split=split,
        opponent=opponent,
        out=out,
        resume=resume,
        watch=watch,
        as_json=as_json,
    )


@app.command()
def bench(
    env: Env,
    arms: Annotated[
        str,
        typer.Option(
            help="Ways of deciding, with commas: planner[:N][+critic][@model].", metavar="A,B,..."
        ),
    ],
    episodes: Annotated[int, typer.Option(min=2, help="Test episodes for each arm.")] = 200,
    seed: Seed = 0,
    critic: Critic = None,
    model: ModelName = None,
    opponents: Annotated[
        str | None,
        typer.Option(
            help="Who is met, with commas; by default those of training, and apart the others.",
            metavar="A,B,...",
        ),
    ] = None,
    out: Out = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Compare arms on the same test episodes, with paired 95 % intervals."""
    from forethought.cli.playing import bench as run

    run(
        env,
        arms=arms,
        episodes=episodes,
        seed=seed,
        critic=critic,
        model=model,
        opponents=opponents,
        out=out,
        resume=resume,
        as_json=as_json,
    )


@app.command()
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


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write into.", metavar="DIR")] = Path(
        "forethought-demo"
    ),
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny settings: shows the form only.")] = (
        False
    ),
    as_json: Json = False,
) -> None:
    """Show the whole idea in a few minutes: train on people, train on games, play, talk."""
    from forethought.cli.demo import demo as run

    run(out, seed=seed, quick=quick, as_json=as_json)


@app.command()
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
    config: Row = "iql",
    changes: Changes = None,
    encoder: Annotated[
        str | None, typer.Option(help="hashed, minilm, or joined by +.", metavar="E")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="iql or monte-carlo.")] = None,
    seed: Seed = 0,
    control: Annotated[
        bool,
        typer.Option("--control", help="Also train HEAD/permuted, on permuted outcomes."),
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


_USAGE: type[typer.BadParameter] = typer.BadParameter.__mro__[2]
"""What all errors of usage are, whichever copy of click typer has."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    logging.getLogger("forethought").addHandler(logging.NullHandler())
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str]) -> int:
    """The exit code, after the one line that explains it."""
    try:
        done = app(args=list(arguments), prog_name="forethought", standalone_mode=False)
    except ForethoughtError as error:
        return _fail(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return _stopped(arguments)
    except OSError as error:
        return _system(error)
    except _USAGE as error:
        return _fail(error.format_message(), 2)
    if done == STOPPED:  # what newer versions of typer make of Ctrl-C
        return _stopped(arguments)
    return done if isinstance(done, int) else 0


def _fail(message: str, code: int) -> int:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return code


def _system(error: OSError) -> int:
    """What the operating system refused; a reader that went away is no error."""
    if error.errno == errno.EPIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    where = f"{error.filename}: " if error.filename else ""
    return _fail(f"{where}{error.strerror or error}", 1)


def _stopped(arguments: Sequence[str]) -> int:
    """How to go on after Ctrl-C."""
    words = [each for each in arguments if each != "--resume"]
    kept = any(each == "--out" or each.startswith("--out=") for each in words)
    if words and words[0] == "resume":
        typer.echo(f"stopped; to go on: forethought {shlex.join(words)}", err=True)
    elif words and words[0] in RESUMABLE and (kept or words[0] == "improve"):
        typer.echo(f"stopped; to go on: forethought {shlex.join([*words, '--resume'])}", err=True)
    else:
        typer.echo("stopped; nothing half-done was kept", err=True)
    return STOPPED


if __name__ == "__main__":
    main()
