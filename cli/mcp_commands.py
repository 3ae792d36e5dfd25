"""What can be typed about the Model Context Protocol: `mcp serve`, `mcp tools`.

Wiring only, as in `app`, of which these commands are a part.
"""

from typing import Annotated

import typer

from forethought.cli.options import Json

mcp_app = typer.Typer(
    help="Serve tools to other programs, or look at another server's.", rich_markup_mode=None
)


@mcp_app.command("serve")
def serve(
    head: Annotated[
        str | None,
        typer.Option(help="A head's folder, served as estimate and explain.", metavar="HEAD"),
    ] = None,
    tools: Annotated[
        list[str] | None,
        typer.Option(help="A tool, or a list of them; may be given again.", metavar="MODULE:NAME"),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Streamable HTTP instead of standard streams.")
    ] = False,
    host: Annotated[str, typer.Option(help="Where to listen, with --http.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 for any that is free.")
    ] = 0,
) -> None:
    """Serve a critic and tools over MCP. FORETHOUGHT_MCP_TOKEN is what HTTP clients must send."""
    from forethought.cli.serving import serve as run

    run(head, tools or [], http=http, host=host, port=port)


@mcp_app.command("tools")
def tools(
    server: Annotated[
        list[str],
        typer.Argument(help="An http address, or a command after --.", metavar="SERVER..."),
    ],
    as_json: Json = False,
) -> None:
    """List the tools of an MCP server, as a model would be told of them."""
    from forethought.cli.serving import list_tools as run

    run(server, as_json=as_json)
