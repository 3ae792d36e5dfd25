import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from math import log
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, DataError, MissingExtra
from forethought.tools.find.index import Index
from forethought.tools.find.passages import Document
from forethought.tools.find.segment import K1, B
from forethought.tools.find.words import words_of

pytest.importorskip("bm25s")


def _documents(count: int, seed: int = 0) -> list[Document]:
    rng = random.Random(seed)
    words = [f"word{n}" for n in range(60)]
    return [
        Document(f"{seed}-{n}", f"Title {n}", " ".join(rng.choices(words, k=rng.randint(3, 60))))
        for n in range(count)
    ]


def _names(index: Index, query: str, count: int = 10) -> list[str]:
    return [hit.passage.document for hit in index.find(query, count)]


def _plain_bm25(documents: list[Document], query: str) -> dict[str, float]:
    """The textbook's formula, one document after another."""
    counted = {d.name: Counter(words_of(f"{d.title}\n{d.text}")) for d in documents}
    mean = sum(c.total() for c in counted.values()) / len(counted)
    scores: dict[str, float] = {}
    for word in words_of(query):
        having = sum(word in c for c in counted.values())
        rarity = log(1 + (len(counted) - having + 0.5) / (having + 0.5))
        for name, c in counted.items():
            norm = K1 * (1 - B + B * c.total() / mean)
            if word in c:
                scores[name] = scores.get(name, 0) + rarity * c[word] / (c[word] + norm)
    return scores


QUERIES = ("word1", "word3 word17 word40", "word5 word5 word9", "title 7", "7 word59 nowhere")


@pytest.mark.parametrize("parts", [[90], [60, 20, 9, 1]])
def test_scores_are_bm25_whatever_the_segments(tmp_path: Path, parts: list[int]) -> None:
    documents = _documents(90)
    index = Index.create(tmp_path / "i")
    at = 0
    for size in parts:
        index.add(documents[at : at + size])
        at += size
    assert index.segments == len(parts)
    for query in QUERIES:
        wanted = _plain_bm25(documents, query)
        found = {hit.passage.document: hit.score for hit in index.find(query, 90)}
        assert found == pytest.approx(wanted, rel=1e-4)
        best = index.find(query, 5)
        assert [hit.score for hit in best] == pytest.approx(
            sorted(wanted.values(), reverse=True)[:5], rel=1e-4
        )


