import json
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from fault_server import (
    ANTHROPIC,
    HANG_UP,
    OPENAI,
    PROTOCOLS,
    Answer,
    Body,
    FaultServer,
    Protocol,
    refusal,
    serve,
    sse,
)

from forethought.agent.errors import ConfigError, ModelRefused, ModelUnavailable
from forethought.agent.loop import run_episode
from forethought.agent.models import load_model
from forethought.agent.models.served import ServedModel
from forethought.agent.planners.react import React
from forethought.agent.types import Episode, Message, Reply, Request
from forethought.envs.signpost import Signpost

KEY = "sk-very-secret-1234567890"
ASK = Request((Message("system", "Be brief."), Message("user", "Hello?")))
Heard = list[str | None]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forethought.agent.models.retry._FIRST", 0.01)


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.scheme)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    spoken: Protocol = request.param
    return spoken


@pytest.fixture(params=["complete", "stream"])
def way(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def model(protocol: Protocol, server: FaultServer, **options: Any) -> ServedModel:
    made = load_model(f"{protocol.scheme}:m@{server.url}", **{"api_key": KEY, **options})
    assert isinstance(made, ServedModel)
    return made


async def ask(asked: ServedModel, way: str, request: Request = ASK) -> tuple[Reply, Heard]:
    heard: Heard = []
    if way == "complete":
        return await asked.complete(request), heard
    reply = await asked.stream(request, heard.append)
    last = max((at + 1 for at, piece in enumerate(heard) if piece is None), default=0)
    assert "".join(piece or "" for piece in heard[last:]) == reply.text
    return reply, heard


def cut(answer: Answer, at: float) -> Answer:
    return Answer(answer.body, kind=answer.kind, cut=int(len(answer.body) * at))


def ended_early(protocol: Protocol, events: int) -> Answer:
    """A stream that ends in good order, but before its reply does."""
    body = protocol.stream("Hel", "lo").body
    parts = [part for part in body.split(b"\n\n") if part][:events]
    return Answer(b"\n\n".join(parts) + b"\n\n", kind="text/event-stream")


def overloaded(protocol: Protocol) -> Answer:
    """An error inside a stream, after some text."""
    parts = protocol.stream("Hel").body.split(b"\n\n")[: 2 if protocol is OPENAI else 4]
    error = {"type": "error", "error": {"type": "overloaded_error", "message": f"busy, {KEY}"}}
    return Answer(b"\n\n".join(parts) + b"\n\n" + sse(error).body, kind="text/event-stream")


Fault = Callable[[Protocol], Answer]
EITHER_WAY: dict[str, Fault] = {
    "429": lambda p: refusal(429, "slow down", {"Retry-After": "0.02"}),
    "500": lambda p: refusal(500, f"oops {KEY}"),
    "503": lambda p: refusal(503, "busy"),
    "529": lambda p: refusal(529, "overloaded", type="overloaded_error"),
    "hang-up": lambda p: HANG_UP,
    "html": lambda p: Answer(b"<html>proxy</html>", kind="text/html"),
    "half-json": lambda p: Answer(b'{"choices": [{"mess'),
    "list": lambda p: Answer(b"[]"),
    "null": lambda p: Answer(b"null"),
    "other-types": lambda p: Answer(b'{"choices": 3, "content": {"a": 1}}'),
    "no-choices": lambda p: Answer(b'{"choices": []}'),
    "not-utf8": lambda p: Answer(b"\xff\xfe{"),
    "quotes-the-key": lambda p: Answer(json.dumps({"choices": KEY, "content": KEY}).encode()),
    "nothing": lambda p: Answer(b""),
}
WHOLE: dict[str, Fault] = {"cut": lambda p: cut(p.whole("Hello"), 0.5)}
STREAMED: dict[str, Fault] = {
    "cut-within-an-event": lambda p: cut(p.stream("Hel", "lo"), 0.55),
    "cut-at-once": lambda p: Answer(p.stream("Hello").body, kind="text/event-stream", cut=3),
    "ended-early": lambda p: ended_early(p, 3 if p is OPENAI else 5),
    "no-events": lambda p: Answer(b"", kind="text/event-stream"),
    "comments-only": lambda p: Answer(b": wait\n\n" * 3, kind="text/event-stream"),
    "bad-event": lambda p: Answer(b"data: {oops\n\n", kind="text/event-stream"),
    "list-event": lambda p: sse("[1, 2]"),
    "null-event": lambda p: sse("null"),
    "odd-event": lambda p: sse('{"type": "content_block_delta", "delta": 3, "choices": 3}'),
    "done-alone": lambda p: sse("[DONE]"),
    "overloaded": overloaded,
}
FAULTS = [
    *[(name, fault, way) for name, fault in EITHER_WAY.items() for way in ("complete", "stream")],
    *[(name, fault, "complete") for name, fault in WHOLE.items()],
    *[(name, fault, "stream") for name, fault in STREAMED.items()],
]


def assert_without_key(error: BaseException | None) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error)
    while error is not None:
        shown += repr(vars(error)) + repr(error.args)
        error = error.__cause__ or error.__context__
    assert KEY not in shown


