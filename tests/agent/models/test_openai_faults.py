import asyncio
import json
import socket
import time
import traceback
from email.utils import formatdate
from typing import Any

import pytest
from fault_server import HANG_UP, Answer, chat, refusal, serve

from forethought.agent.errors import ConfigError, ModelRefused, ModelUnavailable
from forethought.agent.models import border
from forethought.agent.models.openai import OpenAIModel
from forethought.agent.types import Message, Request

ASK = Request((Message("system", "Be brief."), Message("user", "Hello?")))


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forethought.agent.models.retry._FIRST", 0.01)


def model(url: str, **options: Any) -> OpenAIModel:
    return OpenAIModel("m", base_url=url, **options)


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    return text


async def test_a_plain_reply_with_everything_that_was_asked() -> None:
    request = Request(
        ASK.messages,
        temperature=0.2,
        seed=5,
        stop=("END",),
        max_tokens=7,
        schema={"type": "object"},
    )
    async with serve(chat("{}", finish="length", prompt=11)) as server:
        reply = await model(server.url).complete(request)
    assert (reply.text, reply.prefix_mode, reply.finish) == ("{}", "none", "length")
    assert (reply.usage.calls, reply.usage.prompt_tokens, reply.usage.completion_tokens) == (
        1,
        11,
        2,
    )
    assert 0 < reply.usage.seconds < 5
    assert server.bodies == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello?"},
            ],
            "max_tokens": 7,
            "temperature": 0.2,
            "seed": 5,
            "stop": ["END"],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "reply", "schema": {"type": "object"}, "strict": True},
            },
        }
    ]


async def test_retry_after_in_seconds_is_waited_for() -> None:
    slow_down = refusal(429, "slow down", {"Retry-After": "0.4"})
    async with serve(slow_down, chat("Hi.")) as server:
        reply = await model(server.url).complete(ASK)
    assert reply.text == "Hi."
    assert reply.usage.calls == 1
    assert 0.4 <= server.times[1] - server.times[0] < 2


async def test_retry_after_as_a_date_is_waited_for() -> None:
    def slow_down(_: object) -> Answer:
        return refusal(503, "busy", {"Retry-After": formatdate(time.time() + 2, usegmt=True)})

    async with serve(slow_down, chat("Hi.")) as server:
        await model(server.url).complete(ASK)
    assert 0.8 <= server.times[1] - server.times[0] < 4  # a date has whole seconds


async def test_a_wait_past_the_deadline_is_not_begun() -> None:
    async with serve(refusal(429, "slow down", {"Retry-After": "60"})) as server:
        began = time.perf_counter()
        with pytest.raises(ModelUnavailable, match="asked to wait 60 s") as caught:
            await model(server.url, deadline=5).complete(ASK)
    assert time.perf_counter() - began < 2
    assert caught.value.retry_after == 60
    assert server.url in one_line(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        refusal(500, "oops"),
        refusal(408, "late"),
        refusal(409, "conflict"),
        HANG_UP,
        Answer(b'{"choices": [', kind="application/json"),
        Answer(b"<html>proxy</html>", kind="text/html"),
        Answer(b"[]"),
        Answer(b'{"choices": []}'),
        Answer(b'{"choices": null}'),
        Answer(chat("Hello").body, cut=30),
        chat(None),
        Answer(b"\xff\xfe{"),
    ],
    ids=[
        "500", "408", "409", "hang-up", "half-json", "html", "list", "no-choices", "null-choices",
        "cut", "null-text", "not-utf8",
    ],
)  # fmt: skip
async def test_a_fault_that_can_pass_is_tried_again_and_then_named(fault: Answer) -> None:
    async with serve(fault, chat("Hi.")) as server:
        reply = await model(server.url).complete(ASK)
    assert reply.text == "Hi."
    async with serve(fault, fault, fault) as server:
        with pytest.raises(ModelUnavailable, match=r"\(3 tries\)") as caught:
            await model(server.url, retries=2).complete(ASK)
    assert len(server.bodies) == 3
    assert server.url in one_line(caught.value)


@pytest.mark.parametrize(("status", "hint"), [(401, "API key"), (403, "may use"), (404, "/v1")])
async def test_what_cannot_succeed_again_is_asked_once(status: int, hint: str) -> None:
    async with serve(refusal(status, "no\nway")) as server:
        with pytest.raises(ModelRefused, match=hint) as caught:
            await model(server.url).complete(ASK)
    assert len(server.bodies) == 1
    assert f"HTTP {status}: no way" in one_line(caught.value)
    assert caught.value.status == status


