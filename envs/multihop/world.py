"""The `multihop-qa-v0` environment: four searches behind text, an answer graded at the end."""

import os
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Outcome
from forethought.envs.multihop.answers import exact_match, f1
from forethought.envs.multihop.hunt import LONGEST, Hunt
from forethought.envs.multihop.library import Library, open_library
from forethought.envs.multihop.passages import Question
from forethought.envs.multihop.policies import (
    COLLECTORS,
    bridge_and_answer,
    repeat_and_answer,
    unguided,
)
from forethought.envs.multihop.reading import read_question
from forethought.envs.multihop.text import (
    ALL_FOUND,
    BROUGHT,
    FIND_GOALS,
    FIND_MANUAL,
    FIND_RULES,
    GOALS,
    HALF_FOUND,
    MANUAL,
    RIGHT,
    RULES,
    SHARED,
    answers,
    observe,
    queries,
    state_text,
)
from forethought.envs.options import checked
from forethought.envs.registry import World

SOURCES = ("2wiki", "hotpotqa", "musique")
_ACTION = re.compile(r"(search|answer)(?:\s+|\s*:\s*|(?=\[))(.*)", re.IGNORECASE | re.DOTALL)
_WITHIN = 1e-9


class MultiHop:
    """One question.

    An action is `search WORDS` or `answer TEXT`; no list of legal actions is given, since any words
    may be searched for. Reward, on the last step only: the word F1 of the answer, or, where only
    the passages are looked for, the share of those needed that were found. `info["view"]` holds the
    hunt, for policies written by hand.

    Args:
        folder: Holds the files of the data sets; found through `FORETHOUGHT_DATA` when left out,
            and read at the first `reset`.
        answering: False makes `multihop-find-v0`: no answers; the last search ends the episode.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, answering: bool = True
    ) -> None:
        self.id = "multihop-qa-v0" if answering else "multihop-find-v0"
        self._folder = folder
        self._answering = answering
        self._question: Question | None = None
        self._hunt: Hunt | None = None

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Be asked a question.

        Args:
            seed: Chooses the question, among those for training, where the options do not.
            options: `instance` (a number, see `Library.splits`), `source` (2wiki, hotpotqa or
                musique: the data set the question is from). `seat` and `opponent` may be there and
                must be 0 and empty.

        Raises:
            ConfigError: If an option makes no sense, or the data set cannot be found.
            DataError: If a file of the data set cannot be read, or is not of that form.
            MissingExtra: If bm25s is not installed.
        """
        self._hunt = None
        options = checked(self.id, options, "source")
        if options.get("seat") or options.get("opponent"):
            raise ConfigError(f"{self.id} has one seat, 0, and no opponents")
        library = open_library(self._folder)
        self._question = _choose(library, options.get("instance"), options.get("source"), seed)
        self._hunt = Hunt(library, read_question(self._question.text))
        return self._show(self._hunt)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Search or answer."""
        hunt, question = self._hunt, self._question
        if hunt is None or question is None:
            raise ConfigError("call reset before step")
        try:
            answer = self._act(hunt, action)
        except ValueError as error:
            text, info = self._show(hunt)
            told = f"{text}\nThat is not possible: {error}."
            return told, 0.0, False, False, info | {"invalid": True}
        if answer is None and (self._answering or hunt.left):
            text, info = self._show(hunt)
            return text, 0.0, False, False, info
        self._hunt = None
        if answer is None:
            outcome, text = _found(question, hunt), "That was the last search."
        else:
            outcome, text = _answered(question, hunt, answer), "Answered."
        return text, outcome.reward, True, False, {"outcome": outcome, "goals": self._goals}

    def grade(self, action: str) -> bool:
        """Whether an answer would be right, word for word; searches are no answers."""
        if self._question is None:
            raise ConfigError("call reset before grade")
        match = _ACTION.fullmatch(action.strip())
        if match is None or match[1].lower() != "answer":
            return False
        return exact_match(_bare(match[2]), self._question.answers)

    def _act(self, hunt: Hunt, action: str) -> str | None:
        """Search; or the answer that was given."""
        match = _ACTION.fullmatch(action.strip())
        if match is None or (match[1].lower() == "answer" and not self._answering):
            raise ValueError(f"say search WORDS{' or answer TEXT' if self._answering else ''}")
        said = _bare(match[2])
        if match[1].lower() == "search":
            hunt.search(said)
            return None
        if not said:
            raise ValueError("say what the answer is")
        return said

    @property
    def _goals(self) -> tuple[Any, ...]:
        return GOALS if self._answering else FIND_GOALS

    def _show(self, hunt: Hunt) -> tuple[str, dict[str, Any]]:
        candidates = queries(hunt) if hunt.left else []
        if self._answering:
            candidates += answers(hunt)
        return observe(hunt), {
            "state": state_text(hunt),
            "candidates": tuple(candidates),
            "goals": self._goals,
            "rules": RULES if self._answering else FIND_RULES,
            "manual": MANUAL if self._answering else FIND_MANUAL,
            "view": hunt,
        }


def _choose(library: Library, instance: object, source: object, seed: int | None) -> Question:
    if source is not None and source not in SOURCES:
        raise ConfigError(f"source must be one of {', '.join(SOURCES)}, not {source!r}")
    if instance is not None:
        if isinstance(instance, bool) or not isinstance(instance, int):
            raise ConfigError(f"instance must be a whole number, not {instance!r}")
        question = library.question(instance)
        if source not in (None, question.source):
            raise ConfigError(f"instance {instance} is of {question.source}, not of {source}")
        return question
    choice = [each for each in library.questions["train"] if source in (None, each.source)]
    if not choice:
        raise ConfigError(f"no training question is of {source}; name an instance")
    return random.Random(f"multihop {seed}").choice(choice)


def _bare(text: str) -> str:
    """What was said, without brackets or quotation marks around it, on one line."""
    text = " ".join(text.split())[:LONGEST]
    for left, right in (("[", "]"), ('"', '"')):
        if len(text) > 1 and text.startswith(left) and text.endswith(right):
            text = text[1:-1].strip()
    return text


def _facts(question: Question, hunt: Hunt) -> dict[str, Any]:
    met = len(question.gold.intersection(hunt.found))
    return {
        "source": question.source,
        "needed": len(question.gold),
        "met": met,
        "recall": met / len(question.gold),
        "all_found": met == len(question.gold),
        "searches": len(hunt.queries),
        "passages": len(hunt.found),
    }


def _found(question: Question, hunt: Hunt) -> Outcome:
    facts = _facts(question, hunt)
    recall = facts["recall"]
    told = [(ALL_FOUND, facts["all_found"]), (HALF_FOUND, recall >= 0.5)]
    told += zip(BROUGHT, hunt.useful(question.gold), strict=True)
    return _outcome(recall, facts["all_found"], told, facts)


def _answered(question: Question, hunt: Hunt, answer: str) -> Outcome:
    facts = _facts(question, hunt)
    score, exact = f1(answer, question.answers), exact_match(answer, question.answers)
    told = [(text, score >= level - _WITHIN) for text, level in SHARED]
    told += [(RIGHT, exact), (ALL_FOUND, facts["all_found"])]
    return _outcome(score, exact, told, facts | {"f1": score, "exact": exact, "answer": answer})


def _outcome(
    reward: float, success: bool, told: list[tuple[str, bool]], facts: dict[str, Any]
) -> Outcome:
    return Outcome(
        reward,
        success,
        reached=tuple(text for text, true in told if true),
        missed=tuple(text for text, true in told if not true),
        facts=facts,
    )


SPLITS: Mapping[str, range] = MappingProxyType(
    {
        "train": range(287),
        "validation": range(1_000_000, 1_000_095),
        "test": range(2_000_000, 2_000_382),
        "test-musique": range(2_000_000, 2_000_200),
        "test-hotpotqa": range(2_000_200, 2_000_300),
        "test-2wiki": range(2_000_300, 2_000_382),
    }
)
"""Questions of the files that are known; told here so that nothing has to be read to plan."""

WORLD = World(
    id="multihop-qa-v0",
    summary="Answer a question from two to four passages, found by four searches",
    make=MultiHop,
    success="the answer is right, word for word (exact match)",
    unguided="a random one of the listed queries and answers",
    bots={
        "heuristic": bridge_and_answer,
        "unguided": unguided,
        "repeat": repeat_and_answer,
    },
    collectors=COLLECTORS,
    splits=SPLITS,
)


def multihop_world(folder: str | os.PathLike[str], world: World = WORLD) -> World:
    """The same world over the files of another folder, with that folder's own splits.

    Args:
        folder: Holds files of the same names and forms.
        world: `multihop-qa-v0` or `multihop-find-v0`.

    Raises:
        DataError: If a file cannot be read, or is not of that form.
        MissingExtra: If bm25s is not installed.
    """
    make = partial(MultiHop, folder, answering=world.id == WORLD.id)
    return replace(world, make=make, splits=open_library(folder).splits)
