"""The mapping file: which columns hold the episode, its turns, and how it ended.

TOML or JSON. Every key that is not known is an error that names the nearest. What a rule makes of a
value is `outcomes`' part.
"""

import codecs
import json
import os
import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.importing.template import fields_of
from forethought.agent.types import Goal, GoalKind

Plain = bool | int | float | str
Older = Literal["opening", "heads", "drop"]
_STRICT = ConfigDict(frozen=True, extra="forbid")


class FileSettings(BaseModel):
    """How the files are written; left out, it is found out."""

    model_config = _STRICT

    kind: Literal["", "jsonl", "json", "csv", "parquet"] = ""
    """By default the ending of the name decides."""
    encoding: str = "utf-8"
    """Of text files without a byte order mark."""
    delimiter: str = Field(default="", max_length=1)
    """Between the fields of a CSV file; by default the one the header uses most."""
    split: str = ""
    """Of a data set, as in `train`."""

    @model_validator(mode="after")
    def _is_text(self) -> "FileSettings":
        try:
            codecs.decode(b"", self.encoding)
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(f"no encoding {self.encoding!r}") from error
        return self


class EpisodeColumns(BaseModel):
    """Columns that say which episode a row belongs to; `a.b` looks inside an object."""

    model_config = _STRICT

    id: str = ""
    """Unique for each episode; by default the file and the line."""
    group: str = ""
    """Episodes of one group are never divided between training and held-out ones."""
    opponent: str = ""
    """Who the other side was, or which user."""
    order: str = ""
    """Order of an episode's rows; by default that of the file."""
    scattered: bool = False
    """Whether an episode's rows lie apart in the file; they are then sorted on disk first."""


class ChatSettings(BaseModel):
    """The turns of a dialogue, each an object (`rows = "chat"`) or a row (`"utterances"`)."""

    model_config = _STRICT

    messages: str = "messages"
    """Column that holds the list of turns; without meaning for utterances."""
    role: str = "role"
    """Who speaks."""
    text: str = "content"
    """What is said."""
    agent: tuple[str, ...] = Field(default=("assistant",), min_length=1)
    """Roles whose turns are decisions."""
    thought: str = ""
    """Field of a turn that holds the thought; by default what is said."""
    tag: str = ""
    """Where the thought stands inside the text, as `think` for <think>...</think>."""
    prefix: str = ""
    """Field of a turn that holds the prefix."""
    system: bool = False
    """Whether system messages are part of the dialogue."""


class DecisionColumns(BaseModel):
    """Columns of rows that are decisions already (`rows = "decisions"`)."""

    model_config = _STRICT

    state: str = "state"
    thought: str = "thought"
    prefix: str = ""
    action: str = ""
    """By default the thought."""
    reward: str = ""
    """Reward of the single decision."""


class StateSettings(BaseModel):
    """The text of a state."""

    model_config = _STRICT

    template: str = "{dialogue}"
    """`{dialogue}` so far, `{last}` thing said, `{turn}` number, or `{column}`."""
    limit: int = Field(default=2000, ge=100)
    """Longest dialogue, characters."""
    older: Older = "opening"
    """What is kept of a longer one beside its newest turns: its opening, the heads of older turns,
    or nothing."""
    thought_limit: int = Field(default=1000, ge=20)
    """Longest thought, characters."""


class Ends(BaseModel):
    """What one value makes true and what it does not; the rest stays unknown."""

    model_config = _STRICT

    reached: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


class OutcomeRule(BaseModel):
    """From a column to outcome sentences: by `equals`, by `at_least`, or by `values`."""

    model_config = _STRICT

    column: str
    equals: Plain | tuple[Plain, ...] | None = None
    """The sentence is reached when the column holds this, or one of these."""
    at_least: tuple[float, ...] = ()
    """One sentence for each threshold, reached from it on."""
    values: Mapping[str, str | tuple[str, ...] | Ends] = Field(default_factory=dict)
    """The sentences that each value makes true; the rule's other sentences are then missed."""
    says: str = ""
    """The sentence; `{value}` stands for the threshold."""
    otherwise: str = ""
    """With `equals`: a sentence that holds when the other does not."""
    kind: GoalKind = "hoped"
    """Of the sentences; `otherwise` has the opposite."""
    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """What reaching a sentence is worth."""
    missing: Literal["reject", "unknown"] = "reject"
    """Whether a row without a value is refused, or its sentences are left unknown."""

    @model_validator(mode="after")
    def _is_one_rule(self) -> "OutcomeRule":
        given = [self.equals is not None, bool(self.at_least), bool(self.values)]
        if sum(given) != 1:
            raise ValueError(
                f"the rule for {self.column!r} needs one of equals, at_least and values"
            )
        if not self.values and not self.says:
            raise ValueError(f"the rule for {self.column!r} needs a sentence: says")
        if len(self.at_least) > 1 and "{value}" not in self.says:
            raise ValueError(f"the rule for {self.column!r}: says must hold {{value}}")
        if (self.says and self.values) or (self.otherwise and self.equals is None):
            raise ValueError(f"the rule for {self.column!r}: {_OTHER_SENTENCES}")
        return self

    def goals(self) -> tuple[Goal, ...]:
        """The sentences of the rule, without repetition."""
        if self.values:
            texts = [text for ends in self.values.values() for text in _sentences(ends)]
        elif self.at_least:
            texts = [self.sentence(threshold) for threshold in self.at_least]
        else:
            texts = [self.says]
        goals = [Goal(text, self.kind, self.weight) for text in dict.fromkeys(texts)]
        if self.otherwise:
            goals.append(
                Goal(self.otherwise, "feared" if self.kind == "hoped" else "hoped", self.weight)
            )
        return tuple(goals)

    def sentence(self, threshold: float) -> str:
        """The sentence of one threshold."""
        return self.says.replace("{value}", f"{threshold:g}")