async def test_a_used_up_quota_is_not_tried_again() -> None:
    async with serve(refusal(429, "quota", code="insufficient_quota")) as server:
        with pytest.raises(ModelRefused, match="quota"):
            await model(server.url).complete(ASK)
    assert len(server.bodies) == 1


async def test_the_key_never_appears() -> None:
    key = "sk-very-secret-1234567890"
    async with serve(refusal(401, f"Incorrect API key provided: {key}")) as server:
        with pytest.raises(ModelRefused) as caught:
            await model(server.url, api_key=key).complete(ASK)
    assert f"Bearer {key}" in server.headers[0]
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "Incorrect API key provided: [key]" in shown
    assert key not in shown
    cause = caught.value.__cause__
    assert key not in f"{cause!r} {getattr(cause, 'body', '')} {getattr(cause, 'message', '')}"


async def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(chat("Hi."), chat("Ho.")) as server:
        assert (await model(server.url).complete(ASK)).text == "Hi."
        monkeypatch.setenv("OPENAI_API_KEY", "from-env")
        assert (await model(server.url).complete(ASK)).text == "Ho."
    assert "from-env" not in server.headers[0]
    assert "Bearer from-env" in server.headers[1]


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelUnavailable, match="check that the server runs") as caught:
        await model(f"http://127.0.0.1:{port}/v1", retries=1).complete(ASK)
    assert f"http://127.0.0.1:{port}/v1" in one_line(caught.value)
    assert "(2 tries)" in str(caught.value)


async def test_the_address_is_shown_without_its_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    wrong = model(f"http://me:hunter2@127.0.0.1:{port}/v1", retries=0)
    with pytest.raises(ModelUnavailable) as caught:
        await wrong.complete(ASK)
    assert "hunter2" not in str(caught.value) + wrong.name


async def test_the_time_limits_hold_against_a_server_that_drips() -> None:
    slow = Answer(chat("Hello there, this takes long.").body, drip=0.05)
    async with serve(slow, slow, slow, slow) as server:
        began = time.perf_counter()
        with pytest.raises(ModelUnavailable, match="in time"):
            await model(server.url, timeout=0.3, deadline=60, retries=1).complete(ASK)
        assert 0.6 <= time.perf_counter() - began < 2
        began = time.perf_counter()
        with pytest.raises(ModelUnavailable, match=r"deadline is 0\.5 s|1 try"):
            await model(server.url, timeout=60, deadline=0.5).complete(ASK)
        assert 0.5 <= time.perf_counter() - began < 1.5


async def test_cancelling_ends_the_exchange_and_the_model_still_works() -> None:
    slow = Answer(chat("Hello there, this takes long.").body, drip=0.05)
    async with serve(slow, chat("Hi.")) as server:
        asked = model(server.url)
        task = asyncio.create_task(asked.complete(ASK))
        while not server.bodies:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await asked.complete(ASK)).text == "Hi."
        for _ in range(100):
            if server.gone:
                break
            await asyncio.sleep(0.01)
        assert server.gone == 1


async def test_cancelling_during_a_wait_between_tries() -> None:
    async with serve(refusal(429, "slow", {"Retry-After": "30"})) as server:
        task = asyncio.create_task(model(server.url).complete(ASK))
        while not server.bodies:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_one_model_in_several_event_loops() -> None:
    async def twice(asked: OpenAIModel) -> list[str]:
        async with serve(chat("one"), chat("two"), port=port):
            return [(await asked.complete(ASK)).text for _ in range(2)]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = model(f"http://127.0.0.1:{port}/v1")
    assert asyncio.run(twice(asked)) == ["one", "two"]
    assert asyncio.run(twice(asked)) == ["one", "two"]


async def test_connections_are_shared_and_closed_with_their_loop() -> None:
    async def ask() -> int:
        async with serve(chat("one"), chat("two")) as server:
            for _ in range(2):
                await model(server.url).complete(ASK)
            return len(border._open)

    before = len(border._open)
    assert await asyncio.to_thread(asyncio.run, ask()) == before + 1
    assert len(border._open) == before


