import asyncio
import time
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
    refusal,
    serve,
)

from forethought.agent.errors import ModelUnavailable
from forethought.agent.models import load_model
from forethought.agent.models.ear import Ear
from forethought.agent.models.served import ServedModel
from forethought.agent.models.sse import events
from forethought.agent.protocols import Streams
from forethought.agent.types import Message, Request

ASK = Request((Message("user", "Which way?"),))
PREFIXED = Request(ASK.messages, prefix="Left.")
Heard = list[str | None]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forethought.agent.models.retry._FIRST", 0.01)


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.scheme)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    spoken: Protocol = request.param
    return spoken


def model(protocol: Protocol, server: FaultServer, **options: Any) -> ServedModel:
    made = load_model(f"{protocol.scheme}:m@{server.url}", api_key="k", **options)
    assert isinstance(made, ServedModel)
    return made


async def test_pieces_arrive_while_the_reply_is_written(protocol: Protocol) -> None:
    whole = protocol.stream("Left", ", past the ", "mill \u2028 \u00e9.")
    async with serve(Answer(whole.body, kind=whole.kind, drip=0.002, grain=40)) as server:
        asked = model(protocol, server)
        assert isinstance(asked, Streams)
        heard: Heard = []
        times: list[float] = []

        def hear(piece: str | None) -> None:
            heard.append(piece)
            times.append(time.perf_counter())

        reply = await asked.stream(ASK, hear)
    assert heard == ["Left", ", past the ", "mill \u2028 \u00e9."]
    assert reply.text == "Left, past the mill \u2028 \u00e9."
    assert times[-1] > times[0]
    assert (reply.finish, reply.prefix_mode) == ("stop", "none")
    usage = reply.usage
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (1, 10, 2)
    assert server.bodies[0]["stream"] is True


async def test_a_stream_that_is_cut_is_taken_back_and_made_again(protocol: Protocol) -> None:
    half = protocol.stream("Left", ", past", " the mill.")
    cut = Answer(half.body, kind=half.kind, cut=half.body.index(b" the mill"))
    heard: Heard = []
    async with serve(cut, protocol.stream("Right", ".")) as server:
        reply = await model(protocol, server).stream(ASK, heard.append)
    assert heard == ["Left", ", past", None, "Right", "."]
    assert (reply.text, reply.usage.calls) == ("Right.", 1)


async def test_a_whole_reply_without_its_last_event_is_kept(protocol: Protocol) -> None:
    whole = protocol.stream("Left", ".")
    ends = b"\n\ndata: [DONE]" if protocol is OPENAI else b"event: message_stop"
    heard: Heard = []
    for cut in (whole.body.index(ends) + 2, len(whole.body) - 1):
        async with serve(Answer(whole.body, kind=whole.kind, cut=cut)) as server:
            reply = await model(protocol, server, retries=0).stream(ASK, heard.append)
        assert reply.text == "Left."
        assert reply.usage.prompt_tokens == 10


