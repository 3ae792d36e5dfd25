import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from topic_encoder import Topics

from forethought.agent.errors import ConfigError
from forethought.tools.find.fusion import fused
from forethought.tools.find.index import Index
from forethought.tools.find.meaning import BATCH
from forethought.tools.find.passages import Document
from forethought.tools.find.ranking import Ranked
from forethought.tools.find.segment import DIGEST
from forethought.tools.find.vectors import Vectors

pytest.importorskip("bm25s")

DOCUMENTS = [
    Document("ride", "", "A bicycle with a flat tyre"),
    Document("pets", "", "Feed the kitten and the dog"),
    Document("food", "", "Soup from the kitchen"),
    Document("none", "", "Tax forms"),
]


def _index(folder: Path, documents: Sequence[Document] = DOCUMENTS) -> Index:
    index = Index.create(folder / "i")
    index.add(documents)
    return index


def _many(count: int) -> list[Document]:
    return [Document(f"{n:04}", "", f"bike number {n}") for n in range(count)]


def _names(index: Index, query: str, way: str, count: int = 10) -> list[str]:
    hits = index.find(query, count, way=way)  # type: ignore[arg-type]
    return [hit.passage.document for hit in hits]


def test_meaning_finds_what_words_do_not(tmp_path: Path) -> None:
    index = _index(tmp_path)
    assert index.find("cycle repair") == []
    assert index.embed(Topics()).wait()
    (first, *_) = index.find("cycle repair")
    assert (first.passage.document, first.shared) == ("ride", False)
    assert _names(index, "cat", "meaning", 1) == ["pets"]
    assert _names(index, "cat", "words") == []
    assert index.find("  ") == []


def test_both_puts_first_what_both_find(tmp_path: Path) -> None:
    index = _index(tmp_path, [*DOCUMENTS, Document("more", "", "An oven is a kitchen thing")])
    index.embed(Topics()).wait()
    best = index.find("kitchen oven soup", 3)
    assert {hit.passage.document for hit in best[:2]} == {"food", "more"}
    assert all(hit.shared for hit in best[:2])
    assert [hit.score for hit in best] == sorted((hit.score for hit in best), reverse=True)


def test_until_all_vectors_are_made_words_alone_are_used(tmp_path: Path) -> None:
    index = _index(tmp_path)
    hold = threading.Event()
    making = index.embed(Topics(hold=hold))
    assert making.running
    assert making.progress == (0, 4)
    assert not making.wait(0.01)
    assert repr(making) == "Embedding(0 of 4 passages)"
    assert index.find("cycle repair") == []
    assert _names(index, "soup", "auto") == ["food"]
    with pytest.raises(ConfigError, match="way='meaning' needs all vectors; 0 of 4 are made"):
        index.find("soup", way="meaning")
    hold.set()
    assert making.wait()
    assert not making.running
    assert _names(index, "cycle repair", "auto", 1) == ["ride"]


def test_ctrl_c_while_waiting_breaks_nothing(tmp_path: Path) -> None:
    hold = threading.Event()
    making = _index(tmp_path).embed(Topics(hold=hold))
    press = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    press.start()
    with pytest.raises(KeyboardInterrupt):
        making.wait()
    press.join()
    assert making.running
    hold.set()
    making.stop()
    assert not making.running


def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    index = _index(tmp_path, _many(3 * BATCH))
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if done:
            making.stop()

    hold = threading.Event()
    first = Topics(hold=hold)
    making = index.embed(first, tell=tell)
    hold.set()
    making.wait()
    assert told == [(0, 3 * BATCH), (BATCH, 3 * BATCH)]
    assert len(first.seen) == BATCH
    again, second = Index(tmp_path / "i"), Topics()
    assert again.embed(second).wait()
    assert len(second.seen) == 2 * BATCH
    assert not set(first.seen) & set(second.seen)
    third = Topics()
    assert Index(tmp_path / "i").embed(third).wait()
    assert third.seen == []


def test_new_documents_get_their_vectors_too(tmp_path: Path) -> None:
    index, encoder = _index(tmp_path), Topics()
    index.embed(encoder).wait()
    index.add([Document("late", "", "An oven and an oven")])
    assert index.embed(encoder).wait()
    assert _names(index, "oven cook", "meaning", 2) == ["food", "late"]
    index.remove(["food"])
    assert index.embed(encoder).wait()
    assert _names(index, "soup", "meaning", 1) == ["late"]
    index.merge()
    assert len(encoder.seen) == 4 + 1 + 2  # passages once each, and two queries


