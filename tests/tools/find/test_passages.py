import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.errors import ConfigError
from forethought.tools.find.passages import Document, Hit, Passage, split


def _texts(text: str, longest: int = 100, *sections: tuple[int, str]) -> list[str]:
    return [each.text for each in split(Document("d", "D", text, sections), longest)]


def test_a_short_text_is_one_passage_without_the_space_around_it() -> None:
    (only,) = split(Document("a.txt", "A", "\n\n  One.\n\nTwo.\n"))
    assert only == Passage("a.txt", "A", "", "One.\n\nTwo.", 4)


@pytest.mark.parametrize("text", ["", "  \n\n\t\n"])
def test_no_text_is_no_passage(text: str) -> None:
    assert _texts(text) == []
    assert _texts(text, 100, (0, "S")) == []


def test_paragraphs_are_packed_and_stay_whole() -> None:
    text = "\n\n".join(letter * 40 for letter in "abcde")
    assert _texts(text) == [text[:82], text[84:166], text[168:]]


def test_a_long_paragraph_is_cut_after_sentences_lines_and_words() -> None:
    sentences = "It is long. " * 20
    assert all(each.endswith(".") for each in _texts(sentences))
    words = "word " * 60
    assert all(each.split() == ["word"] * len(each.split()) for each in _texts(words))
    assert _texts("x" * 250) == ["x" * 100, "x" * 100, "x" * 50]


def test_a_section_begins_a_passage_once_a_quarter_is_full() -> None:
    text = f"# A\n{'a' * 30}\n# B\nshort\n# C\n{'c' * 30}"
    starts = [(text.index(name), name[2:]) for name in ("# A", "# B", "# C")]
    found = list(split(Document("d", "D", text, tuple(starts)), 100))
    assert [(each.section, each.text) for each in found] == [
        ("A", text[: text.index("\n# B")]),
        ("C", text[text.index("# B") :]),  # what most of it is
    ]


def test_text_before_the_first_heading_has_no_section() -> None:
    text = f"{'p' * 60}\n\n# A\n\n{'a' * 60}"
    found = split(Document("d", "D", text, ((62, "A"),)), 100)
    assert [each.section for each in found] == ["", "A"]


def test_what_is_indexed_holds_title_and_section() -> None:
    assert Passage("d", "Title", "Part", "Text", 0).indexed == "Title\nPart\nText"
    assert Passage("d", "", "", "Text", 0).indexed == "Text"


def test_a_citation_says_where() -> None:
    assert Hit(Passage("a.md", "A", "", "t", 7), 1.0).citation == "a.md, character 7"
    assert Hit(Passage("a.md", "A", "B", "t", 7), 1.0).citation == "B (a.md, character 7)"


def test_a_passage_of_no_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="100 characters or more, not 20"):
        list(split(Document("d", "D", "x"), 20))


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab. \n\t#é", max_size=600),
    st.lists(st.integers(0, 600), max_size=4, unique=True),
)
def test_passages_are_the_text_in_order_and_nothing_is_lost(text: str, starts: list[int]) -> None:
    sections = tuple((start, f"s{start}") for start in sorted(starts) if start < len(text))
    found = list(split(Document("d", "D", text, sections), 100))
    at = 0
    for each in found:
        assert text[each.offset : each.offset + len(each.text)] == each.text
        assert text[at : each.offset].strip() == ""
        assert each.text == each.text.strip()
        assert 0 < len(each.text) <= 100
        at = each.offset + len(each.text)
    assert text[at:].strip() == ""
