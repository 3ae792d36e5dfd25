import json
import sys
from pathlib import Path

import pytest
from pdf_pages import pdf
from topic_encoder import Topics

import forethought.tools
from forethought.agent.agent import Agent
from forethought.agent.errors import ConfigError, DataError, MissingExtra, ToolError
from forethought.agent.models import ScriptedModel
from forethought.tools import search
from forethought.tools.find import Document, Index, SearchTool
from forethought.tools.find.tool import kept_at

pytest.importorskip("bm25s")


@pytest.fixture
def manuals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "bike.md").write_text(
        "# Bike manual\n\n## Chain\n\nOil the chain each month.\n\n"
        f"{'Ride with care. ' * 20}\n\n## Brakes\n\nSqueal means wet pads.\n"
    )
    (folder / "lamp.html").write_text("<title>Lamp</title><p>Change the battery.</p>")
    return folder


async def _asked(tool: SearchTool, query: str, **more: object) -> str:
    return await tool.call({"query": query, **more})


async def test_a_folder_is_searched(manuals: Path) -> None:
    tool = search(f"{manuals}/")
    assert (tool.name, tool.outside) == ("search", False)
    assert tool.description.endswith("They are: 'Bike manual', 'Lamp'.")
    text = (manuals / "bike.md").read_text()
    assert await _asked(tool, "why do brakes squeal?", count=1) == (
        f"[1] Bike manual: Brakes (bike.md, character {text.index('## Brakes')})\n"
        "    ## Brakes\n\n    Squeal means wet pads."
    )
    assert (await _asked(tool, "batteries")).startswith("[1] Lamp: lamp.html, character 0\n")


async def test_nothing_found_says_what_to_try(manuals: Path) -> None:
    tool = search(manuals)
    assert await _asked(tool, "zzz qqq") == (
        "Nothing was found for 'zzz qqq': no passage has any of these words. Try other words."
    )
    assert (await _asked(tool, "batery")).endswith("For 'batery' there is 'battery'.")
    assert (await _asked(tool, "?!")).startswith("Nothing was found for '?!'")
    some = await _asked(tool, "oil the gearbox")
    assert some.startswith("No passage has: gearbox.\n[1] Bike manual: Chain")
    empty = SearchTool(Index.create(manuals.parent / "empty"))
    assert empty.description.endswith("There are none so far.")
    assert (await _asked(empty, "oil")).endswith("There are no documents.")


async def test_wrong_arguments_are_told_to_the_model(manuals: Path) -> None:
    tool = search(manuals)
    for query, count, message in (
        (" \n", 1, "the query is empty"),
        ("x" * 1001, 1, "more than 1000 characters"),
        ("oil", 0, "count must be 1 to 20, not 0"),
        ("oil", 21, "count must be 1 to 20, not 21"),
    ):
        with pytest.raises(ToolError, match=message):
            await _asked(tool, query, count=count)
    with pytest.raises(ToolError, match="query"):
        await tool.call({})


def test_the_index_is_kept_and_follows_the_folder(
    manuals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = search(manuals).index
    assert first.folder == kept_at(manuals)
    assert first.folder.is_relative_to(manuals.parent / "cache" / "search")
    (manuals / "new.txt").write_text("A pump for tyres.")
    read: list[str] = []

    def reading(path: Path) -> bytes:
        read.append(path.name)
        with path.open("rb") as file:
            return file.read()

    monkeypatch.setattr(Path, "read_bytes", reading)
    assert search(manuals).index.documents == ["bike.md", "lamp.html", "new.txt"]
    assert read == ["new.txt"]
    assert search(manuals, suffixes=[".html"]).index.documents == ["lamp.html"]
    assert search(manuals).index.documents == ["bike.md", "lamp.html", "new.txt"]


async def test_an_index_made_before_is_searched(manuals: Path) -> None:
    index = Index.create(manuals.parent / "index")
    index.add([Document("note-1", "Note", "Buy oil.")])
    for where in (index, index.folder, str(index.folder)):
        assert "[1] Note: note-1" in await _asked(search(where), "oil")
    index.add([Document("note-2", "Second", "Oil again.")])
    tool = search(index, name="notes", count=1, about="They are shopping lists.", outside=True)
    assert (tool.name, tool.outside) == ("notes", True)
    assert tool.description.endswith("each with where it stands. They are shopping lists.")
    assert (await _asked(tool, "again")).count("[") == 1
    index.add([Document("note-3", "Third", "A saddle.")])
    assert "Third" in await _asked(tool, "saddle")


async def test_meaning_is_used_once_it_is_there(manuals: Path) -> None:
    tool = search(manuals, encoder=Topics())
    assert tool.index.embed(Topics()).wait()
    told = await _asked(tool, "bicycle", count=1)
    assert told.startswith("No passage has any of these words; these are the nearest in meaning.")
    assert "[1] Bike manual" in told


def test_what_cannot_be_searched_is_refused(manuals: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        search(tmp_path / "no")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConfigError, match=r"nothing to search in .*bare': no file that can be"):
        search(tmp_path / "bare")
    (tmp_path / "bare" / "scan.pdf").write_bytes(pdf(""))
    with pytest.raises(ConfigError, match=r"bare': scan\.pdf: it is locked, or its pages are"):
        search(tmp_path / "bare")
    with pytest.raises(ConfigError, match="count must be 1 to 20, not 50"):
        search(manuals, count=50)
    with pytest.raises(ConfigError, match="suffixes are for a folder of documents"):
        search(Index.create(tmp_path / "i"), suffixes=[".md"])
    with pytest.raises(ConfigError, match="must be a Python identifier"):
        search(manuals, name="my search")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "index.json").write_text("{}")
    with pytest.raises(DataError, match="is damaged; build it again"):
        search(tmp_path / "old")


def test_a_missing_package_is_named(manuals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (manuals / "part.pdf").write_bytes(pdf("Spokes"))
    assert "part.pdf" in search(manuals).index.documents
    monkeypatch.setitem(sys.modules, "pypdf", None)
    (manuals / "part.pdf").write_bytes(pdf("More spokes"))
    with pytest.raises(MissingExtra, match=r"part\.pdf .*forethought\[pdf\]"):
        search(manuals)
    assert search(manuals, suffixes=[".md"]).index.documents == ["bike.md"]


def test_an_agent_searches_and_answers(manuals: Path) -> None:
    call = {"name": "search", "arguments": {"query": "oil chain"}}
    model = ScriptedModel(
        [
            json.dumps({"thought": "I look it up.", "action": call}),
            json.dumps({"thought": "It says so.", "action": {"answer": "Each month."}}),
        ]
    )
    result = Agent(model, tools=[search(manuals)]).run_sync("How often is the chain oiled?")
    assert result.output == "Each month."
    assert "Bike manual: Chain (bike.md, character" in result.trace.steps[1].observation


def test_the_function_is_where_the_other_tools_are() -> None:
    assert forethought.tools.search is search
    assert {"python", "search"} <= set(dir(forethought.tools))
