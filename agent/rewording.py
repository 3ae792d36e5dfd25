"""Outcomes and thoughts in a model's own words, so that a head has data where an agent imagines.

Offline and once: a model rewords the outcome sentences and thoughts of logged episodes; a head that
is trained on those episodes then knows them as the model says them. A wording counts only if it
holds the same numbers as the sentence it stands for. Wordings are kept in a JSON file as they come,
so that nothing is asked twice and an interrupted run goes on. Trains nothing.
"""

import json
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.parsing import read_list
from forethought.agent.protocols import Model
from forethought.agent.types import Message, Request, Step, Trace

Wordings = Mapping[str, tuple[str, ...]]
"""A sentence to other ways of saying it."""

REWORD_PROMPT = """\
Say the following sentence in {count} other ways, as different people would who talk about how \
things may turn out for them. Keep every number as it is. One short sentence each.

{text}

Reply with a JSON object with the list "wordings"."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONGEST = 160
_FILE: TypeAdapter[dict[str, tuple[str, ...]]] = TypeAdapter(dict[str, tuple[str, ...]])


async def reword(
    model: Model,
    texts: Iterable[str],
    *,
    count: int = 6,
    path: str | os.PathLike[str] | None = None,
    prompt: str = REWORD_PROMPT,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Ask a model for other ways to say each text.

    Args:
        model: The model that will imagine later on, or one like it.
        texts: Sentences; repeats are asked once.
        count: Wordings to ask for, 1 or more; fewer are kept where some are no good.
        path: A JSON file of wordings to go on with and to keep; `None` keeps nothing.
        prompt: Template with `{text}` and `{count}`.
        progress: Told how many texts are done, and how many there are.

    Returns:
        Wordings of each text, possibly none: distinct, with the same numbers, not the text itself.

    Raises:
        ConfigError: If `count` is below 1.
        DataError: If the file holds something else.
        ModelError: If the model failed for good; what was there by then is kept.
    """
    if count < 1:
        raise ConfigError(f"rewording: count must be 1 or more, not {count}")
    wanted = list(dict.fromkeys(texts))
    known = read_wordings(path) if path is not None and Path(path).exists() else {}
    for number, text in enumerate(wanted):
        if text not in known:
            known[text] = await _ask(model, text, count, prompt, number)
            if path is not None:
                _save(Path(path), known)
        if progress:
            progress(number + 1, len(wanted))
    return {text: known[text] for text in wanted}


async def _ask(model: Model, text: str, count: int, prompt: str, seed: int) -> tuple[str, ...]:
    items = {"type": "array", "items": {"type": "string", "maxLength": _LONGEST}}
    schema = {
        "type": "object",
        "properties": {"wordings": items | {"minItems": count, "maxItems": count}},
        "required": ["wordings"],
        "additionalProperties": False,
    }
    request = Request(
        (Message("user", prompt.format(text=text, count=count)),),
        stage="reword",
        schema=schema,
        max_tokens=64 + 48 * count,
        seed=seed,
    )
    reply = await model.complete(request)
    said = [" ".join(each.split()) for each in read_list(reply.text, "wordings")]
    return tuple(
        dict.fromkeys(
            each
            for each in said
            if each.casefold() != text.casefold() and _numbers(each) == _numbers(text)
        )
    )


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(text))


def read_wordings(path: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """The wordings kept in a file.

    Raises:
        DataError: If it cannot be read or holds something else.
    """
    try:
        return _FILE.validate_json(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise DataError(f"{path} is not a file of wordings: a text to a list of texts") from error


def _save(path: Path, known: Wordings) -> None:
    """Write beside and move, so that a crash leaves the last whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(known, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(path)


def reworded(
    traces: Sequence[Trace], wordings: Wordings, *, share: float = 0.5, seed: int = 0
) -> list[Trace]:
    """The same episodes with what came true also said in other words.

    Every wording of an outcome sentence joins it, reached or missed as it is. A thought gives way
    to one of its wordings in a share of the steps.

    Args:
        traces: Episodes.
        wordings: From `reword`.
        share: Share of the steps whose thought gives way, 0 to 1.
        seed: Chooses steps and wordings.
    """
    rng = random.Random(f"reworded {seed}")
    return [_reword_trace(trace, wordings, share, rng) for trace in traces]


def _reword_trace(trace: Trace, wordings: Wordings, share: float, rng: random.Random) -> Trace:
    steps = tuple(_reword_step(step, wordings, share, rng) for step in trace.steps)
    outcome = trace.outcome
    if outcome is not None:
        stated = {*outcome.reached, *outcome.missed}
        reached = _with_wordings(outcome.reached, wordings, stated)
        missed = _with_wordings(outcome.missed, wordings, {*stated, *reached})
        outcome = replace(outcome, reached=reached, missed=missed)
    return replace(trace, steps=steps, outcome=outcome)


def _with_wordings(texts: Sequence[str], wordings: Wordings, taken: set[str]) -> tuple[str, ...]:
    """The texts and their wordings; one that says something else already is left out."""
    added = (each for text in texts for each in wordings.get(text, ()) if each not in taken)
    return tuple(dict.fromkeys((*texts, *added)))


def _reword_step(step: Step, wordings: Wordings, share: float, rng: random.Random) -> Step:
    choices = wordings.get(step.decision.candidate.thought, ())
    if not choices or rng.random() >= share:
        return step
    candidate = replace(step.decision.candidate, thought=rng.choice(choices))
    return replace(step, decision=replace(step.decision, candidate=candidate))
