import pytest

from forethought.tools.find.words import FUNCTION_WORDS, asked, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The DT-78 bike, 3.5 kg!", ["the", "dt", "78", "bike", "3", "5", "kg"]),
        ("max_tokens isn't", ["max", "token", "isn", "t"]),
        ("", []),
        ("?! --- …", []),
        ("Café au lait", ["cafe", "au", "lait"]),
        ("Cafe\u0301 STRASSE Straße", ["cafe", "strasse", "strasse"]),
        ("o\ufb03ce", ["office"]),
        ("\uff21\uff22 \uff11", ["ab", "1"]),
        ("Москва́", ["москва"]),
    ],
)
def test_words_have_no_case_no_accents_no_signs(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("plural", "one"),
    [("chains", "chain"), ("batteries", "battery"), ("brakes", "brake"), ("houses", "house")],
)
def test_plurals_count_as_singulars(plural: str, one: str) -> None:
    assert words_of(plural) == words_of(one)


@pytest.mark.parametrize("word", ["bus", "gas", "class", "this", "his", "was", "lens2"])
def test_other_words_in_s_keep_it(word: str) -> None:
    assert words_of(word) == [word]


def test_unspaced_scripts_are_read_by_pairs() -> None:
    assert words_of("自転車 is 車") == ["自転", "転車", "is", "車"]
    assert words_of("abc自転車9") == ["abc", "自転", "転車", "9"]
    assert set(words_of("转车")) == {"转车"}
    assert words_of("한국어") == ["한국", "국어"]


def test_a_query_goes_without_function_words_where_it_has_others() -> None:
    assert asked("How do I turn on the brakes?") == ["turn", "brake"]
    assert asked("what is it to be") == ["what", "is", "it", "to", "be"]
    assert asked("  ") == []


def test_function_words_are_as_words_of_gives_them() -> None:
    assert all(words_of(word) == [word] for word in FUNCTION_WORDS)