async def test_a_server_that_never_hangs_up_after_its_reply(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forethought.agent.models.exchange._TAIL", 0.2)
    whole = protocol.stream("Left", ".")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n"
        writer.write(head.encode() + whole.body)
        await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    heard: Heard = []
    began = time.perf_counter()
    asked = load_model(f"{protocol.scheme}:m@{url}/v1", retries=0)
    assert isinstance(asked, ServedModel)
    reply = await asked.stream(ASK, heard.append)
    assert time.perf_counter() - began < 2
    assert reply.text == "Left."
    async with asyncio.timeout(2):
        await gone.wait()
    server.close()


async def test_what_the_listener_raises_is_its_own(protocol: Protocol) -> None:
    def broken(piece: str | None) -> None:
        raise BrokenPipeError("the terminal is gone")

    async with serve(protocol.stream("Left", "."), protocol.stream("Right.")) as server:
        asked = model(protocol, server)
        with pytest.raises(BrokenPipeError):
            await asked.stream(ASK, broken)
        heard: Heard = []
        assert (await asked.stream(ASK, heard.append)).text == "Right."


async def test_cancelling_ends_the_stream(protocol: Protocol) -> None:
    slow = protocol.stream("Left", ", past the mill and on until the river.")
    heard: Heard = []
    async with serve(Answer(slow.body, kind=slow.kind, drip=0.02)) as server:
        task = asyncio.create_task(model(protocol, server).stream(ASK, heard.append))
        while not server.bodies:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(100):
            if server.gone:
                break
            await asyncio.sleep(0.01)
    assert server.gone == 1


async def test_a_long_stream_may_take_longer_than_one_try(protocol: Protocol) -> None:
    slow = protocol.stream(*["word "] * 12)
    size = len(slow.body)
    async with serve(Answer(slow.body, kind=slow.kind, drip=3.0 / size, grain=5)) as server:
        reply = await model(protocol, server, timeout=0.35, retries=0).stream(ASK, lambda _: None)
    assert reply.text == "word " * 12
    assert reply.usage.seconds > 0.35


async def test_comments_do_not_keep_a_stream_alive(protocol: Protocol) -> None:
    wait = Answer(b": wait\n\n" * 200, kind="text/event-stream", drip=0.01)
    async with serve(wait) as server:
        began = time.perf_counter()
        with pytest.raises(ModelUnavailable, match="in time"):
            await model(protocol, server, timeout=0.3, retries=0).stream(ASK, lambda _: None)
        assert time.perf_counter() - began < 1.5


@pytest.mark.parametrize("pieces", [(" Then", " home."), ("Le", "ft. Then", " home.")])
async def test_a_continued_prefix_is_heard_once(
    protocol: Protocol, pieces: tuple[str, ...]
) -> None:
    heard: Heard = []
    async with serve(then=protocol.says(*pieces)) as server:
        reply = await model(protocol, server, prefix="native").stream(PREFIXED, heard.append)
    assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "native")
    assert None not in heard
    assert "".join(piece or "" for piece in heard) == reply.text
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Left."}


async def test_space_at_the_end_of_a_continued_prefix(protocol: Protocol) -> None:
    request = Request(ASK.messages, prefix="Left: ")
    heard: Heard = []
    async with serve(then=protocol.says(" ", " then", " home.")) as server:
        asked = model(protocol, server, prefix="native")
        reply = await asked.stream(request, heard.append)
        assert (await asked.complete(request)).text == reply.text
    assert reply.text == "Left: then home."
    assert heard == ["Left: ", "then", " home."]
    sent = server.bodies[0]["messages"][-1]["content"]
    assert sent == ("Left:" if protocol is ANTHROPIC else "Left: ")


async def test_an_emulated_prefix_is_put_right_for_who_listens(protocol: Protocol) -> None:
    heard: Heard = []
    async with serve(then=protocol.says("**Left.**", " Then home.")) as server:
        reply = await model(protocol, server, prefix="emulated").stream(PREFIXED, heard.append)
    assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "emulated")
    assert heard == ["**Left.**", " Then home.", None, "Left. Then home."]


async def test_a_correction_is_heard_in_place_of_the_first_reply(protocol: Protocol) -> None:
    heard: Heard = []
    async with serve(protocol.stream("Right."), protocol.stream("Left.", " Then home.")) as server:
        reply = await model(protocol, server, prefix="emulated").stream(PREFIXED, heard.append)
    assert (reply.text, reply.usage.calls) == ("Left. Then home.", 2)
    assert heard == ["Right.", None, "Left.", " Then home."]
    heard.clear()
    async with serve(protocol.stream("Right."), protocol.stream("Never.")) as server:
        reply = await model(protocol, server, prefix="emulated").stream(PREFIXED, heard.append)
    assert (reply.text, reply.prefix_mode) == ("Right.", "none")
    assert heard == ["Right.", None, "Never.", None, "Right."]


