"""The questions and passages of three data sets: read, checked, merged and split by question.

Knows the files of HotpotQA (arXiv 1809.09600), MuSiQue (2108.00573) and 2WikiMultihopQA
(2011.01060) in the forms their authors release, as far as they lie in the folder. The passages of
all files together are the collection that is searched, in every split. `FORETHOUGHT_DATA` names the
folder that holds `multihop_qa/`; the data are not part of this package. Knows nothing of searching.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from forethought.agent.errors import DataError
from forethought.envs.options import data_folder

FOLDER = "multihop_qa"
Source = Literal["hotpotqa", "musique", "2wiki"]
MORE = "2wiki_corpus_6119.json"
"""Passages without questions."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph with the title of its page; a page may have several."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what only the grader may know."""

    source: Source
    text: str
    answers: tuple[str, ...]
    """The answer, then other ways to write it."""
    gold: frozenset[int]
    """Places of the passages that are needed, two or more."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the files of a folder hold."""

    passages: tuple[Passage, ...]
    questions: Mapping[str, tuple[Question, ...]]
    """By the file they come from."""


class _Titled(BaseModel):
    title: str
    text: str


class _Paragraph(BaseModel):
    title: str
    paragraph_text: str
    is_supporting: bool


class _Musique(BaseModel):
    question: str
    answer: str
    answer_aliases: list[str] = []
    paragraphs: list[_Paragraph]


class _Hotpot(BaseModel):
    """A question of HotpotQA or 2WikiMultihopQA."""

    question: str
    answer: str
    supporting_facts: list[tuple[str, int]]
    context: list[tuple[str, list[str]]] = []


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question of any of the three, in one form."""

    text: str
    answers: tuple[str, ...]
    passages: tuple[tuple[Passage, bool], ...]
    """With whether each is needed."""


def _from_musique(row: _Musique) -> _Asked:
    read = [(_passage(p.title, p.paragraph_text), p.is_supporting) for p in row.paragraphs]
    return _Asked(row.question, (row.answer, *row.answer_aliases), tuple(read))


def _from_hotpot(row: _Hotpot, between: str = "") -> _Asked:
    needed = {_plain(title) for title, _ in row.supporting_facts}
    read = [_passage(title, between.join(lines)) for title, lines in row.context]
    return _Asked(row.question, (row.answer,), tuple((p, p.title in needed) for p in read))


def _musique(path: Path) -> Iterator[_Asked]:
    return map(_from_musique, _rows(path, TypeAdapter(_Musique)))


def _hotpot(path: Path) -> Iterator[_Asked]:
    return map(_from_hotpot, _rows(path, TypeAdapter(_Hotpot)))


def _two_wiki(path: Path) -> Iterator[_Asked]:
    rows = _rows(path, TypeAdapter(_Hotpot))
    return (_from_hotpot(row, between=" ") for row in rows)


FILES: Mapping[str, tuple[Source, Callable[[Path], Iterator[_Asked]]]] = MappingProxyType(
    {
        "musique_train100_ctx.json": ("musique", _musique),
        "hotpot_train100_ctx.json": ("hotpotqa", _hotpot),
        "musique_dev200_ctx.json": ("musique", _musique),
        "hotpot_dev200_ctx.json": ("hotpotqa", _hotpot),
        "2wiki_dev200_ctx.json": ("2wiki", _two_wiki),
    }
)
"""Files with questions: one JSON list, or one JSON object a line."""
T = TypeVar("T", bound=BaseModel)


def questions_folder() -> Path:
    """Where the questions lie.

    Raises:
        ConfigError: If `FORETHOUGHT_DATA` is not set, or holds no such folder.
    """
    return data_folder(FOLDER, "the multi-hop questions are", *FILES, MORE)


def read_shelf(folder: str | os.PathLike[str] | None = None) -> Shelf:
    """All questions and passages.

    Questions that come without passages (36 in the file of 2WikiMultihopQA) are left out.

    Args:
        folder: Holds the files; found by `questions_folder` when left out.

    Raises:
        ConfigError: If the data set cannot be found.
        DataError: If a file cannot be read, or is not of that form.
    """
    root = Path(folder) if folder is not None else questions_folder()
    places: dict[Passage, int] = {}
    questions: dict[str, tuple[Question, ...]] = {}
    for name, (source, read) in FILES.items():
        found = []
        for number, asked in enumerate(read(root / name)):
            if asked.passages:
                found.append(_question(f"{source}-{name}-{number}", source, asked, places))
        questions[name] = tuple(found)
    for row in _rows(root / MORE, TypeAdapter(_Titled)):
        _shelve(places, _passage(row.title, row.text))
    return Shelf(tuple(places), MappingProxyType(questions))


def _question(name: str, source: Source, asked: _Asked, places: dict[Passage, int]) -> Question:
    """A question, its passages put on the shelf."""
    gold = frozenset(_shelve(places, passage) for passage, needed in asked.passages if needed)
    for passage, _ in asked.passages:
        _shelve(places, passage)
    if not gold:
        raise DataError(f"{name}: the question needs no passage")
    answers = tuple(dict.fromkeys(map(_plain, asked.answers)))
    return Question(source, _plain(asked.text), answers, gold)


def _shelve(places: dict[Passage, int], passage: Passage) -> int:
    """The place of a passage, a new one where it is not there yet."""
    return places.setdefault(passage, len(places))


def _rows(path: Path, kind: TypeAdapter[T]) -> Iterator[T]:
    """The rows of a file, checked."""
    for number, row in enumerate(_loaded(path)):
        try:
            yield kind.validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in (number, *first["loc"]))
            raise DataError(f"{path} is not of its form: {where}: {first['msg']}") from error


def _loaded(path: Path) -> list[Any]:
    """A JSON list, or one JSON value a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    try:
        if text.startswith("["):
            return list(json.loads(text))
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON: {error}") from error


def _passage(title: str, text: str) -> Passage:
    return Passage(_plain(title), _plain(text))


def _plain(text: str) -> str:
    """One line, single spaces."""
    return " ".join(text.split())
