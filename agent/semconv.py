"""Requests, replies and model names in the words of OpenTelemetry's GenAI conventions.

Pure functions that need no OpenTelemetry; the spans are `agent.telemetry`'s part.
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from forethought.agent.types import Message, Reply, Request

Value = str | bool | int | float | Sequence[str]
"""Value of an attribute."""

PROVIDERS = {"gguf": "llama.cpp", "builtin": "llama.cpp", "local": "transformers"}
"""Provider by the scheme of a model's name; a scheme that is not here is a provider's name."""


def model_attributes(name: str) -> dict[str, Value]:
    """Provider, model and server of a model's name, as in `openai:NAME@http://host:port/v1`."""
    scheme, _, rest = name.partition(":")
    model, _, address = rest.partition("@")
    if scheme == "gguf":
        model, address = rest.rsplit("/", 1)[-1], ""
    attributes: dict[str, Value] = {
        "gen_ai.provider.name": PROVIDERS.get(scheme, scheme),
        "gen_ai.request.model": model or scheme,
    }
    server = urlsplit(address if "//" in address else f"//{address}")
    if server.hostname:
        attributes["server.address"] = server.hostname
        attributes["server.port"] = server.port or (80 if server.scheme == "http" else 443)
    return attributes


def request_attributes(request: Request) -> dict[str, Value]:
    """What was asked for, without what was said."""
    attributes: dict[str, Value] = {
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "forethought.stage": request.stage,
    }
    if request.seed is not None:
        attributes["gen_ai.request.seed"] = request.seed
    if request.stop:
        attributes["gen_ai.request.stop_sequences"] = list(request.stop)
    if request.schema is not None:
        attributes["gen_ai.output.type"] = "json"
    return attributes


def messages_json(messages: Sequence[Message]) -> str:
    """Messages in the JSON form of the conventions."""
    return to_json(
        [
            {"role": message.role, "parts": [{"type": "text", "content": message.content}]}
            for message in messages
        ]
    )


def reply_json(reply: Reply) -> str:
    """A reply in the JSON form of the conventions."""
    parts: list[dict[str, Any]] = [{"type": "text", "content": reply.text}] if reply.text else []
    parts += [
        {"type": "tool_call", "name": call.name, "arguments": dict(call.arguments)}
        for call in reply.calls
    ]
    return to_json([{"role": "assistant", "parts": parts, "finish_reason": reply.finish}])


def to_json(value: Any) -> str:
    """A value as the JSON text of an attribute; what JSON has no kind for becomes text."""
    return json.dumps(value, ensure_ascii=False, default=str)
