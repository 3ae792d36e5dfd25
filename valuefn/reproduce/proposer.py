"""A model that answers whatever a schema asks at random.

It proposes one of the moves it is shown, imagines some of the outcomes it is shown, and refines or
accepts by lot. What an arm gains with it comes from how its planner uses the critic, and from
nothing the model knows. Equal requests get equal answers. By name:
`function:forethought.valuefn.reproduce.proposer:answer`.
"""

import json
import random
from collections.abc import Mapping
from typing import Any

from forethought.agent.types import Request

NAME = "function:forethought.valuefn.reproduce.proposer:answer"


def answer(request: Request) -> str:
    """A reply that follows the request's schema."""
    said = "".join(message.content for message in request.messages)
    rng = random.Random(f"{request.seed} {request.stage} {said}")
    return json.dumps(_any(request.schema or {"type": "string"}, rng))


def _any(schema: Mapping[str, Any], rng: random.Random) -> Any:
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema.get("type") == "object":
        return {name: _any(each, rng) for name, each in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        count, items = schema.get("minItems", 1), schema["items"]
        if "enum" in items:
            options = items["enum"]
            return rng.sample(options, min(count, len(options)))
        return [_any(items, rng) for _ in range(count)]
    if schema.get("type") in {"integer", "number"}:
        return rng.randint(int(schema.get("minimum", 0)), int(schema.get("maximum", 100)))
    return f"I go on ({rng.randrange(1000)})."
