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
from forethought.agent.openmp import short_spin
from forethought.cli.learning_commands import eval_app, learning_app, train_app
from forethought.cli.mcp_commands import mcp_app
from forethought.cli.options import (
    Concurrency,
    Critic,
    EngineName,
    Env,
    Json,
    ModelName,
    Out,
    Resume,
    Seed,
    Workers,
)
from forethought.cli.policy_commands import policy_app, policy_eval_app, policy_train_app
from forethought.cli.record_commands import records_app
from forethought.cli.search_commands import search_app

STOPPED = 130
"""Exit code after Ctrl-C, as shells expect it."""
OWN_FOLDER = ("improve", "reproduce")
"""Those that write into a folder of their own where none is named."""
RESUMABLE = ("play", "bench", "improve", "audit", "reproduce", "shards", "train policy")
CONTINUING = ("resume", "index")
"""Those that go on where they were when they are typed again."""

app = typer.Typer(
    name="forethought",
    help="Language-model agents that think ahead.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train_app.add_typer(policy_train_app)
eval_app.add_typer(policy_eval_app)
app.add_typer(learning_app)
app.add_typer(policy_app)
app.add_typer(records_app)
app.add_typer(search_app)
app.add_typer(mcp_app, name="mcp")


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
    concurrency: Concurrency = 1,
    engine: EngineName = "local",
    workers: Workers = None,
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
        concurrency=concurrency,
        engine=engine,
        workers=workers,
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
    episodes: Annotated[
        int, typer.Option(min=2, help="Test episodes for each arm and seed.")
    ] = 200,
    seed: Seed = 0,
    seeds: Annotated[
        str | None,
        typer.Option(help="Several seeds, reported one by one and pooled.", metavar="1,2,..."),
    ] = None,
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
    concurrency: Concurrency = 1,
    engine: EngineName = "local",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Compare arms on the same test episodes, with paired 95 % intervals."""
    from forethought.cli.playing import bench as run

    run(
        env,
        arms=arms,
        episodes=episodes,
        seeds=seeds if seeds is not None else str(seed),
        critic=critic,
        model=model,
        opponents=opponents,
        out=out,
        resume=resume,
        concurrency=concurrency,
        engine=engine,
        workers=workers,
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


_USAGE: type[typer.BadParameter] = typer.BadParameter.__mro__[2]
"""What all errors of usage are, whichever copy of click typer has."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    logging.getLogger("forethought").addHandler(logging.NullHandler())
    with short_spin():
        code = _run(arguments)
    sys.exit(code)


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
    if words and words[0] in CONTINUING:
        typer.echo(f"stopped; to go on: forethought {shlex.join(words)}", err=True)
    elif {*words[:1], " ".join(words[:2])} & {*RESUMABLE} and (kept or words[0] in OWN_FOLDER):
        typer.echo(f"stopped; to go on: forethought {shlex.join([*words, '--resume'])}", err=True)
    else:
        typer.echo("stopped; nothing half-done was kept", err=True)
    return STOPPED


if __name__ == "__main__":
    main()
