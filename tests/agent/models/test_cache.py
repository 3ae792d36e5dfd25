import asyncio
import logging
import multiprocessing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.budget import Budget, Meter
from forethought.agent.errors import BudgetExhausted, ConfigError, ModelUnavailable
from forethought.agent.loop import run_episode
from forethought.agent.models import Cached, FunctionModel, Limited, ScriptedModel, load_model
from forethought.agent.models.cache import request_key
from forethought.agent.planners.react import React
from forethought.agent.protocols import Hear, Model
from forethought.agent.types import Episode, Message, Reply, Request, ToolCall, ToolSpec, Usage

ASK = Request((Message("user", "Which way is home?"),), seed=1)

TEXT = st.text(st.characters(), max_size=4)  # half surrogate pairs too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
SCHEMA = st.dictionaries(TEXT, JSON, max_size=2)
REQUESTS = st.builds(
    Request,
    messages=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=2
    ).map(tuple),
    prefix=TEXT,
    stage=st.sampled_from(["act", "goals"]),
    schema=st.none() | SCHEMA,
    tools=st.lists(st.builds(ToolSpec, TEXT, TEXT, SCHEMA), max_size=2).map(tuple),
    max_tokens=st.integers(1, 3),
    temperature=st.sampled_from([0, 0.0, 0.7, 1]),
    seed=st.none() | st.integers(0, 2),
    stop=st.lists(TEXT, max_size=2).map(tuple),
)


