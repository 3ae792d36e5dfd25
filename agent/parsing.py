"""Reading what a model wrote: fields, goals, verdicts and actions out of free text.

Pure functions that never raise, whatever the text. They refuse ambiguity: two different answers in
one text are no answer, and the problem says so in words for the model. Nothing is dropped: what is
no part of a field is in `rest`. Knows nothing of prompts, models or environments.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forethought.agent.types import Goal, GoalKind

_FENCE = re.compile(r"^\s*```(?:[\w-]*[ \t]*\n|json[ \t]*(?=[{\[]))?(.*?)\s*```\s*$", re.DOTALL)
_LABEL = re.compile(r"^[ \t>*#-]*([A-Za-z][A-Za-z0-9_ ]{0,24}?)[ \t*]*:[ \t*]*(.*)$")
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)])\s*")
_KINDS: Mapping[str, GoalKind] = {
    "hoped": "hoped",
    "hope": "hoped",
    "hoped for": "hoped",
    "good": "hoped",
    "positive": "hoped",
    "feared": "feared",
    "fear": "feared",
    "bad": "feared",
    "negative": "feared",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read out of a text."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """The fields asked for that were found, stripped; none is empty."""
    rest: str = ""
    """The text that belongs to no field."""
    problem: str = ""
    """Why it could not be read, for the model to correct; empty when all required fields are
    there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a thought is kept, or replaced by a better one."""

    accept: bool
    thought: str = ""
    """The better thought; empty when the first is accepted."""


def clean(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def strip_fence(text: str) -> str:
    """The text without the code fence that wraps the whole of it."""
    match = _FENCE.match(text)
    return (match.group(1) if match else text).strip()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose names has one value; JSON's own reader would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[name] != value for name, value in pairs):
        raise ValueError("a name has two values")
    return found


_JSON = json.JSONDecoder(strict=False, object_pairs_hook=_once)


def _decode(text: str) -> Any:
    """Parse JSON; `None` when it is not JSON."""
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return None


def decode_at(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value that begins at an index, and the index after it; `None` where there is none.

    An object that gives a name two values is none.
    """
    try:
        return _JSON.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None


