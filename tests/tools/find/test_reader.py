from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.find import Document, Index, reader

pytest.importorskip("bm25s")

TEXT = "\n\n".join(f"Paragraph {n} {'is long. ' * 30}".strip() for n in range(20))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = Index.create(tmp_path / "i", longest=300)
    made.add([Document("a.md", "Alpha", TEXT), Document("b.md", "Beta", "\n\nShort.")])
    return made


async def test_a_document_is_read_to_its_end(index: Index) -> None:
    tool = reader(index, limit=2000)
    offset, parts = 0, []
    while True:
        told = await tool.call({"document": "a.md", "offset": offset})
        assert len(told) <= 2000
        head, _, body = told.partition("\n")
        parts.append(body)
        assert head.startswith(f"[Alpha (a.md), characters {offset if offset == 0 else ''}")
        if "read on" not in head:
            break
        offset = int(head.rsplit(" ", 1)[1].rstrip("]"))
    assert " ".join("\n".join(parts).split()) == " ".join(TEXT.split())
    assert head.endswith(f" of {len(TEXT)}]")


async def test_reading_begins_where_it_is_asked_to(index: Index) -> None:
    place = TEXT.index("Paragraph 7")
    told = await reader(index).call({"document": "a.md", "offset": place + 10})
    assert told.split("\n")[1].startswith("7 is long.")
    assert f"characters {place + 10} to " in told
    told = await reader(index).call({"document": "b.md"})
    assert told == "[Beta (b.md), characters 2 to 8 of 8]\nShort."


async def test_a_passage_longer_than_the_room_is_cut(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i", longest=10_000)
    index.add([Document("a", "A", "x" * 5000)])
    told = await reader(index, limit=2000).call({"document": "a"})
    assert told.startswith("[A (a), characters 0 to 1500 of 5000; read on with offset 1500]\nxxx")
    assert told.count("x") == 1500


async def test_wrong_names_and_places_are_told(index: Index) -> None:
    with pytest.raises(ToolError, match=r"no document 'a\.mb'; did you mean 'a\.md'\?"):
        await reader(index).call({"document": "a.mb"})
    with pytest.raises(ToolError, match=r"no document 'zzz'$"):
        await reader(index).call({"document": "zzz"})
    with pytest.raises(ToolError, match="offset must be 0 to 7, not 8"):
        await reader(index).call({"document": "b.md", "offset": 8})
    with pytest.raises(ToolError, match="offset must be 0 to 7, not -1"):
        await reader(index).call({"document": "b.md", "offset": -1})


def test_options(index: Index) -> None:
    assert reader(index, name="more", outside=True).outside
    assert reader(index).name == "read_document"
    with pytest.raises(ConfigError, match="limit must be 2000 or more"):
        reader(index, limit=100)