_OTHER_SENTENCES = "says goes with equals and at_least, otherwise with equals"


def _sentences(ends: str | Sequence[str] | Ends) -> tuple[str, ...]:
    if isinstance(ends, Ends):
        return (*ends.reached, *ends.missed)
    return (ends,) if isinstance(ends, str) else tuple(ends)


class ImportMap(BaseModel):
    """A whole mapping."""

    model_config = _STRICT

    rows: Literal["chat", "utterances", "decisions"] = "chat"
    """What a row is: a whole dialogue, one thing said, or one decision."""
    world: str = Field(default="imported", min_length=1)
    """What the episodes' world is called."""
    file: FileSettings = FileSettings()
    episode: EpisodeColumns = EpisodeColumns()
    chat: ChatSettings = ChatSettings()
    decision: DecisionColumns = DecisionColumns()
    state: StateSettings = StateSettings()
    outcomes: tuple[OutcomeRule, ...] = Field(min_length=1)
    reward: str = ""
    """Column of the episode's reward; by default the signed weights of what was reached, added."""
    success: str = ""
    """The sentence that means success; by default the first, not reached where it is feared."""

    @model_validator(mode="after")
    def _holds_together(self) -> "ImportMap":
        if self.rows != "chat" and not self.episode.id:
            raise ValueError(f'rows = "{self.rows}" needs episode.id, the column of the episode')
        answers = {rule.column for rule in self.outcomes} | ({self.reward} - {""})
        told = set(fields_of(self.state.template))
        if self.rows == "decisions":
            told |= {self.decision.state, self.decision.thought, self.decision.prefix}
        if leaked := sorted(answers & told):
            raise ValueError(f"the state tells the outcome column {leaked[0]!r}; leave it out")
        texts = [goal.text for goal in self.goals]
        if len(set(texts)) < len(texts):
            raise ValueError("two outcome rules say the same sentence")
        if self.success and self.success not in texts:
            raise ValueError(f"success: no rule says {self.success!r}")
        return self

    @property
    def goals(self) -> tuple[Goal, ...]:
        """All outcome sentences, in the order of the rules."""
        return tuple(goal for rule in self.outcomes for goal in rule.goals())


def load_mapping(path: str | os.PathLike[str]) -> ImportMap:
    """Read a mapping file.

    Raises:
        ConfigError: If it cannot be read, is neither TOML nor JSON, or says what cannot work.
        UnknownName: If a key is not known.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
        given = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        form = "JSON" if file.suffix == ".json" else "TOML"
        raise ConfigError(f"{file} is not {form}: {str(error).splitlines()[0]}") from error
    return make_mapping(given, str(file))


def make_mapping(given: object, source: str = "the mapping") -> ImportMap:
    """Check a mapping.

    Args:
        given: What the file holds.
        source: What messages call it.

    Raises:
        ConfigError: If it says what cannot work.
        UnknownName: If a key is not known.
    """
    try:
        return ImportMap.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        place = [part for part in first["loc"] if isinstance(part, str)]
        if first["type"] == "extra_forbidden":
            where = f" in [{'.'.join(place[:-1])}]" if place[1:] else ""
            known = _known(place[:-1])
            raise UnknownName(f"key{where} of {source}:", str(place[-1]), known) from error
        said = first["msg"].removeprefix("Value error, ")
        at = ".".join(place) + ": " if place else ""
        raise ConfigError(f"{source}: {at}{said}") from error


def _known(place: Sequence[str]) -> list[str]:
    """Keys of the part of the model that errors point at."""
    model: type[BaseModel] = ImportMap
    for part in place:
        field = model.model_fields.get(part)
        inner = list(_models(field.annotation)) if field else []
        model = inner[0] if inner else model
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in {Union, types.UnionType, tuple, Mapping}:
        return [found for part in get_args(annotation) for found in _models(part)]
    return []
