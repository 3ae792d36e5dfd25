"""What one server understands of the chat protocol, learned from what it refuses.

A refused request is asked again without one of its features; what had to go is remembered once the
request was served without it. Builds bodies of requests; sends nothing.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from forethought.agent.models.prefix import append_instruction
from forethought.agent.types import Message, Request

SCHEMA_INSTRUCTION = (
    "Answer with one JSON value that follows this JSON schema, and with nothing else:\n{schema}"
)
REFUSALS = frozenset({400, 422, 501})
"""Statuses that may mean that the server does not know a feature."""

_NAMED = (
    ("max_tokens", re.compile(r"max_completion_tokens|max_tokens.*(unsupported|not supported)")),
    ("temperature", re.compile(r"temperature")),
    ("seed", re.compile(r"\bseed\b")),
    ("stop", re.compile(r"'stop'|`stop`|\"stop\"|\bstop (sequence|parameter)")),
)
"""Features that are given up only where the server's words name them."""


class Dialect:
    """The features of requests that a server was seen to refuse."""

    def __init__(self) -> None:
        self._without: set[str] = set()
        self._schemas_refused: set[str] = set()
        self._schema_served = False

    def features(self, request: Request) -> frozenset[str]:
        """What a request would use, less what the server is known to refuse."""
        used = {"max_tokens", "temperature"}
        if request.seed is not None:
            used.add("seed")
        if request.stop:
            used.add("stop")
        if request.schema is not None and self._takes(request.schema):
            used.add("schema")
        return frozenset(used - self._without)

    def _takes(self, schema: Mapping[str, Any]) -> bool:
        """One refused schema may be the schema's fault; two, with none served, are the server's."""
        if not self._schema_served and len(self._schemas_refused) >= 2:
            return False
        return _key(schema) not in self._schemas_refused

    def give_up(self, features: frozenset[str], refusal: str) -> frozenset[str]:
        """Features to try next; the same ones when there is nothing left to give up."""
        for name, words in _NAMED:
            if name in features and words.search(refusal.lower()):
                return features - {name}
        return features - {"schema"}

    def served(self, request: Request, features: frozenset[str], *, sure: bool) -> None:
        """Remember that a request was served with these features only.

        Args:
            request: The request.
            features: What it was served with.
            sure: Whether nothing else about the request, such as a continued prefix, can have been
                what clashed with a schema.
        """
        dropped = self.features(request) - features
        if request.schema is not None:
            if "schema" in features:
                self._schema_served = True
            elif "schema" in dropped and sure:
                self._schemas_refused.add(_key(request.schema))
        self._without |= dropped - {"schema"}

    def body(
        self, request: Request, messages: tuple[Message, ...], features: frozenset[str]
    ) -> dict[str, Any]:
        """The request in this server's words, all but the model's name."""
        if request.schema is not None and "schema" not in features:
            messages = _instructed(messages, request.schema)
        limit = "max_tokens" if "max_tokens" in features else "max_completion_tokens"
        body: dict[str, Any] = {
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            limit: request.max_tokens,
        }
        if "temperature" in features:
            body["temperature"] = request.temperature
        if "seed" in features:
            body["seed"] = request.seed
        if "stop" in features:
            body["stop"] = list(request.stop)
        if "schema" in features and request.schema is not None:
            schema = {"name": "reply", "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def _key(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)


def _instructed(messages: tuple[Message, ...], schema: Mapping[str, Any]) -> tuple[Message, ...]:
    """Ask for the schema in words, before a final assistant message where there is one."""
    words = SCHEMA_INSTRUCTION.format(schema=json.dumps(schema))
    if messages and messages[-1].role == "assistant":
        return (*append_instruction(messages[:-1], words), messages[-1])
    return append_instruction(messages, words)
