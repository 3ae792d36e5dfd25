"""What can be typed about episodes on disk: `view`, `resume`, `fork`, `export`, `import`.

Wiring only, as in `app`, of which these commands are a part.
"""

from pathlib import Path
from typing import Annotated

import typer

from forethought.cli.options import Json, Out

records_app = typer.Typer(rich_markup_mode=None)

Source = Annotated[
    Path, typer.Argument(help="A traces file, or the folder of a run.", metavar="TRACES")
]
Which = Annotated[str | None, typer.Option(help="One episode of the file.", metavar="ID")]
ArmName = Annotated[
    str | None, typer.Option(help="Who goes on; by default the arm of the record.", metavar="A")
]
Critic = Annotated[
    Path | None,
    typer.Option(help="A head directory; without it the world's own.", metavar="HEAD"),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        help="Model of an arm that names none; by default the one of the record.", metavar="NAME"
    ),
]


@records_app.command()
def view(
    places: Annotated[
        list[Path],
        typer.Argument(help="Folders of runs and heads, or traces files.", metavar="DIR..."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The page; view.html in the first folder by default.", metavar="FILE"),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="Show the logged thoughts of this head behind each choice.", metavar="HEAD"
        ),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Follow a run that is still going, on this machine.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of --serve; 0 is any.")] = 0,
    opened: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Write one page that shows episodes, comparisons and heads, and needs nothing beside it."""
    from forethought.cli import viewing

    if serve:
        viewing.serve(places, port=port, opened=opened)
    else:
        viewing.view(places, out=out, head=head, opened=opened, as_json=as_json)


@records_app.command()
def resume(
    traces: Source,
    episode: Which = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write into; by default the same file.", metavar="DIR"),
    ] = None,
    arm: ArmName = None,
    critic: Critic = None,
    model: ModelName = None,
    as_json: Json = False,
) -> None:
    """Go on with episodes that stopped before their end, where they stopped."""
    from forethought.cli.records import Typed
    from forethought.cli.records import resume as run

    typed = Typed(arm, model, critic)
    run(traces, episode=episode, out=out, typed=typed, as_json=as_json)


@records_app.command()
def fork(
    traces: Source,
    step: Annotated[int, typer.Option(min=0, help="Which decision, counted from 0.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.", metavar="DIR")],
    episode: Which = None,
    thought: Annotated[str, typer.Option(help="What the agent thinks instead.")] = "",
    action: Annotated[str | None, typer.Option(help="What the agent does instead.")] = None,
    arm: ArmName = None,
    critic: Critic = None,
    model: ModelName = None,
    as_json: Json = False,
) -> None:
    """Change one decision of an episode, play on, and show both ends side by side."""
    from forethought.cli.records import Typed
    from forethought.cli.records import fork as run

    run(
        traces,
        episode=episode,
        step=step,
        thought=thought,
        action=action,
        out=out,
        typed=Typed(arm, model, critic),
        as_json=as_json,
    )


@records_app.command()
def export(
    traces: Source,
    out: Annotated[
        Path,
        typer.Option(help="The file; for several episodes NAME.jsonl.", metavar="FILE"),
    ],
    to: Annotated[str, typer.Option("--to", help="The format: atif.")] = "atif",
    episode: Which = None,
    as_json: Json = False,
) -> None:
    """Write episodes in another format."""
    from forethought.cli.exchange import export_traces as run

    run(traces, out=out, form=to, episode=episode, as_json=as_json)


@records_app.command("import")
def import_(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="JSON lines, CSV, Parquet, a folder with a data set, hf:NAME, or ATIF.",
            metavar="FILE...",
        ),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option("--map", help="What the columns mean, TOML or JSON.", metavar="MAP"),
    ] = None,
    out: Out = None,
    form: Annotated[
        str | None, typer.Option("--from", help="A format that needs no map: atif.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show three examples and the counts; write nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on the first row that cannot be taken.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where refused rows go, with reasons.", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make traces of episodes in data of your own, or in another format."""
    from forethought.cli.importing import import_data as run

    run(
        sources,
        mapping=mapping,
        out=out,
        form=form,
        dry_run=dry_run,
        strict=strict,
        rejects=rejects,
        as_json=as_json,
    )