async def test_a_server_that_answers_afresh_is_taken_back(protocol: Protocol) -> None:
    def afresh(body: Body) -> Answer:
        told = "Begin your reply" in body["messages"][-1]["content"]
        return protocol.says("Left. Yes." if told else "Right!")(body)

    heard: Heard = []
    async with serve(then=afresh) as server:
        reply = await model(protocol, server).stream(PREFIXED, heard.append)
    assert (reply.text, reply.prefix_mode) == ("Left. Yes.", "emulated")
    assert heard == ["Left.", "Right!", None, "Left. Yes."]


async def test_a_refused_prefix_is_emulated_and_remembered(protocol: Protocol) -> None:
    def refusing(body: Body) -> Answer:
        if body["messages"][-1]["role"] == "assistant":
            return refusal(400, "This model does not support assistant message prefill.")
        return protocol.says("Left.", " Then home.")(body)

    async with serve(then=refusing) as server:
        asked = model(protocol, server)
        for _ in range(2):
            heard: Heard = []
            reply = await asked.stream(PREFIXED, heard.append)
            assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "emulated")
            assert heard == ["Left.", " Then home."]
    last = [body["messages"][-1]["role"] for body in server.bodies]
    assert last == ["assistant", "user", "user"]


async def test_stops_that_the_server_passed_over_are_taken_back(protocol: Protocol) -> None:
    heard: Heard = []
    request = Request(ASK.messages, stop=("\n\n", "END"))
    async with serve(then=protocol.says("Left.", "\n\nOr right. END")) as server:
        asked = model(protocol, server)
        reply = await asked.stream(request, heard.append)
        assert (await asked.complete(request)).text == "Left."
    assert (reply.text, reply.finish) == ("Left.", "stop")
    assert heard[-2:] == [None, "Left."]
    sent = {"openai": ("stop", ["\n\n", "END"]), "anthropic": ("stop_sequences", ["END"])}
    name, stops = sent[protocol.scheme]
    assert server.bodies[0][name] == stops


async def sse_events(*chunks: bytes) -> list[str]:
    async def chunked() -> Any:
        for chunk in chunks:
            yield chunk

    return [event async for event in events(chunked())]


async def test_events_may_be_cut_anywhere() -> None:
    stream = (
        b'event: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: note\n\nid: 4\ndata:[DONE]\n\ndata: torn'
    )
    whole = ['{"a":\n1}', "[DONE]"]
    assert await sse_events(stream) == whole
    assert await sse_events(*[stream[at : at + 1] for at in range(len(stream))]) == whole
    assert await sse_events(b"data: \xe2\x80", b"\xa8\n\ndata: \xff\n\n") == ["\u2028", "\ufffd"]


@pytest.mark.parametrize(
    ("prefix", "echoes", "pieces", "text", "heard"),
    [
        ("", True, ["a", "b"], "ab", ["a", "b"]),
        ("", True, ["a"], "other", ["a", None, "other"]),
        ("", True, [], "", []),
        ("ab", True, ["a", "bc"], "abc", ["ab", "c"]),
        ("ab", True, ["a", "x"], "abax", ["ab", "ax"]),
        ("ab", True, ["ab"], "ab", ["ab"]),
        ("ab", True, [], "ab", ["ab"]),
        ("ab", False, ["ab"], "abab", ["ab", "ab"]),
        ("a ", False, [" ", "", "b"], "a b", ["a ", "b"]),
    ],
)
def test_what_an_ear_is_told(
    prefix: str, echoes: bool, pieces: list[str], text: str, heard: Heard
) -> None:
    told: Heard = []
    ear = Ear(told.append, echoes=echoes)
    ear.begin(prefix)
    for piece in pieces:
        ear.take(piece)
    ear.settle(text)
    assert told == heard
