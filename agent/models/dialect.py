"""What one server understands of its protocol, learned from what it refuses.

A refused request is asked again without one of its features; what had to go is remembered once the
request was served without it. What a server is not asked for in its own way is asked for in words.
Sends nothing, and knows no protocol's field names but those that servers name in refusals.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from forethought.agent.models.prefix import append_instruction
from forethought.agent.types import Message, Request

SCHEMA_INSTRUCTION = (
    "Answer with one JSON value that follows this JSON schema, and with nothing else:\n{schema}"
)
TOOLS_INSTRUCTION = (
    "You may call one of these tools. To call one, answer with a JSON object with the fields"
    ' "name" and "arguments", and with nothing else.\n{tools}'
)
REFUSALS = frozenset({400, 422, 501})
"""Statuses that may mean that the server does not know a feature."""

_SCHEMA = re.compile(
    r"response_format|output_(config|format)|json_schema|schema|grammar|structured"
)
_NAMED = (
    ("stream_options", re.compile(r"stream_options|include_usage")),
    ("max_tokens", re.compile(r"max_completion_tokens|max_tokens.*(unsupported|not supported)")),
    ("temperature", re.compile(r"temperature")),
    ("seed", re.compile(r"\bseed\b")),
    ("stop", re.compile(r"'stop'|`stop`|\"stop\"|\bstop_sequences|\bstop (sequence|parameter)")),
    ("tools", re.compile(r"\btools?\b|tool_choice|\bfunctions?\b")),
    ("stream", re.compile(r"\bstream(ing)?\b")),
)
"""Features that are given up where the server's words name them."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to constrain a reply by a schema."""

    name: str
    takes: Callable[[Request], bool]
    """Whether a request's schema can be put this way."""
    with_prefix: bool = True
    """Whether it goes together with a prefix that the server continues."""


class Dialect:
    """The features of requests that a server was seen to refuse.

    Args:
        offers: Features that the protocol has words for.
        rungs: Ways to constrain a reply by a schema, best first.
        without: Features never to use.
        keep: Features never to give up.
    """

    def __init__(
        self,
        offers: Collection[str],
        rungs: tuple[Rung, ...],
        *,
        without: Collection[str] = (),
        keep: Collection[str] = (),
    ) -> None:
        self._offers = frozenset(offers)
        self._rungs = rungs
        self._without = set(without)
        self._keep = frozenset(keep)
        self._refused: dict[str, set[str]] = {rung.name: set() for rung in rungs}
        self._served: set[str] = set()
        self._tools_refused: set[str] = set()

    @property
    def calls_tools(self) -> bool:
        """Whether the server is not known to refuse tools altogether."""
        return "tools" not in self._without

    def features(
        self, request: Request, *, native: bool = False, stream: bool = False
    ) -> frozenset[str]:
        """What a request would use, less what the server is known to refuse.

        Args:
            request: The request.
            native: Whether the server is to continue its last message.
            stream: Whether the reply is to be streamed.
        """
        used = {"max_tokens", "temperature"}
        used |= {"stream", "stream_options"} if stream else set()
        used |= {"seed"} if request.seed is not None else set()
        used |= {"stop"} if request.stop else set()
        if request.tools and _key(_listed(request)) not in self._tools_refused:
            used.add("tools")
        known = frozenset(used & self._offers - self._without)
        return known | self._rung(request, 0, native=native)

    def _rung(self, request: Request, first: int, *, native: bool) -> frozenset[str]:
        """The best way left to put the schema; the empty set where there is none."""
        if request.schema is None:
            return frozenset()
        for rung in self._rungs[first:]:
            fits = rung.takes(request) and (rung.with_prefix or not native)
            if fits and self._takes(rung.name, request.schema):
                return frozenset({rung.name})
        return frozenset()

    def _takes(self, rung: str, schema: Mapping[str, Any]) -> bool:
        """One refused schema may be the schema's fault; two, with none served, are the server's."""
        refused = self._refused[rung]
        if rung not in self._served and len(refused) >= 2:
            return False
        return _key(schema) not in refused

    def give_up(
        self, request: Request, features: frozenset[str], refusal: str, *, native: bool = False
    ) -> frozenset[str]:
        """Features to try next; the same ones when there is nothing left to give up.

        Args:
            request: The request.
            features: What was refused.
            refusal: The server's words.
            native: Whether the server was to continue its last message.
        """
        words = refusal.lower()
        if _SCHEMA.search(words) and (fewer := self.descend(request, features, native=native)):
            return fewer
        for name, named in _NAMED:
            if name in features - self._keep and named.search(words):
                return features - {name}
        fewer = self.descend(request, features, native=native)
        return fewer or features - ({"tools"} - self._keep)

    def descend(
        self, request: Request, features: frozenset[str], *, native: bool = False
    ) -> frozenset[str] | None:
        """These features with the schema put in the next way; `None` where it is not in them."""
        for number, rung in enumerate(self._rungs):
            if rung.name in features:
                return features - {rung.name} | self._rung(request, number + 1, native=native)
        return None

    def served(
        self, request: Request, tried: frozenset[str], features: frozenset[str], *, sure: bool
    ) -> None:
        """Remember that a request was served with these features only.

        Args:
            request: The request.
            tried: All features it was sent with, those of refused tries included.
            features: What it was served with.
            sure: Whether nothing else about the request, such as a continued prefix, can have been
                what clashed with a schema or with tools.
        """
        dropped = tried - features
        self._served |= features
        if sure and request.schema is not None and "tools" not in features:
            for rung in dropped & self._refused.keys():
                self._refused[rung].add(_key(request.schema))
        if "tools" in dropped and sure:
            if "tools" in self._served:
                self._tools_refused.add(_key(_listed(request)))
            else:
                self._without.add("tools")
        self._without |= dropped - {"tools", *self._refused}

    def worded(
        self, request: Request, messages: tuple[Message, ...], features: frozenset[str]
    ) -> tuple[Message, ...]:
        """The messages, with words for a schema or for tools that have no other way."""
        if request.schema is not None:
            if not features & self._refused.keys():
                words = SCHEMA_INSTRUCTION.format(schema=json.dumps(request.schema))
                return _instructed(messages, words)
        elif request.tools and "tools" not in features:
            tools = "\n".join(json.dumps(tool) for tool in _listed(request))
            return _instructed(messages, TOOLS_INSTRUCTION.format(tools=tools))
        return messages


def _listed(request: Request) -> list[dict[str, Any]]:
    return [
        {"name": tool.name, "description": tool.description, "arguments": dict(tool.schema)}
        for tool in request.tools
    ]


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _instructed(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """Ask in words, before a final assistant message where there is one."""
    if messages and messages[-1].role == "assistant":
        return (*append_instruction(messages[:-1], words), messages[-1])
    return append_instruction(messages, words)