def test_changes_start_the_making_by_themselves(tmp_path: Path) -> None:
    index, encoder = _index(tmp_path), Topics()
    index.embed(encoder).wait()
    index.add([Document("late", "", "A dog")])
    for _ in range(200):
        if "A dog" in encoder.seen:
            break
        threading.Event().wait(0.01)
    assert "A dog" in encoder.seen


def test_equal_passages_are_encoded_once(tmp_path: Path) -> None:
    encoder = Topics()
    index = _index(tmp_path, [Document("a", "", "cat"), Document("b", "", "cat")])
    assert index.embed(encoder).wait()
    assert encoder.seen == ["cat"]
    assert _names(index, "kitten", "meaning") == ["a", "b"]


def test_vectors_of_other_encoders_are_not_mixed(tmp_path: Path) -> None:
    index = _index(tmp_path)
    index.embed(Topics("one")).wait()
    other = Topics("two")
    index.embed(other).wait()
    assert len(other.seen) == 4


def test_an_empty_index_has_all_its_vectors(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i")
    assert index.embed(Topics()).wait()
    assert index.find("cat") == []
    assert index.find("cat", way="meaning") == []


class Broken(Topics):
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise RuntimeError("out of memory")


def test_an_encoder_that_fails_is_told_of_and_words_go_on(tmp_path: Path) -> None:
    index = _index(tmp_path)
    making = index.embed(Broken())
    with pytest.raises(RuntimeError, match="out of memory"):
        making.wait()
    assert _names(index, "soup", "auto") == ["food"]


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="an encoder has name, dim, fingerprint and encode"):
        _index(tmp_path).embed("minilm")  # type: ignore[arg-type]


def test_a_process_that_ends_waits_for_one_batch_only(tmp_path: Path) -> None:
    _index(tmp_path, _many(10 * BATCH))
    code = (
        "import sys, time\n"
        "import numpy as np\n"
        "from forethought.tools.find import Index\n"
        "class Slow:\n"
        "    name, dim, fingerprint = 'slow', 2, 'slow'\n"
        "    def encode(self, texts):\n"
        "        time.sleep(0.3)\n"
        "        return np.ones((len(texts), 2), dtype=np.float32)\n"
        "making = Index(sys.argv[1]).embed(Slow())\n"
        "while not making.progress[0]:\n"
        "    time.sleep(0.01)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "i")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (child.returncode, child.stderr) == (0, "")

    (kept,) = (tmp_path / "i" / "vectors").glob("slow-*/keys")
    assert BATCH <= kept.stat().st_size // DIGEST < 10 * BATCH


def test_a_tail_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    vectors = Vectors(tmp_path / "v", 2)
    vectors.append([b"a" * 16, b"b" * 16], np.array([[3, 4], [0, 0]], dtype=np.float32))
    with (tmp_path / "v" / "vectors").open("ab") as file:
        file.write(b"half")
    with (tmp_path / "v" / "keys").open("ab") as file:
        file.write(b"c" * 16)
    again = Vectors(tmp_path / "v", 2)
    again.refresh()
    assert again.rows([b"b" * 16, b"c" * 16, b"a" * 16]).tolist() == [1, -1, 0]
    again.append([b"c" * 16], np.array([[1, 0]], dtype=np.float32))
    vectors.refresh()
    for each in (vectors, again):
        assert each.matrix.tolist() == [pytest.approx([0.6, 0.8]), [0, 0], [1, 0]]
        assert b"c" * 16 in each


def _ranked(*places: int) -> Ranked:
    return Ranked(np.array(places, dtype=np.intp), np.ones(len(places)))


def test_fusion_is_by_ranks() -> None:
    both = fused(_ranked(7, 3), _ranked(3, 9), 10, k=1, share=0.5)
    assert both.places.tolist() == [3, 7, 9]
    assert both.scores.tolist() == pytest.approx([0.5 / 3 + 0.5 / 2, 0.5 / 2, 0.5 / 3])
    assert fused(_ranked(7, 3), _ranked(3, 9), 1, share=0.0).places.tolist() == [3]
    assert fused(_ranked(7, 3), _ranked(3, 9), 1, share=1.0).places.tolist() == [7]
    assert fused(_ranked(), _ranked(5), 3).places.tolist() == [5]
    assert fused(_ranked(), _ranked(), 3).places.tolist() == []