def read_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or `None`; one that gives a name two values is none."""
    value = _decode(text)
    return value if isinstance(value, dict) else None


def _loads(text: str) -> Any:
    """Parse JSON, trailing commas allowed; `None` when it is not JSON."""
    value = _decode(text)
    if value is not None:
        return value
    return _decode(_STRING_OR_COMMA.sub(lambda m: "" if m[0] == "," else m[0], text))


def _closing(text: str, start: int) -> int:
    """Index just after the brace that closes the one at `start`, or -1."""
    depth, quoted, escaped = 0, False, False
    for index in range(start, len(text)):
        char = text[index]
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return index + 1
    return -1


def _object_at(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """The object that begins at a brace, and the index just after it; `None` where there is none.

    Whole JSON is read at the speed of the decoder; only what it refuses is searched for its end.
    """
    decoded = decode_at(text, start)
    if decoded is None:
        end = _closing(text, start)
        decoded = (_loads(text[start:end]) if end > 0 else None), end
    value, end = decoded
    return (value if isinstance(value, dict) else None), end


def find_objects(text: str) -> tuple[list[dict[str, Any]], str]:
    """The outermost JSON objects in a text, in order, and the text around them, apart by blanks."""
    found: list[dict[str, Any]] = []
    rest: list[str] = []
    at = misses = 0
    while (start := text.find("{", at)) >= 0 and misses < 20:  # a text of braces stays linear
        value, end = _object_at(text, start)
        if value is not None:
            found.append(value)
            rest += (text[at:start], " ")
            at = end
        else:
            misses += 1
            rest.append(text[at : start + 1])
            at = start + 1
    rest.append(text[at:])
    return found, "".join(rest)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return clean(value).strip()
    return "" if value is None else clean(json.dumps(value, ensure_ascii=False))


def _norm(label: str) -> str:
    return label.strip().lower().replace("_", " ")


def _labelled(text: str, names: Sequence[str]) -> tuple[dict[str, set[str]], str]:
    """Values by label in lines such as `Thought: ...`; a value runs on to the next label."""
    wanted = {_norm(name): name for name in names}
    values: dict[str, set[str]] = {}
    rest: list[str] = []
    open_name, lines = "", rest
    for line in text.splitlines():
        match = _LABEL.match(line)
        name = wanted.get(_norm(match.group(1))) if match else None
        if match and name:
            if open_name:
                values.setdefault(open_name, set()).add("\n".join(lines).strip())
            open_name, lines = name, [match.group(2)]
        else:
            lines.append(line)
    if open_name:
        values.setdefault(open_name, set()).add("\n".join(lines).strip())
    return values, "\n".join(rest)


def _from_objects(
    objects: Iterable[dict[str, Any]], names: Sequence[str]
) -> tuple[dict[str, set[str]], list[str]]:
    """Values by field over all objects that have one of the fields, and the other content."""
    wanted = {_norm(name): name for name in names}
    values: dict[str, set[str]] = {}
    others: list[str] = []
    for each in objects:
        extra = {}
        for key, value in each.items():
            if _norm(key) in wanted:
                values.setdefault(wanted[_norm(key)], set()).add(_as_text(value))
            else:
                extra[key] = value
        if extra:
            others.append(json.dumps(extra, ensure_ascii=False))
    return values, others


def read_fields(text: str, required: Sequence[str], optional: Sequence[str] = ()) -> Reading:
    """Read named fields from a JSON object or from labelled lines.

    The object may stand in a code fence, in prose, and have trailing commas. Values that are not
    text are given as JSON.

    Args:
        text: What the model wrote.
        required: Fields that must be there and not be empty.
        optional: Fields that may be there.
    """
    names = [*required, *optional]
    objects, around = find_objects(text)
    values, others = _from_objects(objects, names)
    if values:
        rest = "\n".join([around, *others])
    else:
        values, rest = _labelled(text, names)
    fields = {}
    for name in names:
        said = {value for value in values.get(name, ()) if value}
        if len(said) > 1:
            return Reading({}, text, f"there are {len(said)} different answers for {name!r}")
        if said:
            fields[name] = said.pop()
    missing = [name for name in required if name not in fields]
    problem = f"{' and '.join(map(repr, missing))} missing or empty" if missing else ""
    return Reading(fields, rest.strip().strip("`").strip(), problem)


def read_action(text: str) -> str:
    """The action in a reply that should be nothing else.

    A JSON object whose only field is `action`, or a line labelled `Action:`, gives its value; any
    other text is the action as it stands, without the fence or the pair of quotes around it.
    """
    bare = strip_fence(text)
    whole = _loads(bare) if bare.startswith("{") else None
    if isinstance(whole, dict) and set(whole) == {"action"}:
        return _as_text(whole["action"])
    values, rest = _labelled(bare, ["action"])
    said = values.get("action", set())
    if len(said) == 1 and not rest.strip():
        return said.pop()
    if len(bare) > 1 and bare[0] == bare[-1] == '"' and '"' not in bare[1:-1]:
        return bare[1:-1].strip()
    return bare


def _goal_items(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    texts = [_as_text(_sentence(item) if isinstance(item, dict) else item) for item in items]
    return [text for text in texts if text]


def _sentence(item: Mapping[str, Any]) -> Any:
    """The text an object in a list stands for: its `text` or `goal`, else all it says."""
    if "text" in item or "goal" in item:
        return item.get("text", item.get("goal"))
    return " ".join(filter(None, (_as_text(item[key]) for key in item if key != "kind")))


def _goals_of(value: dict[str, Any]) -> list[Goal]:
    """The goals an object holds: by kind, in a list of goals that name theirs, or itself one."""
    found: list[Goal] = []
    for key, content in value.items():
        kind = _KINDS.get(_norm(key))
        if kind:
            found.extend(Goal(text, kind) for text in _goal_items(content))
        elif isinstance(content, list):
            for item in content:
                found.extend(_as_goal(item))
    return found or _as_goal(value)


def _as_goal(item: Any) -> list[Goal]:
    """The goal that an object with a text and a kind stands for, if it is one."""
    kind = _KINDS.get(_norm(str(item.get("kind")))) if isinstance(item, dict) else None
    return [Goal(text, kind) for text in _goal_items(item)] if kind else []


def read_goals(text: str) -> list[Goal]:
    """Hoped and feared futures, in the order written; empty when there are none.

    Reads `{"hoped": [...], "feared": [...]}`, a list of objects with `text` and `kind`, and lines
    under or after the labels `Hoped:` and `Feared:`.
    """
    objects, _ = find_objects(text)
    found = [goal for each in objects for goal in _goals_of(each)]
    if found:
        return found
    kind: GoalKind | None = None
    for line in text.splitlines():
        plain = _BULLET.sub("", line).strip()
        match = _LABEL.match(plain)
        named = _KINDS.get(_norm(re.sub(r"\d+$", "", match.group(1)))) if match else None
        if match and named:
            kind, plain = named, match.group(2).strip()
        if kind and plain.strip("`{}[] "):
            found.append(Goal(plain, kind))
    return found


def read_list(text: str, name: str) -> list[str]:
    """Distinct texts in the order written: a JSON object's array field, else a list of lines."""
    objects, _ = find_objects(text)
    items = [
        item
        for each in objects
        for key, value in each.items()
        if _norm(key) == _norm(name)
        for item in _goal_items(value)
    ]
    if not items:
        items = [item.strip().strip('"') for item in _bulleted(text)]
    return list(dict.fromkeys(item for item in items if item))


def _bulleted(text: str) -> list[str]:
    """The items of a list of lines; a line without a bullet goes on the item above it."""
    found: list[str] = []
    going = False
    for line in text.splitlines():
        if _BULLET.match(line):
            found.append(_BULLET.sub("", line))
        elif going and line.strip():
            found[-1] += f" {line.strip()}"
        going = bool(found and line.strip())
    return found


def read_verdict(text: str) -> Verdict | str:
    """Accept, or refine into a better thought; a string says why it could not be read.

    The word `accept` decides: a thought beside it is not a refinement.
    """
    reading = read_fields(text, ["verdict"], ["thought"])
    word = reading.fields.get("verdict", "").strip(" .\"'`*").lower()
    thought = reading.fields.get("thought", "")
    if reading.problem:
        bare = strip_fence(text)
        match = re.match(r"\W*(accept|refine)\b\W*(.*)$", bare, re.DOTALL | re.IGNORECASE)
        if not match:
            return reading.problem
        word, thought = match.group(1).lower(), match.group(2).strip()
        if word == "accept" and re.search(r"\brefine\b", thought, re.IGNORECASE):
            return "it says both accept and refine"
    if word == "accept":
        return Verdict(accept=True)
    if word != "refine":
        return f"the verdict must be accept or refine, not {word[:40]!r}"
    if not thought:
        return "the verdict is refine and there is no better thought"
    return Verdict(accept=False, thought=thought)
