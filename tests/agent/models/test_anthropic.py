import json
from typing import Any

import pytest
from fault_server import (
    Answer,
    Body,
    block,
    message,
    message_stream,
    refusal,
    serve,
)

from forethought.agent.errors import ConfigError, ModelRefused
from forethought.agent.models import AnthropicModel, load_model
from forethought.agent.models.anthropic import MessagesWire
from forethought.agent.models.prices import Priced
from forethought.agent.types import Message, Request, ToolSpec

USER = Message("user", "Hello?")
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 1}},
    "required": ["a"],
}
OPEN = {"type": "object", "properties": {"arguments": {"type": "object"}}}


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)


def model(url: str, **options: Any) -> AnthropicModel:
    return AnthropicModel("m", base_url=url, **{"api_key": "sk-a-key", **options})


def form(body: Body, answer: Body) -> Answer:
    """The tool that is asked for, filled in."""
    assert body["tool_choice"] == {"type": "tool", "name": body["tools"][0]["name"]}
    begin = {"type": "tool_use", "id": "t", "name": body["tools"][0]["name"]}
    if not body.get("stream"):
        return message(None, finish="tool_use", blocks=({**begin, "input": answer},))
    text = json.dumps(answer)
    pieces = [{"type": "input_json_delta", "partial_json": part} for part in (text[:3], text[3:])]
    blocks = tuple(block(0, {**begin, "input": {}}, *pieces))
    return message_stream(finish="tool_use", blocks=blocks)


async def test_a_plain_reply_with_everything_that_was_asked() -> None:
    request = Request(
        (Message("system", "Be brief."), USER, Message("system", "And kind.")),
        temperature=1.7,
        seed=5,
        stop=("END", "\n\n"),
        max_tokens=7,
    )
    async with serve(message("Hi.", finish="max_tokens", prompt=11)) as server:
        asked = model(server.url)
        reply = await asked.complete(request)
    assert (reply.text, reply.prefix_mode, reply.finish) == ("Hi.", "none", "length")
    usage = reply.usage
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (1, 11, 2)
    assert server.bodies == [
        {
            "model": "m",
            "max_tokens": 7,
            "system": "Be brief.\n\nAnd kind.",
            "messages": [{"role": "user", "content": "Hello?"}],
            "stop_sequences": ["END"],
            "temperature": 1.0,
        }
    ]
    assert server.paths == ["/v1/messages"]
    assert "sk-a-key" in server.headers[0]


async def test_a_system_message_alone_is_what_the_user_says() -> None:
    async with serve(message("Hi.")) as server:
        await model(server.url).complete(Request((Message("system", "Greet."),)))
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "Greet."}]
    assert "system" not in server.bodies[0]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause_turn"),
    ],
)
async def test_finishes(reason: str, finish: str) -> None:
    streamed = message_stream("Hi.", finish=reason)
    async with serve(message("Hi.", finish=reason), streamed) as server:
        asked = model(server.url)
        assert (await asked.complete(Request((USER,)))).finish == finish
        assert (await asked.stream(Request((USER,)), lambda _: None)).finish == finish


async def test_a_refusal_is_one_whatever_was_said_before() -> None:
    body = json.loads(message("I", finish="refusal").body)
    body["stop_details"] = {"type": "refusal", "explanation": "It\nis harmful."}
    told = Answer(json.dumps(body).encode())
    async with serve(told, message_stream("I", finish="refusal")) as server:
        asked = model(server.url)
        with pytest.raises(ModelRefused, match=r"declined: It is harmful\."):
            await asked.complete(Request((USER,)))
        with pytest.raises(ModelRefused, match="gave no reason"):
            await asked.stream(Request((USER,)), lambda _: None)
    assert len(server.bodies) == 2


