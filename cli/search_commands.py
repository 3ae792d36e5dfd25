"""What can be typed about documents: `index`, `find`.

Wiring only, as in `app`, of which these commands are a part.
"""

from pathlib import Path
from typing import Annotated

import typer

from forethought.cli.options import Json

search_app = typer.Typer(rich_markup_mode=None)

Suffixes = Annotated[
    list[str] | None,
    typer.Option("--suffix", help="Only files that end so, as in .md; may be given again."),
]
Meaning = Annotated[bool, typer.Option("--meaning", help="By meaning too, with all-MiniLM-L6-v2.")]


@search_app.command()
def index(
    folder: Annotated[Path, typer.Argument(help="Markdown, text, HTML and PDF.", metavar="FOLDER")],
    out: Annotated[Path, typer.Option(help="Folder to write into.", metavar="DIR")],
    suffixes: Suffixes = None,
    meaning: Meaning = False,
    as_json: Json = False,
) -> None:
    """Make documents searchable, or bring their index up to date; goes on where it was stopped."""
    from forethought.cli.searching import index as run

    run(folder, out, suffixes=suffixes, meaning=meaning, as_json=as_json)


@search_app.command()
def find(
    where: Annotated[
        Path, typer.Argument(help="What forethought index made, or documents.", metavar="DIR")
    ],
    query: Annotated[list[str], typer.Argument(help="Words or a question.", metavar="QUERY...")],
    count: Annotated[int, typer.Option(min=1, help="Passages shown.")] = 5,
    meaning: Meaning = False,
    as_json: Json = False,
) -> None:
    """Search documents and show the best passages, each with where it stands."""
    from forethought.cli.searching import find as run

    run(where, " ".join(query), count=count, meaning=meaning, as_json=as_json)