async def test_many_at_once() -> None:
    async with serve(*[chat(f"{n}") for n in range(50)]) as server:
        asked = model(server.url)
        replies = await asyncio.gather(*[asked.complete(ASK) for _ in range(50)])
    assert sorted(int(reply.text) for reply in replies) == list(range(50))


async def test_replies_without_text_that_are_no_fault() -> None:
    async with serve(chat(None, finish="length"), chat("")) as server:
        asked = model(server.url)
        cut = await asked.complete(ASK)
        assert (cut.text, cut.finish) == ("", "length")
        assert (await asked.complete(ASK)).text == ""


async def test_a_declined_request_and_a_content_filter_are_refusals() -> None:
    filtered = chat(None, finish="content_filter")
    async with serve(chat(None, refusal="I cannot\nhelp."), filtered) as server:
        asked = model(server.url)
        with pytest.raises(ModelRefused, match=r"declined: I cannot help\."):
            await asked.complete(ASK)
        with pytest.raises(ModelRefused, match="content filter"):
            await asked.complete(ASK)


async def test_a_refused_schema_is_instructed_and_remembered() -> None:
    def strict(body: dict[str, Any]) -> Answer:
        if "response_format" in body:
            return refusal(400, "response_format is not supported")
        return chat('{"a": 1}')

    schemas: list[dict[str, Any]] = [{"type": "object", "title": f"{n}"} for n in range(3)]
    async with serve(*[strict] * 7) as server:
        asked = model(server.url)
        for schema in schemas[0], schemas[0], schemas[1], schemas[2]:
            reply = await asked.complete(Request(ASK.messages, schema=schema))
            assert (reply.text, reply.usage.calls) == ('{"a": 1}', 1)
    sent = ["response_format" in body for body in server.bodies]
    assert sent == [True, False, False, True, False, False]
    last = server.bodies[-1]["messages"][-1]
    assert last["role"] == "user"
    assert last["content"].startswith("Hello?")
    assert json.dumps(schemas[2]) in last["content"]


async def test_one_bad_schema_does_not_condemn_the_others() -> None:
    def picky(body: dict[str, Any]) -> Answer:
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        return refusal(400, "bad schema") if "bad" in schema.get("title", "") else chat("{}")

    async with serve(*[picky] * 9) as server:
        asked = model(server.url)
        for title in ("good", "bad 1", "bad 2", "bad 3", "fine"):
            await asked.complete(Request(ASK.messages, schema={"title": title}))
    assert "response_format" in server.bodies[-1]


async def test_max_tokens_by_its_newer_name() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens'."
    async with serve(refusal(400, words), chat("Hi."), chat("Ho.")) as server:
        asked = model(server.url)
        await asked.complete(ASK)
        await asked.complete(ASK)
    names = [sorted(key for key in body if key.startswith("max")) for body in server.bodies]
    assert names == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]


async def test_a_fixed_temperature_is_left_to_the_server() -> None:
    words = "Unsupported value: 'temperature' does not support 0.7 with this model."
    async with serve(refusal(400, words), chat("Hi."), chat("Ho.")) as server:
        asked = model(server.url)
        await asked.complete(ASK)
        await asked.complete(ASK)
    assert ["temperature" in body for body in server.bodies] == [True, False, False]


async def test_a_refusal_for_another_reason_stays_a_refusal_and_teaches_nothing() -> None:
    too_long = refusal(400, "the prompt is too long")
    request = Request(ASK.messages, schema={"type": "object"})
    async with serve(too_long, too_long, chat("{}")) as server:
        asked = model(server.url)
        with pytest.raises(ModelRefused, match="too long"):
            await asked.complete(request)
        await asked.complete(request)
    assert "response_format" in server.bodies[-1]


def test_settings_that_cannot_work() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        OpenAIModel("gpt-5")
    for url in (
        "localhost:80/v1",
        "ftp://host/v1",
        "http://",
        "http://host:99999/v1",
        "http://h:0",
    ):
        with pytest.raises(ConfigError, match="not the address"):
            OpenAIModel("m", base_url=url)
    with pytest.raises(ConfigError, match="not the address"):
        OpenAIModel("", base_url="http://h/v1")
    for options in ({"timeout": 0}, {"deadline": -1}, {"retries": -1}):
        with pytest.raises(ConfigError, match="above 0"):
            model("http://h/v1", **options)
    assert OpenAIModel("gpt-5", api_key="k").url == "https://api.openai.com/v1"
