import os
import sys
from io import BytesIO
from pathlib import Path

import pytest
from pdf_pages import pdf

from forethought.agent.errors import ConfigError, MissingExtra
from forethought.tools.find.files import LARGEST, Found, Unreadable, files_in, read_file
from forethought.tools.find.passages import Document


def _read(folder: Path, name: str, body: bytes | str) -> Document:
    path = folder / name
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    (found,) = [each for each in files_in(folder) if each.name == name]
    return read_file(found)


def test_markdown_has_title_sections_and_its_own_text(tmp_path: Path) -> None:
    text = (
        "Intro.\n\n# Bike manual #\n\n## Brakes\n\nOil.\n\n### Pads\n\nNew.\n\n## Chain\n\nWax.\n"
    )
    read = _read(tmp_path, "bike.md", text)
    assert (read.name, read.title, read.text) == ("bike.md", "Bike manual", text)
    assert [name for _, name in read.sections] == ["", "Brakes", "Brakes > Pads", "Chain"]
    assert all(text[start:].startswith("#") for start, _ in read.sections)


def test_comments_in_code_are_no_headings(tmp_path: Path) -> None:
    read = _read(tmp_path, "a.md", "```sh\n# not me\n~~~\n```\n\n# Me\n\n    # nor me\n#nor\n")
    assert read.title == "Me"
    assert len(read.sections) == 1


def test_a_file_without_a_heading_is_called_by_its_name(tmp_path: Path) -> None:
    assert _read(tmp_path, "chain_and-wheel.md", "## Deep\n\nText").title == "chain and wheel"
    assert _read(tmp_path, "notes.txt", "# no heading here").title == "notes"
    assert _read(tmp_path, "notes.txt", "# no heading here").sections == ()


def test_html_is_read_as_pages_of_the_web_are(tmp_path: Path) -> None:
    page = "<title>Gravel &amp; dirt</title><nav>Menu</nav><main><h2>Tyres</h2><p>Wide.</main>"
    read = _read(tmp_path, "page.HTML", page)
    assert (read.title, read.text) == ("Gravel & dirt", "## Tyres\n\nWide.")
    assert read.sections == ((0, "Tyres"),)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("café".encode(), "café"),
        ("café!".encode("cp1252"), "café!"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        (b"\xff\xfe" + "café".encode("utf-16-le"), "café"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
    ],
)
def test_encodings_and_line_ends(tmp_path: Path, body: bytes, text: str) -> None:
    assert _read(tmp_path, "a.txt", body).text == text


def test_a_pdf_has_its_pages_as_sections(tmp_path: Path) -> None:
    read = _read(tmp_path, "m.pdf", pdf("Oil the chain", "", "Wax it", title="Chain care"))
    assert read.title == "Chain care"
    assert [name for _, name in read.sections] == ["page 1", "page 3"]
    assert read.text[read.sections[1][0] :] == "Wax it"
    assert _read(tmp_path, "un_titled.pdf", pdf("x")).title == "un titled"


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("a.txt", b"PK\0\0\1", "it is no text"),
        ("a.md", b" \n\t", "it holds no text"),
        ("a.html", b"<script>x</script>", "it holds no text"),
        ("a.pdf", b"%PDF-1.4 nonsense", "it is no PDF that can be read"),
        ("a.pdf", b"", "it is no PDF that can be read"),
        ("a.pdf", pdf(""), "there is no text"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        _read(tmp_path, name, body)


def test_a_locked_pdf_says_so(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=BytesIO(pdf("secret")))
    writer.encrypt("key", algorithm="RC4-128")
    with (tmp_path / "a.pdf").open("wb") as file:
        writer.write(file)
    with pytest.raises(Unreadable, match="locked"):
        _read(tmp_path, "a.pdf", (tmp_path / "a.pdf").read_bytes())


def test_a_missing_pypdf_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(MissingExtra, match=r"reading a\.pdf .*forethought\[pdf\]"):
        _read(tmp_path, "a.pdf", pdf("x"))


def test_files_that_are_too_large_or_gone_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="50,000,000 bytes"):
        read_file(Found("a.txt", tmp_path / "a.txt", LARGEST + 1, 0))
    with pytest.raises(Unreadable, match="No such file"):
        read_file(Found("a.txt", tmp_path / "a.txt", 1, 0))


def test_the_walk_is_sorted_and_stays_in_the_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    root = tmp_path / "root"
    for folder in (secret, root / "b", root / ".git", root / "a b"):
        folder.mkdir(parents=True)
        (folder / "x.md").write_text("x")
    for name in ("z.TXT", ".hidden.md", "picture.png", "README"):
        (root / name).write_text("x")
    (root / "link.md").symlink_to(secret / "x.md")
    (root / "linked").symlink_to(secret)
    (root / "inside.md").symlink_to(root / "b" / "x.md")
    (root / "gone.md").symlink_to(root / "nowhere.md")
    os.mkfifo(root / "pipe.txt")
    assert [each.name for each in files_in(root)] == ["a b/x.md", "b/x.md", "inside.md", "z.TXT"]
    for suffixes in ([".txt"], [".TXT"], ".txt"):
        assert [each.name for each in files_in(root, suffixes)] == ["z.TXT"]


def test_folders_and_endings_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        list(files_in(tmp_path / "no"))
    with pytest.raises(ConfigError, match=r"\.docx, md cannot be read; these can: \.md, "):
        list(files_in(tmp_path, [".docx", "md"]))
