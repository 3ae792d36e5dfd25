"""Options that several commands take, written once."""

from pathlib import Path
from typing import Annotated

import typer

Env = Annotated[str, typer.Argument(help="A world, see forethought envs.", metavar="ENV")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal results.")]
Out = Annotated[Path | None, typer.Option(help="Folder to write into.", metavar="DIR")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what --out holds.")]
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
Concurrency = Annotated[
    int, typer.Option(min=1, help="Episodes under way at a time; more help with a slow model.")
]
EngineName = Annotated[
    str, typer.Option("--engine", help="Where episodes are played: local or ray.", metavar="NAME")
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes of --engine ray; one for each processor by default."),
]
