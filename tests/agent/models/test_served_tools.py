import json
from typing import Any

import pytest
from fault_server import (
    ANTHROPIC,
    OPENAI,
    PROTOCOLS,
    Answer,
    Body,
    FaultServer,
    Protocol,
    block,
    chat,
    chat_stream,
    chunk,
    message,
    message_stream,
    refusal,
    serve,
    sse,
)

from forethought.agent.actions import parse_tool_action
from forethought.agent.models import load_model
from forethought.agent.models.served import ServedModel
from forethought.agent.protocols import CallsTools
from forethought.agent.types import Message, Reply, Request, ToolCall, ToolSpec

STOCK = ToolSpec(
    "stock", "Units left.", {"type": "object", "properties": {"item": {"type": "string"}}}
)
NOW = ToolSpec("now", "The time.", {"type": "object", "properties": {}})
ASK = Request((Message("user", "How many bikes?"),), tools=(STOCK, NOW))
Raw = tuple[str, str]


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.scheme)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    spoken: Protocol = request.param
    return spoken


@pytest.fixture(params=["complete", "stream"])
def way(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def model(protocol: Protocol, server: FaultServer, **options: Any) -> ServedModel:
    made = load_model(f"{protocol.scheme}:m@{server.url}", api_key="k", **options)
    assert isinstance(made, ServedModel)
    return made


async def ask(asked: ServedModel, way: str, request: Request = ASK) -> Reply:
    if way == "complete":
        return await asked.complete(request)
    heard: list[str | None] = []
    reply = await asked.stream(request, heard.append)
    last = max((at + 1 for at, piece in enumerate(heard) if piece is None), default=0)
    assert "".join(piece or "" for piece in heard[last:]) == reply.text
    return reply


def calling(protocol: Protocol, way: str, text: str, *calls: Raw) -> Answer:
    """A text and calls; the arguments come in two pieces where they are streamed."""
    if protocol is OPENAI and way == "complete":
        made = [
            {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": raw}}
            for n, (name, raw) in enumerate(calls)
        ]
        return chat(text or None, finish="tool_calls", tool_calls=made)
    if protocol is OPENAI:
        deltas = []
        for n, (name, raw) in enumerate(calls):
            begin = {"index": n, "id": f"c{n}", "function": {"name": name, "arguments": raw[:4]}}
            rest = {"index": n, "function": {"arguments": raw[4:]}}
            deltas += [{"tool_calls": [begin]}, {"tool_calls": [rest]}]
        return chat_stream(*([text] if text else []), finish="tool_calls", deltas=tuple(deltas))
    begins: list[Body] = [
        {"type": "tool_use", "id": f"t{n}", "name": call[0]} for n, call in enumerate(calls)
    ]
    if way == "complete":
        blocks = [
            {**begin, "input": json.loads(raw or "{}")}
            for begin, (_, raw) in zip(begins, calls, strict=True)
        ]
        return message(text or None, finish="tool_use", blocks=tuple(blocks))
    events: list[Body] = []
    for n, (begin, (_, raw)) in enumerate(zip(begins, calls, strict=True), start=1):
        pieces = [{"type": "input_json_delta", "partial_json": part} for part in (raw[:4], raw[4:])]
        events += block(n, {**begin, "input": {}}, *pieces)
    return message_stream(*([text] if text else []), finish="tool_use", blocks=tuple(events))


async def test_tools_are_given_and_calls_come_back(protocol: Protocol, way: str) -> None:
    answer = calling(protocol, way, "I look.", ("stock", '{"item": "bike"}'), ("now", ""))
    async with serve(answer) as server:
        asked = model(protocol, server)
        assert isinstance(asked, CallsTools)
        assert asked.calls_tools
        reply = await ask(asked, way)
    assert reply.calls == (ToolCall("stock", {"item": "bike"}), ToolCall("now", {}))
    assert (reply.text, reply.finish) == ("I look.", "tool_calls")
    told = server.bodies[0]["tools"]
    if protocol is OPENAI:
        told = [tool["function"] for tool in told]
    assert [tool["name"] for tool in told] == ["stock", "now"]
    assert told[0]["description"] == "Units left."
    key = "parameters" if protocol is OPENAI else "input_schema"
    assert told[0][key] == STOCK.schema


async def test_a_call_without_a_word(protocol: Protocol, way: str) -> None:
    for request in (ASK, Request(ASK.messages, tools=ASK.tools, prefix="So")):
        async with serve(then=lambda _: calling(protocol, way, "", ("now", "{}"))) as server:
            reply = await ask(model(protocol, server, prefix="native"), way, request)
            assert (reply.text, reply.calls) == ("", (ToolCall("now", {}),))
            reply = await ask(model(protocol, server, prefix="emulated"), way, request)
            assert (reply.text, reply.calls) == ("", (ToolCall("now", {}),))
            assert (reply.prefix_mode, reply.usage.calls) == ("none", 1)


@pytest.mark.parametrize("raw", ['{"item": "bi', "[1]", '"bike"', "bike"])
async def test_arguments_that_are_no_object_stay_in_the_text(raw: str) -> None:
    whole = calling(OPENAI, "complete", "", ("now", "{}"), ("stock", raw))
    streamed = calling(OPENAI, "stream", "", ("now", "{}"), ("stock", raw))
    other = calling(ANTHROPIC, "stream", "", ("now", "{}"), ("stock", raw))
    for protocol, way, answer in (
        (OPENAI, "complete", whole),
        (OPENAI, "stream", streamed),
        (ANTHROPIC, "stream", other),
    ):
        async with serve(answer) as server:
            reply = await ask(model(protocol, server), way)
        assert (reply.text, reply.calls) == (f"now {{}}\nstock {raw}", ())


def test_what_stays_in_the_text_can_be_repaired() -> None:
    assert isinstance(parse_tool_action('stock {"item": 1,}', ["stock"]), str)
    assert parse_tool_action('stock {"item": 1}', ["stock"]) == (ToolCall("stock", {"item": 1}),)


@pytest.mark.parametrize("status", [400, 422, 501, 404])
async def test_refused_tools_are_told_in_words_and_remembered(
    protocol: Protocol, way: str, status: int
) -> None:
    def refusing(body: Body) -> Answer:
        if "tools" in body:
            return refusal(status, "No endpoint supports tool use")
        return protocol.says('{"name": "now", ', '"arguments": {}}')(body)

    async with serve(then=refusing) as server:
        asked = model(protocol, server)
        assert asked.calls_tools
        for _ in range(2):
            reply = await ask(asked, way)
            assert parse_tool_action(reply.text, ["now", "stock"]) == (ToolCall("now", {}),)
            assert reply.calls == ()
            assert not asked.calls_tools
    assert ["tools" in body for body in server.bodies] == [True, False, False]
    words = server.bodies[-1]["messages"][-1]["content"]
    assert words.startswith("How many bikes?")
    assert '"stock"' in words
    assert "Units left." in words


async def test_one_refused_set_of_tools_does_not_condemn_the_others(protocol: Protocol) -> None:
    def picky(body: Body) -> Answer:
        bad = "bad" in json.dumps(body.get("tools", []))
        return refusal(400, "tools.0: no such thing") if bad else protocol.says("ok")(body)

    bad = Request(ASK.messages, tools=(ToolSpec("bad", "Bad.", {"type": "object"}),))
    async with serve(then=picky) as server:
        asked = model(protocol, server)
        for request in (ASK, bad, bad, ASK):
            await asked.complete(request)
    assert asked.calls_tools
    assert ["tools" in body for body in server.bodies] == [True, True, False, False, True]


async def test_a_refusal_for_another_reason_teaches_nothing(protocol: Protocol) -> None:
    async with serve(then=lambda _: refusal(400, "too long")) as server:
        asked = model(protocol, server)
        with pytest.raises(Exception, match="too long"):
            await asked.complete(ASK)
    assert asked.calls_tools


async def test_what_the_user_says_of_tools(protocol: Protocol) -> None:
    async with serve(then=protocol.says("ok")) as server:
        asked = model(protocol, server, tool_calls="text")
        assert not asked.calls_tools
        await asked.complete(ASK)
    assert "tools" not in server.bodies[0]
    async with serve(then=lambda _: refusal(400, "tools are not supported")) as server:
        asked = model(protocol, server, tool_calls="native")
        with pytest.raises(Exception, match="not supported"):
            await asked.complete(ASK)
    assert asked.calls_tools
    assert len(server.bodies) == 1


async def test_tools_that_clash_with_a_schema_are_kept(protocol: Protocol) -> None:
    def clashing(body: Body) -> Answer:
        if "tools" in body and ("response_format" in body or "output_config" in body):
            return refusal(400, "Cannot use custom grammar constraints with tools.")
        return protocol.says("{}")(body)

    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    async with serve(then=clashing) as server:
        asked = model(protocol, server)
        await asked.complete(Request(ASK.messages, tools=ASK.tools, schema=schema))
        await asked.complete(Request(ASK.messages, schema=schema))
    assert "tools" in server.bodies[1]
    assert asked.calls_tools
    assert {"response_format", "output_config"} & server.bodies[2].keys()


@pytest.mark.parametrize(
    "deltas",
    [
        # no places, only ids
        [
            {"id": "a", "function": {"name": "stock", "arguments": '{"item": "x"}'}},
            {"id": "b", "function": {"name": "now", "arguments": "{}"}},
        ],
        # one place for all
        [
            {"index": 0, "id": "a", "function": {"name": "stock", "arguments": '{"item": "x"}'}},
            {"index": 0, "id": "b", "function": {"name": "now", "arguments": "{}"}},
        ],
        # neither, arguments in pieces
        [
            {"function": {"name": "stock", "arguments": '{"item":'}},
            {"function": {"arguments": ' "x"}'}},
            {"function": {"name": "now"}},
        ],
        # the name again with each piece
        [
            {"index": 0, "id": "a", "function": {"name": "stock", "arguments": '{"item":'}},
            {"index": 0, "id": "a", "function": {"name": "stock", "arguments": ' "x"}'}},
            {"index": 1, "id": "b", "function": {"name": "now", "arguments": None}},
        ],
    ],
)
async def test_how_servers_stream_calls(deltas: list[Body]) -> None:
    parts = [chunk({"tool_calls": [delta]}) for delta in deltas]
    async with serve(sse(*parts, chunk({}, "tool_calls"), "[DONE]")) as server:
        reply = await ask(model(OPENAI, server), "stream")
    assert reply.calls == (ToolCall("stock", {"item": "x"}), ToolCall("now", {}))