@pytest.mark.parametrize(
    ("fault", "way"),
    [(fault, way) for _, fault, way in FAULTS],
    ids=[f"{name}-{way}" for name, _, way in FAULTS],
)
async def test_what_can_pass_is_tried_again_and_then_named(
    protocol: Protocol, fault: Fault, way: str
) -> None:
    async with serve(fault(protocol), then=protocol.says("Hi", " there.")) as server:
        reply, heard = await ask(model(protocol, server), way)
    assert (reply.text, len(server.bodies)) == ("Hi there.", 2)
    assert not heard or heard[-2:] == ["Hi", " there."]
    async with serve(then=lambda _: fault(protocol)) as server:
        asked = model(protocol, server, retries=1)
        with pytest.raises(ModelUnavailable, match=r"\(2 tries\)") as caught:
            await ask(asked, way)
    assert len(server.bodies) == 2
    assert "\n" not in str(caught.value)
    assert_without_key(caught.value)
    assert KEY not in repr(asked) + repr(vars(asked)) + asked.name


@pytest.mark.parametrize("fault", [fault for _, fault, way in FAULTS if way == "stream"][::3])
async def test_an_episode_ends_with_a_stated_reason(protocol: Protocol, fault: Fault) -> None:
    plan = Episode("e", "signpost-v0")
    async with serve(then=lambda _: fault(protocol)) as server:
        asked = model(protocol, server, retries=1)
        for live in (False, True):
            trace = await run_episode(Signpost(), React(), episode=plan, model=asked, live=live)
            assert trace.outcome
            assert trace.outcome.reason.startswith("error: ")
            assert "\n" not in trace.outcome.reason
            assert KEY not in trace.outcome.reason
    reply = '{"thought": "I follow the sign.", "action": "left"}'
    async with serve(fault(protocol), then=protocol.says(reply[:9], reply[9:])) as server:
        asked = model(protocol, server)
        trace = await run_episode(Signpost(), React(), episode=plan, model=asked, live=True)
    assert trace.outcome
    assert trace.outcome.reason == "terminated"
    assert trace.steps[0].decision.fallback == ""


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "API_KEY"), (403, "may use"), (404, "address"), (413, "HTTP 413")]
)
async def test_what_stays_is_asked_once(
    protocol: Protocol, way: str, status: int, hint: str
) -> None:
    async with serve(refusal(status, f"no\nway {KEY}")) as server:
        with pytest.raises(ModelRefused, match=hint) as caught:
            await ask(model(protocol, server), way)
    assert len(server.bodies) == 1
    assert caught.value.status == status
    assert "no way [key]" in str(caught.value)
    assert_without_key(caught.value)


async def test_an_account_without_money_is_not_asked_again(protocol: Protocol, way: str) -> None:
    broke: Body = {"code": "insufficient_quota"}
    if protocol is ANTHROPIC:
        broke = {"type": "billing_error"}
    async with serve(refusal(429, "pay first", **broke)) as server:
        with pytest.raises(ModelRefused, match="quota"):
            await ask(model(protocol, server), way)


async def test_errors_that_stay_inside_a_stream(protocol: Protocol) -> None:
    error = {"type": "invalid_request_error", "message": f"no {KEY}", "code": None}
    async with serve(sse({"type": "error", "error": error})) as server:
        with pytest.raises(ModelRefused, match=r"HTTP 400: .*no \[key\]") as caught:
            await ask(model(protocol, server), "stream")
    assert_without_key(caught.value)


async def test_an_error_with_status_200_is_named() -> None:
    async with serve(Answer(b'{"error": {"message": "upstream is down", "code": 502}}')) as server:
        with pytest.raises(ModelUnavailable, match="HTTP 502: upstream is down"):
            await ask(model(OPENAI, server, retries=0), "complete")


