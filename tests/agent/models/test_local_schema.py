import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.types import Message, Request

pytest.importorskip("torch", reason="torch is not installed: extra local")
pytest.importorskip("llguidance", reason="llguidance is not installed: extra local")

from tiny_llama import tiny_tokenizer

from forethought.agent.models import LocalModel
from forethought.agent.models.constrain import Schemas

ASK = (Message("user", "Which city?"),)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Paris", "Köln"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 20},
    },
    "required": ["city", "score"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def model(tiny: Path) -> LocalModel:
    return LocalModel(tiny)


async def test_random_weights_write_what_the_schema_says(model: LocalModel) -> None:
    for seed in range(6):
        request = Request(ASK, schema=SCHEMA, max_tokens=200, temperature=1.0, seed=seed)
        reply = await model.complete(request)
        value = json.loads(reply.text)
        assert list(value) == ["city", "score"]
        assert value["city"] in {"Paris", "Köln"}
        assert 0 <= value["score"] <= 20
        assert reply.finish == "stop"


@pytest.mark.parametrize("prefix", ['{"city":', '{ "city": "Pa', '{"city": "Paris", '])
async def test_a_prefix_that_begins_the_json(model: LocalModel, prefix: str) -> None:
    request = Request(ASK, schema=SCHEMA, prefix=prefix, max_tokens=200, temperature=0.0)
    reply = await model.complete(request)
    assert reply.text.startswith(prefix)
    assert set(json.loads(reply.text)) == {"city", "score"}
    assert reply.prefix_mode == "native"


async def test_a_prefix_that_cannot_begin_the_json_wins(model: LocalModel) -> None:
    request = Request(ASK, schema=SCHEMA, prefix="Well: ", max_tokens=6, temperature=0.0)
    reply = await model.complete(request)
    assert reply.text.startswith("Well: ")
    assert reply.prefix_mode == "native"


async def test_a_prefix_that_is_the_whole_json(model: LocalModel) -> None:
    prefix = '{"city": "Paris", "score": 7}'
    request = Request(ASK, schema=SCHEMA, prefix=prefix, max_tokens=20, temperature=0.0)
    reply = await model.complete(request)
    assert json.loads(reply.text) == {"city": "Paris", "score": 7}
    assert reply.finish == "stop"


async def test_a_schema_that_is_no_schema_is_asked_for_in_words(model: LocalModel) -> None:
    plain = await model.complete(Request(ASK, max_tokens=3))
    odd = Request(ASK, schema={"type": "city"}, max_tokens=3, temperature=0.0)
    reply = await model.complete(odd)
    assert reply.usage.prompt_tokens > plain.usage.prompt_tokens + 20


def test_blanks_without_end_are_not_allowed() -> None:
    tokenizer = tiny_tokenizer()
    schemas = Schemas(tokenizer, len(tokenizer) + 16, frozenset({1}))
    constraint = schemas.begin(SCHEMA, "{")
    assert constraint is not None
    newline, space = (tokenizer.encode(blank)[0] for blank in ("\n", " "))
    allowed = constraint.allowed()
    assert allowed.shape == (len(tokenizer) + 16,)
    assert allowed[space]
    assert allowed[newline]
    constraint.take(space)
    assert not constraint.allowed()[space]
    assert not constraint.allowed()[len(tokenizer) :].any()
    assert schemas.begin(SCHEMA, "Well") is None