def exact(value: Any) -> Any:
    """Told apart as JSON tells apart: true is not 1, and keys have an order."""
    if isinstance(value, dict):
        return tuple((key, exact(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, Message | ToolSpec | Request):
        return [exact(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, bool):
        return str(value)
    return value


@settings(deadline=None)
@given(st.tuples(TEXT, REQUESTS), st.tuples(TEXT, REQUESTS))
def test_different_requests_never_share_a_key(
    one: tuple[str, Request], other: tuple[str, Request]
) -> None:
    same = (one[0], exact(one[1])) == (other[0], exact(other[1]))
    assert (request_key(*one) == request_key(*other)) == same


CHANGES: dict[str, Any] = {
    "messages": (Message("user", "Which way is home!"),),
    "prefix": "Left",
    "stage": "goals",
    "schema": {"type": "object"},
    "tools": (ToolSpec("go", "", {}),),
    "max_tokens": 1,
    "temperature": 0.1,
    "seed": 2,
    "stop": ("\n",),
}


@settings(deadline=None)
@given(REQUESTS, st.sampled_from(sorted(CHANGES)))
def test_equal_requests_share_a_key_and_every_field_counts(request: Request, name: str) -> None:
    copy = replace(
        request,
        messages=tuple(replace(message) for message in request.messages),
        schema=None if request.schema is None else dict(request.schema),
        temperature=float(request.temperature),
    )
    key = request_key("m", request)
    assert request_key("m", copy) == key
    assert request_key("n", copy) != key
    changed = replace(request, **{name: CHANGES[name]})
    assert (request_key("m", changed) == key) == (exact(changed) == exact(request))


def test_no_field_is_forgotten() -> None:
    assert set(CHANGES) == {each.name for each in fields(Request)}


def test_what_is_not_json() -> None:
    with pytest.raises(ConfigError, match="object is no JSON"):
        request_key("m", replace(ASK, schema={"a": object()}))


async def test_the_second_time_is_free(tmp_path: Path) -> None:
    reply = Reply(
        "Left \U0001f600", Usage(2, 30, 4, 1.5, 0.01), "native", "stop", (ToolCall("go", {"a": 1}),)
    )
    inner = ScriptedModel([reply], name="m")
    first = Cached(inner, tmp_path / "new" / "folder")
    assert await first.complete(ASK) == reply
    second = Cached(inner, tmp_path / "new" / "folder")
    assert await second.complete(ASK) == replace(reply, usage=Usage(cached=1))
    assert (first.hits, first.misses, second.hits, second.misses) == (0, 1, 1, 0)
    assert second.saved == reply.usage
    assert len(inner.requests) == 1


async def test_a_request_without_a_seed_is_kept_too(tmp_path: Path) -> None:
    model = Cached(ScriptedModel(["a", "b", "c"]), tmp_path)
    loose = replace(ASK, seed=None, temperature=1.0)
    assert [(await model.complete(loose)).text for _ in range(2)] == ["a", "a"]
    assert (await model.complete(ASK)).text == "b"
    assert (await model.complete(replace(ASK, seed=2))).text == "c"


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    model = Cached(ScriptedModel([ModelUnavailable("down"), "a"]), tmp_path)
    with pytest.raises(ModelUnavailable):
        await model.complete(ASK)
    assert (await model.complete(ASK)).text == "a"
    assert (model.hits, model.misses) == (0, 2)


@pytest.mark.parametrize("damage", ["", "{", "null", '{"version": 1}', "other"])
async def test_damaged_entries_are_written_anew(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = Cached(ScriptedModel(["a", "b", "c"]), tmp_path)
    await model.complete(ASK)
    (file,) = tmp_path.rglob("*.json")
    if damage == "other":  # another request's entry under this one's name
        await model.complete(replace(ASK, seed=9))
        (other,) = set(tmp_path.rglob("*.json")) - {file}
        damage = other.read_text()
    file.write_text(damage)
    text = (await model.complete(ASK)).text
    assert text != "a"
    assert (await model.complete(ASK)).text == text
    assert not any("\n" in record.message for record in caplog.records)


async def test_a_reply_that_cannot_be_written_is_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = Cached(ScriptedModel(["a", "half \ud83d"]), tmp_path)
    (tmp_path / request_key("scripted", ASK)[:2]).write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert (await model.complete(ASK)).text == "a"
        assert (await model.complete(replace(ASK, seed=3))).text == "half \ud83d"
    assert caplog.text.count("could not keep a reply") == 2
    assert not list(tmp_path.rglob(".*"))


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot keep replies in .*file"):
        Cached(ScriptedModel(), tmp_path / "file")


class Writing:
    name = "writing"
    calls_tools = True

    def __init__(self) -> None:
        self.heard = 0

    async def complete(self, request: Request) -> Reply:
        return Reply("one two", Usage(1))

    async def stream(self, request: Request, hear: Hear) -> Reply:
        self.heard += 1
        for piece in ("one", " ", "two"):
            hear(piece)
        return Reply("one two", Usage(1))


async def test_streams(tmp_path: Path) -> None:
    inner = Writing()
    model = Cached(Limited(inner, concurrency=1), tmp_path)
    assert model.calls_tools
    pieces: list[str | None] = []
    await model.stream(ASK, pieces.append)
    assert pieces == ["one", " ", "two"]
    again: list[str | None] = []
    assert (await model.stream(ASK, again.append)).usage == Usage(cached=1)
    assert again == ["one two"]
    assert (await model.complete(ASK)).text == "one two"
    assert (inner.heard, model.hits) == (1, 2)


async def test_streaming_a_model_that_cannot_be_heard(tmp_path: Path) -> None:
    model = Cached(ScriptedModel(["a"]), tmp_path)
    heard: list[str | None] = []
    assert (await model.stream(ASK, heard.append)).text == "a"
    assert (heard, model.misses, model.calls_tools) == ([], 1, False)


async def test_a_hit_costs_nothing_of_a_budget(tmp_path: Path) -> None:
    model = Cached(ScriptedModel(["a", "b"]), tmp_path)
    meter = Meter(model, Budget(calls=1))
    await model.complete(ASK)
    for _ in range(3):
        await meter.complete(ASK)
    assert (meter.total.calls, meter.total.cached, meter.total.tokens) == (0, 3, 0)
    await meter.complete(replace(ASK, seed=5))
    assert (meter.total.calls, meter.total.cached) == (1, 3)
    with pytest.raises(BudgetExhausted):
        await meter.complete(ASK)


async def test_an_episode_played_again_makes_no_call(tmp_path: Path, talk: Any) -> None:
    def play(model: Model) -> Any:
        return run_episode(talk(), React(), episode=Episode("e", "talk-v0", seed=7), model=model)

    inner = FunctionModel(lambda request: f'{{"thought": "t", "action": "say {request.seed}"}}')
    first = await play(Cached(inner, tmp_path))
    again = await play(Cached(inner, tmp_path))
    assert [s.decision.action for s in first.steps] == [s.decision.action for s in again.steps]
    assert (first.usage.calls, first.usage.cached) == (3, 0)
    assert (again.usage.calls, again.usage.cached, again.usage.tokens) == (0, 3, 0)


def _ask_many(folder: str, worker: int) -> int:
    model = Cached(FunctionModel(lambda request: f"{request.seed}" * 2000), folder)

    async def ask() -> int:
        for seed in range(40):
            reply = await model.complete(replace(ASK, seed=(seed * 7 + worker) % 40))
            assert reply.text == f"{(seed * 7 + worker) % 40}" * 2000
        return model.hits

    return asyncio.run(ask())


def test_many_processes_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        hits = pool.starmap(_ask_many, [(str(tmp_path), worker) for worker in range(4)])
    assert len(list(tmp_path.rglob("*.json"))) == 40
    assert sum(hits) >= 40
    assert not list(tmp_path.rglob(".*"))


async def test_by_name(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('["a", "b"]')
    name = f"scripted:{tmp_path / 'script.json'}"
    model = load_model(name, cache=tmp_path / "kept", requests_per_minute=60, concurrency=2)
    assert isinstance(model, Cached)
    assert isinstance(model.model, Limited)
    assert isinstance(model.model.model, ScriptedModel)
    assert model.name == name
    await model.complete(ASK)
    again = load_model(name, cache=str(tmp_path / "kept"))
    assert (await again.complete(ASK)).usage == Usage(cached=1)
