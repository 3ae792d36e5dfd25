"""`view`: what lies in the folders of a run, as one page to look at."""

import webbrowser
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from forethought.agent.errors import ConfigError
from forethought.agent.types import Trace
from forethought.cli.console import Screen, Tell
from forethought.cli.viewer.gather import Found, gather
from forethought.cli.viewer.live import Live
from forethought.cli.viewer.packing import More, Packed, nothing, pack
from forethought.cli.viewer.page import page
from forethought.cli.viewer.tail import Tail
from forethought.cli.viewer.why import explained

FILE = "view.html"
_KINDS = (
    ("benches", "comparison"),
    ("heads", "head"),
    ("evaluations", "evaluation"),
    ("policies", "training"),
)


def view(
    places: Sequence[Path], *, out: Path | None, head: str | None, opened: bool, as_json: bool
) -> None:
    """Write the page of runs and say where it is."""
    screen = Screen(as_json=as_json)
    found = gather(places)
    more = _explaining(head) if head else nothing
    with screen.progress() as tell:
        episodes = pack(_told(found, tell), more)
    text = page(episodes, title=_title(places), more=found.more())
    path = out or _folder(places[0]) / FILE
    _write(path, text)
    counted = [
        (len(episodes.rows), "episode"),
        *((len(found.more()[kind]), word) for kind, word in _KINDS),
    ]
    told = ", ".join(_plural(number, word) for number, word in counted if number)
    screen.say(f"{path}: {told}, {len(text) / 1e6:.1f} MB")
    if opened:
        webbrowser.open(path.resolve().as_uri())
    screen.result({"page": path, "episodes": len(episodes.rows), "bytes": len(text.encode())})


def serve(places: Sequence[Path], *, port: int, opened: bool) -> None:
    """Show a run while it goes on, until interrupted."""
    screen = Screen()
    found = gather(places)
    live = Live(Tail(found.traces), partial(_draw, _title(places), found), port=port)
    screen.say(f"{live.url} follows {', '.join(map(str, places))}; Ctrl-C ends it")
    if opened:
        webbrowser.open(live.url)
    try:
        live.run()
    except KeyboardInterrupt:
        screen.say("ended")


def _draw(title: str, found: Found, episodes: Packed, change: int) -> str:
    return page(episodes, title=title, more=found.more(), live=change)


def _explaining(head: str) -> More:
    from forethought.valuefn.critic import load_critic

    return partial(explained, load_critic(head))


def _told(found: Found, tell: Tell) -> Iterator[Trace]:
    """The episodes, told of as they are read."""
    total = found.count()
    for number, trace in enumerate(found.episodes(), start=1):
        yield trace
        tell("episodes", number, total)


def _title(places: Sequence[Path]) -> str:
    return " beside ".join(str(place) for place in places)


def _folder(place: Path) -> Path:
    return place if place.is_dir() else place.parent


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
