"""`index` and `find`: documents are made searchable, and searched."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from forethought.agent.errors import ConfigError
from forethought.cli.console import Screen, count
from forethought.tools.find import Index, Sentences, search
from forethought.tools.find.files import files_in

_SHOWN = 8
"""Lines of a passage that are shown."""


def index(
    folder: Path, out: Path, *, suffixes: Sequence[str] | None, meaning: bool, as_json: bool
) -> None:
    """Make an index of a folder, or bring it up to date."""
    if not any(True for _ in files_in(folder, suffixes)):
        raise ConfigError(f"there is nothing to search in {str(folder)!r}: no file can be read")
    screen = Screen(as_json=as_json)
    made = Index.create(out)
    with screen.progress() as tell:
        made.update(folder, suffixes=suffixes, tell=tell)
    for name, problem in made.problems.items():
        screen.warn(f"{name} was left out: {problem}")
    if meaning:
        _embed(made, screen)
    what = f"{count(len(made.documents), 'document')}, {count(len(made), 'passage')}"
    screen.say(f"{what} in {out}" + (", by words and by meaning" if meaning else ""))
    screen.result(
        {
            "index": str(out),
            "documents": len(made.documents),
            "passages": len(made),
            "problems": made.problems,
            "meaning": meaning,
        }
    )


def find(where: Path, query: str, *, count: int, meaning: bool, as_json: bool) -> None:
    """Show the passages that fit a query best."""
    screen = Screen(as_json=as_json)
    opened = search(where).index
    if meaning:
        _embed(opened, screen)
    hits = opened.find(query, count)
    for number, hit in enumerate(hits, start=1):
        lines = hit.passage.text.splitlines()
        shown = lines[:_SHOWN] + (["..."] if len(lines) > _SHOWN else [])
        screen.say(Text.assemble(f"[{number}] ", (hit.passage.title, "bold"), f": {hit.citation}"))
        screen.say("\n".join(f"    {line}" for line in shown))
    if not hits:
        screen.say(f"nothing was found for {query!r} in {where}")
    screen.result(
        {
            "query": query,
            "hits": [
                {
                    "document": hit.passage.document,
                    "title": hit.passage.title,
                    "section": hit.passage.section,
                    "offset": hit.passage.offset,
                    "score": hit.score,
                    "text": hit.passage.text,
                }
                for hit in hits
            ],
        }
    )


def _embed(opened: Index, screen: Screen) -> None:
    """Make the vectors that are missing, and wait for them."""
    with screen.progress() as tell:
        making = opened.embed(Sentences(), tell=lambda done, total: tell("vectors", done, total))
        try:
            making.wait()
        except KeyboardInterrupt:
            making.stop()
            raise