def test_small_segments_are_merged_into_the_new_one(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    for number, size in enumerate((64, 2, 3, 1, 1, 1)):
        index.add(_documents(size, seed=number))
    assert len(index) == 72
    assert index.segments == 2
    for number in range(10, 50):
        index.add(_documents(1, seed=number))
        assert index.segments <= 6


def test_merging_changes_no_result(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    index.add(_documents(80, seed=1))
    index.add(_documents(20, seed=2))
    before = [index.find(query, 100) for query in QUERIES]
    assert index.segments == 2
    index.merge()
    assert index.segments == 1
    for hits, query in zip(before, QUERIES, strict=True):
        after = {hit.passage: hit.score for hit in index.find(query, 100)}
        assert after == pytest.approx({hit.passage: hit.score for hit in hits}, rel=1e-4)
    index.merge()
    assert len(list((tmp_path / "i" / "segments").iterdir())) == 1


def test_an_index_is_as_it_was_when_opened_again(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i", longest=200)
    text = "Oil the chain.\n\n" + "Then ride. " * 23 + "\n\nBrakes squeal when they are wet."
    index.add(
        [
            Document("m.md", "Manual", text, ((0, "Chain"), (text.index("Brakes"), "Brakes"))),
        ]
    )
    again = Index(tmp_path / "i")
    (hit,) = again.find("brake squeals")
    assert hit == index.find("brake squeals")[0]
    assert (hit.passage.section, hit.passage.title) == ("Brakes", "Manual")
    assert text[hit.passage.offset :].startswith(hit.passage.text)
    assert again.documents == ["m.md"]
    assert len(again) == len(list(again.passages())) == 4
    again.add([Document("n", "N", "y" * 300)])
    assert max(len(each.text) for each in again.passages()) <= 200


def test_documents_are_replaced_and_removed(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    index.add([Document("a", "", "red bikes"), Document("b", "", "red cars")])
    index.add([Document("a", "", "green bikes")])
    assert _names(index, "red") == ["b"]
    assert _names(index, "green") == ["a"]
    index.remove(["b", "never there"])
    assert _names(index, "red") == []
    assert index.documents == ["a"]
    index.remove(["a"])
    assert (len(index), index.segments, index.find("green")) == (0, 0, [])
    index.add([Document("c", "", "blue")])
    assert _names(Index(tmp_path / "i"), "blue") == ["c"]


def test_equal_scores_come_in_order_of_place(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    index.add([Document(f"{n:02}", "", "same text") for n in range(30)])
    assert _names(index, "text", 4) == ["00", "01", "02", "03"]


@pytest.mark.parametrize("query", ["", "  ", "?!", "nowhere"])
def test_what_is_nowhere_finds_nothing(tmp_path: Path, query: str) -> None:
    index = Index.create(tmp_path / "i")
    assert index.find(query) == []
    index.add([Document("a", "", "text"), Document("b", "", "?!")])
    assert index.find(query) == []


def test_a_document_without_words_does_no_harm(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    index.add([Document("a", "", "?!"), Document("b", "", ""), Document("c", "", "\ud800 half")])
    assert index.documents == ["a", "c"]
    assert _names(index, "half") == ["c"]


def test_what_cannot_work_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(ConfigError, match="holds no index and is not empty"):
        Index.create(tmp_path / "full")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="holds no index and is not empty"):
        Index.create(tmp_path / "file")
    with pytest.raises(ConfigError, match="longest must be 100"):
        Index.create(tmp_path / "i", longest=5)
    with pytest.raises(DataError, match="there is no index in"):
        Index(tmp_path / "i")
    index = Index.create(tmp_path / "i")
    with pytest.raises(ConfigError, match="given twice: a"):
        index.add([Document("a", "", "x"), Document("a", "", "y")])
    with pytest.raises(ConfigError, match="count must be 1 or more, not 0"):
        index.find("x", 0)
    with pytest.raises(ConfigError, match="way is one of auto, words, meaning, both"):
        index.find("x", way="magic")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="way='both' needs an encoder"):
        index.find("x", way="both")


def test_a_missing_bm25s_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtra, match=r"forethought\[search\]"):
        Index.create(tmp_path / "i")


def test_damage_is_told_of(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    index.add(_documents(3))
    manifest = tmp_path / "i" / "index.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:-5])
    with pytest.raises(DataError, match="is damaged; build it again"):
        Index(tmp_path / "i")
    manifest.write_text(json.dumps(json.loads(whole) | {"version": 99}))
    with pytest.raises(DataError, match="is of version 99, not 1"):
        Index(tmp_path / "i")
    manifest.write_text(whole)
    (segment,) = (tmp_path / "i" / "segments").iterdir()
    (segment / "places.npy").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="is damaged; build it again"):
        Index(tmp_path / "i")
    (segment / "places.npy").unlink()
    with pytest.raises(DataError, match="is damaged; build it again"):
        Index(tmp_path / "i")


def test_a_writer_that_dies_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    index.add(_documents(5))
    code = (
        "import os, sys\n"
        "from forethought.tools.find import store\n"
        "from forethought.tools.find import Document, Index\n"
        "store.write_manifest = lambda *each: os._exit(9)\n"
        "Index(sys.argv[1]).add([Document('new', '', 'new')])\n"
    )
    child = subprocess.run([sys.executable, "-c", code, str(tmp_path / "i")], timeout=60)
    assert child.returncode == 9
    again = Index(tmp_path / "i")
    assert len(again.documents) == 5
    again.add([Document("new", "", "new")])
    assert len(list((tmp_path / "i" / "segments").iterdir())) == again.segments


def test_whoever_makes_an_index_does_not_empty_it(tmp_path: Path) -> None:
    made, names = threading.Barrier(4), "abcd"

    def make(name: str) -> None:
        made.wait()
        Index.create(tmp_path / "i").add([Document(name, "", "text")])

    threads = [threading.Thread(target=make, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Index(tmp_path / "i").documents == list(names)


def test_a_folder_that_was_begun_is_made(tmp_path: Path) -> None:
    (tmp_path / "i").mkdir()
    (tmp_path / "i" / "lock").touch()
    (tmp_path / "i" / "index.json.0f").write_text("{")
    assert Index.create(tmp_path / "i").documents == []


def test_readers_and_writers_do_not_meet(tmp_path: Path) -> None:
    Index.create(tmp_path / "i").add([Document("first", "", "common first")])
    over, wrong = threading.Event(), []

    def write(name: str) -> None:
        own = Index(tmp_path / "i")
        for number in range(6):
            own.add([Document(f"{name}{number}", "", f"common {name}{number}")])

    def read() -> None:
        while not over.is_set():
            hits = Index(tmp_path / "i").find("common", 50)
            if not hits or any("common" not in hit.passage.text for hit in hits):
                wrong.append(hits)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    reader.join()
    assert wrong == []
    assert len(Index(tmp_path / "i").documents) == 13


def _touch(path: Path, text: str, second: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (second, second))


def test_an_index_follows_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "manuals"
    _touch(folder / "a.md", "# Alpha\n\nred", 1)
    _touch(folder / "sub" / "b.txt", "green", 1)
    _touch(folder / "bad.txt", "\0\0", 1)
    index = Index.create(tmp_path / "i")
    told: list[tuple[str, int, int]] = []
    index.update(folder, tell=lambda *each: told.append(each))
    assert told[-1] == ("reading", 3, 3)
    assert index.titles() == {"a.md": "Alpha", "sub/b.txt": "b"}
    assert index.problems == {"bad.txt": "it is no text"}
    index.add([Document("note", "", "red note")])

    _touch(folder / "a.md", "# Alpha\n\nblue", 2)
    (folder / "sub" / "b.txt").unlink()
    _touch(folder / "bad.txt", "mended", 1)
    _touch(folder / "c.txt", "red", 2)
    index.update(folder)
    assert index.documents == ["a.md", "bad.txt", "c.txt", "note"]
    assert (_names(index, "blue"), _names(index, "green")) == (["a.md"], [])
    assert set(_names(index, "red")) == {"c.txt", "note"}
    assert index.problems == {}
    before = (tmp_path / "i" / "index.json").stat().st_mtime_ns
    index.update(folder)
    assert (tmp_path / "i" / "index.json").stat().st_mtime_ns == before
    index.update(folder, suffixes=[".md"])
    assert index.documents == ["a.md", "note"]
    with pytest.raises(ConfigError, match="there is no folder"):
        index.update(tmp_path / "gone")
    assert index.documents == ["a.md", "note"]


def test_a_long_update_that_is_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forethought.tools.find.index.BATCH", 5)
    for number in range(6):
        _touch(tmp_path / "m" / f"{number}.txt", f"text {number}", 1)
    index = Index.create(tmp_path / "i")

    def stop(stage: str, done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.update(tmp_path / "m", tell=stop)
    assert index.documents == Index(tmp_path / "i").documents == ["0.txt", "1.txt", "2.txt"]
    told: list[int] = []
    index.update(tmp_path / "m", tell=lambda stage, done, total: told.append(total))
    assert told == [3, 3, 3]
    assert len(index.documents) == 6