async def test_an_empty_reply_is_a_reply(protocol: Protocol, way: str) -> None:
    async with serve(then=protocol.says("")) as server:
        reply, heard = await ask(model(protocol, server), way)
    assert (reply.text, reply.finish, heard) == ("", "stop", [])
    assert len(server.bodies) == 1


async def test_a_server_that_does_not_stream_is_read_whole(protocol: Protocol) -> None:
    async with serve(protocol.whole("Hi there.")) as server:
        reply, heard = await ask(model(protocol, server), "stream")
    assert (reply.text, heard) == ("Hi there.", ["Hi there."])
    assert reply.usage.prompt_tokens == 10


@pytest.mark.parametrize(
    ("feature", "words", "field"),
    [
        ("temperature", "`temperature` is not supported by this model", "temperature"),
        ("stop", "`stop_sequences` or 'stop' is not supported", "stop"),
        ("stream", "Streaming is not supported", "stream"),
    ],
)
async def test_a_refused_feature_is_left_out_from_then_on(
    protocol: Protocol, way: str, feature: str, words: str, field: str
) -> None:
    field = "stop_sequences" if (protocol, feature) == (ANTHROPIC, "stop") else field

    def picky(body: Body) -> Answer:
        return refusal(400, words) if field in body else protocol.says("a. b. END c")(body)

    request = Request(ASK.messages, stop=("END",))
    async with serve(then=picky) as server:
        asked = model(protocol, server)
        for _ in range(2):
            reply, _ = await ask(asked, way, request)
            assert reply.text == "a. b. "
    refused = [field in body for body in server.bodies]
    assert refused == (
        [False] * 2 if (feature, way) == ("stream", "complete") else [True] + [False] * 2
    )


async def test_stream_options_are_left_out_where_they_are_refused() -> None:
    def picky(body: Body) -> Answer:
        if "stream_options" in body:
            return refusal(400, "Unrecognized request argument supplied: stream_options")
        return OPENAI.stream("Hello ", "there.", counts=False)

    async with serve(then=picky) as server:
        asked = model(OPENAI, server)
        for _ in range(2):
            reply, heard = await ask(asked, "stream")
    assert heard == ["Hello ", "there."]
    assert (reply.usage.calls, reply.usage.completion_tokens) == (1, 3)  # 12 characters
    assert reply.usage.prompt_tokens > 10
    assert ["stream_options" in body for body in server.bodies] == [True, False, False]


async def test_a_server_that_drips(protocol: Protocol, way: str) -> None:
    whole = protocol.whole("Hello there.") if way == "complete" else protocol.stream("Hello there.")
    slow = Answer(whole.body, kind=whole.kind, drip=0.05)
    async with serve(then=lambda _: slow) as server:
        began = time.perf_counter()
        with pytest.raises(ModelUnavailable, match="in time"):
            await ask(model(protocol, server, timeout=0.2, deadline=60, retries=1), way)
        assert 0.4 <= time.perf_counter() - began < 2
        began = time.perf_counter()
        with pytest.raises(ModelUnavailable, match="1 try"):
            await ask(model(protocol, server, timeout=60, deadline=0.3), way)
        assert 0.3 <= time.perf_counter() - began < 1.5


async def test_text_that_cannot_be_written_is_sent_all_the_same(
    protocol: Protocol, way: str
) -> None:
    async with serve(then=protocol.says("Hi.")) as server:
        await ask(model(protocol, server), way, Request((Message("user", "half \ud83d a pair"),)))
    assert "half ? a pair" in json.dumps(server.bodies[0])


@pytest.mark.parametrize("scheme", ["openai", "anthropic"])
def test_keys_that_cannot_be_sent(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{scheme.upper()}_API_KEY", "from-the-environment\n")
    load_model(f"{scheme}:m")
    for key in ("sk-a\nb-123456", "schlüssel-123"):
        with pytest.raises(ConfigError, match="cannot be sent") as caught:
            load_model(f"{scheme}:m", api_key=key)
        assert key not in str(caught.value)
    monkeypatch.delenv(f"{scheme.upper()}_API_KEY")
    with pytest.raises(ConfigError, match=f"set the variable {scheme.upper()}_API_KEY"):
        load_model(f"{scheme}:m")


async def test_nobody_listens(protocol: Protocol, way: str) -> None:
    asked = load_model(f"{protocol.scheme}:m@http://127.0.0.1:9", api_key=KEY, retries=0)
    assert isinstance(asked, ServedModel)
    with pytest.raises(ModelUnavailable, match="check that the server runs") as caught:
        await ask(asked, way)
    assert_without_key(caught.value)