async def test_thoughts_are_no_part_of_the_reply() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    events = block(1, thought, {"type": "thinking_delta", "thinking": "Hm, text?"})
    events += block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": " there."})
    heard: list[str | None] = []
    async with serve(
        message("Hi.", blocks=(thought,)), message_stream("Hi", blocks=tuple(events))
    ) as server:
        asked = model(server.url)
        assert (await asked.complete(Request((USER,)))).text == "Hi."
        assert (await asked.stream(Request((USER,)), heard.append)).text == "Hi there."
    assert heard == ["Hi", " there."]


async def test_a_schema_is_put_as_the_outputs_format() -> None:
    async with serve(message('{"a": 1}')) as server:
        reply = await model(server.url).complete(Request((USER,), schema=SCHEMA))
    assert reply.text == '{"a": 1}'
    given = server.bodies[0]["output_config"]["format"]
    assert given["type"] == "json_schema"
    assert given["schema"]["required"] == ["a"]
    assert given["schema"]["additionalProperties"] is False
    assert "minimum: 1" in given["schema"]["properties"]["a"]["description"]


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_a_refused_format_becomes_a_form_and_then_words(way: str) -> None:
    def older(body: Body) -> Answer:
        if "output_config" in body:
            return refusal(400, "output_config: Extra inputs are not permitted")
        return form(body, {"a": "é"})

    def oldest(body: Body) -> Answer:
        if "output_config" in body or "tool_choice" in body:
            return refusal(400, "not today")
        text = '{"a": 2}'
        return message_stream(text) if body.get("stream") else message(text)

    for server_of, wanted, tries in ((older, {"a": "é"}, 2), (oldest, {"a": 2}, 3)):
        async with serve(then=server_of) as server:
            asked = model(server.url)
            for n in range(4):
                request = Request((USER,), schema={**SCHEMA, "title": f"{n % 3}"})
                heard: list[str | None] = []
                if way == "stream":
                    reply = await asked.stream(request, heard.append)
                    last = heard[heard.index(None) + 1 :] if None in heard else heard
                    assert "".join(piece or "" for piece in last) == reply.text
                else:
                    reply = await asked.complete(request)
                assert json.loads(reply.text) == wanted
                assert (reply.calls, reply.usage.calls) == ((), 1)
        # two schemas are refused, which is enough for the third
        assert len(server.bodies) == 2 * tries + 2


async def test_a_schema_with_fields_of_any_name_is_a_form_at_once() -> None:
    async with serve(then=lambda body: form(body, {"arguments": {"x": 1}})) as server:
        reply = await model(server.url).complete(Request((USER,), schema=OPEN))
    assert json.loads(reply.text) == {"arguments": {"x": 1}}
    assert server.bodies[0]["tools"][0]["input_schema"] == OPEN


async def test_a_schema_that_is_passed_over_in_silence() -> None:
    def deaf(body: Body) -> Answer:
        told = "JSON schema" in body["messages"][-1]["content"]
        return message('{"a": 1}' if told else "I would say one.")

    async with serve(then=deaf) as server:
        asked = model(server.url)
        first = await asked.complete(Request((USER,), schema=SCHEMA))
        second = await asked.complete(Request((USER,), schema=SCHEMA))
    assert (first.text, first.usage.calls) == ('{"a": 1}', 3)
    assert (second.text, second.usage.calls) == ('{"a": 1}', 1)


async def test_a_schema_beside_tools_or_a_prefix() -> None:
    tools = (ToolSpec("now", "The time.", {"type": "object", "properties": {}}),)
    async with serve(then=lambda _: message('{"a": 1}')) as server:
        asked = model(server.url, prefix="native")
        await asked.complete(Request((USER,), schema=SCHEMA, tools=tools))
        await asked.complete(Request((USER,), schema=OPEN, tools=tools))
        await asked.complete(Request((USER,), schema=SCHEMA, prefix='{"a":'))
    both, words, begun = server.bodies
    assert {"output_config", "tools"} <= both.keys()
    assert "tool_choice" not in both
    assert "output_config" not in words
    assert "JSON schema" in words["messages"][-1]["content"]
    assert "output_config" not in begun
    assert [turn["role"] for turn in begun["messages"]] == ["user", "assistant"]
    assert "JSON schema" in begun["messages"][0]["content"]


def at_the_service(url: str) -> AnthropicModel:
    """The model as it is at the service itself, which echoes nothing, at another address."""
    asked = AnthropicModel("m", api_key="k")
    there = model(url)
    asked._exchange.server = there._exchange.server
    return asked


async def test_at_the_service_a_prefix_is_handed_over_and_not_looked_for() -> None:
    asked_for = Request((USER,), prefix="I")
    async with serve(message("I am well."), message_stream(" am", " well.")) as server:
        asked = at_the_service(server.url)
        reply = await asked.complete(asked_for)
        assert (reply.text, reply.prefix_mode, reply.usage.calls) == ("II am well.", "native", 1)
        heard: list[str | None] = []
        reply = await asked.stream(asked_for, heard.append)
        assert reply.text == "I am well."
        assert heard == ["I", " am", " well."]


async def test_at_the_service_a_refused_prefix_is_emulated_from_then_on() -> None:
    def newer(body: Body) -> Answer:
        if body["messages"][-1]["role"] == "assistant":
            return refusal(400, "This model does not support assistant message prefill.")
        return message("I am well.")

    async with serve(then=newer) as server:
        asked = at_the_service(server.url)
        for _ in range(2):
            reply = await asked.complete(Request((USER,), prefix="I am"))
            assert (reply.text, reply.prefix_mode) == ("I am well.", "emulated")
    roles = [body["messages"][-1]["role"] for body in server.bodies]
    assert roles == ["assistant", "user", "user"]


async def test_an_empty_reply_is_no_empty_turn_in_its_correction() -> None:
    async with serve(message(""), message("I am well.")) as server:
        request = Request((USER,), prefix="I am")
        reply = await model(server.url, prefix="emulated").complete(request)
    assert reply.text == "I am well."
    assert all(turn["content"].strip() for turn in server.bodies[1]["messages"])


async def test_whitespace_alone_is_not_handed_over() -> None:
    async with serve(then=lambda _: message("Hi.")) as server:
        await model(server.url, prefix="native").complete(Request((USER,), prefix=" \n"))
    assert {body["messages"][-1]["role"] for body in server.bodies} == {"user"}


def test_names_addresses_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY"):
        load_model("anthropic:claude-sonnet-5")
    with pytest.raises(ConfigError, match="http://"):
        load_model("anthropic:m@localhost:8080")
    with pytest.raises(ConfigError, match="anthropic models have no option 'seed'"):
        load_model("anthropic:m", seed=3)
    own = load_model("anthropic:m@http://127.0.0.1:80/v1/")
    assert isinstance(own, AnthropicModel)
    assert (own.url, own.name) == ("http://127.0.0.1:80", "anthropic:m@http://127.0.0.1:80")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    public = load_model("anthropic:claude-sonnet-5")
    assert isinstance(public, Priced)  # its price is known
    assert isinstance(public.model, AnthropicModel)
    assert (public.model.url, public.name) == (
        "https://api.anthropic.com",
        "anthropic:claude-sonnet-5",
    )
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://host")
    elsewhere = load_model("anthropic:m")
    assert isinstance(elsewhere, AnthropicModel)
    assert elsewhere.url == "http://host"


@pytest.mark.parametrize(
    ("schema", "rungs"),
    [
        (SCHEMA, ["schema", "form"]),
        (OPEN, ["form"]),
        ({"type": "object"}, ["form"]),
        ({"type": "object", "properties": {"a": {}}}, ["form"]),
        ({**SCHEMA, "additionalProperties": {"type": "string"}}, ["form"]),
        ({"type": "array", "items": {"type": "string"}}, ["schema"]),
        ({"title": "no type"}, []),
        ({"type": "array", "items": OPEN}, []),
    ],
)
def test_how_a_schema_may_be_put(schema: Body, rungs: list[str]) -> None:
    request = Request((USER,), schema=schema)
    assert [rung.name for rung in MessagesWire.rungs if rung.takes(request)] == rungs
