import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from search_replies import BRAVE, KEY, SEARXNG, TAVILY, WIKIPEDIA, as_json, brave, searxng, tavily
from web_server import Reply, WebServer, web_server

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.web import Brave, Hit, SearXNG, Tavily, WebSearch, Wikipedia, web_search
from forethought.tools.web.asking import retry_after

Build = Callable[[WebServer], WebSearch]


def wikipedia(server: WebServer) -> Wikipedia:
    return Wikipedia(url=f"{server.url}/search", seconds=2)


ENGINES: dict[str, tuple[Build, Any]] = {
    "brave": (brave, BRAVE),
    "tavily": (tavily, TAVILY),
    "searxng": (searxng, SEARXNG),
    "wikipedia": (wikipedia, WIKIPEDIA),
}


every_engine = pytest.mark.parametrize(("build", "said"), ENGINES.values(), ids=ENGINES)


async def test_brave_is_asked_and_read() -> None:
    async with web_server(search=as_json(BRAVE)) as server:
        hits = await brave(server).search(" gravel\n&  bikes? ", 3)
    assert hits == [
        Hit("Gravel & bikes", "https://example.org/gravel", "All about gravel. And bikes."),
        Hit("Bare", "https://example.org/2", ""),
    ]
    asked = httpx.URL(server.paths()[0])
    assert dict(asked.params) == {
        "q": "gravel & bikes?",
        "count": "3",
        "text_decorations": "false",
    }
    assert f"\r\nx-subscription-token: {KEY.lower()}\r\n" in server.heads[0].lower()
    assert KEY not in server.paths()[0]


async def test_tavily_is_asked_and_read() -> None:
    async with web_server(search=as_json(TAVILY)) as server:
        hits = await tavily(server).search("gravel", 3)
    text = "All about gravel. And bikes where x < 3."
    assert hits == [Hit("Gravel & bikes", "https://example.org/gravel", text)]
    assert server.heads[0].startswith("POST /search HTTP/1.1")
    assert f"Bearer {KEY}" in server.heads[0]
    body = json.loads(server.bodies[0])
    assert body == {"query": "gravel", "max_results": 3, "search_depth": "basic"}


async def test_searxng_is_asked_and_read() -> None:
    async with web_server(search=as_json(SEARXNG)) as server:
        hits = await SearXNG(server.url, language="de").search("gravel", 1)
    assert hits == [Hit("Gravel & bikes", "https://example.org/gravel", "All about gravel.")]
    asked = httpx.URL(server.paths()[0])
    assert asked.path == "/search"
    assert dict(asked.params) == {"q": "gravel", "format": "json", "language": "de"}


async def test_wikipedia_is_asked_and_read() -> None:
    async with web_server(search=as_json(WIKIPEDIA)) as server:
        hits = await wikipedia(server).search("gravel", 2)
    assert [hit.title for hit in hits] == ["Gravel bicycle", "What is 100%? (AC/DC)"]
    assert hits[0].url == f"{server.url}/wiki/Gravel_bicycle"
    assert hits[1].url == f"{server.url}/wiki/What_is_100%25%3F_(AC/DC)"
    assert hits[0].text == 'A gravel bicycle is a "bicycle'
    asked = dict(httpx.URL(server.paths()[0]).params)
    assert asked["srsearch"] == "gravel"
    assert asked["srlimit"] == "2"
    assert "(library for language-model agents)\r\n" in server.heads[0]
    assert Wikipedia("de").url == "https://de.wikipedia.org/w/api.php"


@pytest.mark.parametrize(
    ("build", "nothing"),
    [
        (brave, {"type": "search", "query": {"original": "x"}}),
        (brave, {"type": "search", "web": {"results": []}}),
        (tavily, {"query": "x", "results": []}),
        (searxng, {"query": "x", "results": []}),
        (wikipedia, {"batchcomplete": True, "query": {"search": []}}),
    ],
)
async def test_nothing_found_is_no_error(build: Build, nothing: object) -> None:
    async with web_server(search=as_json(nothing)) as server:
        assert await build(server).search("x") == []
        told = await web_search(build(server)).call({"query": "x y"})
    assert told == "No pages were found for 'x y'; try other words."


@every_engine
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1,",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe\x00",
        b'{"query": 3}',
        b'{"results": {"a": 1}, "web": []}',
        b'{"web": {"results": "x"}}',
    ],
)
async def test_answers_that_make_no_sense_are_told(build: Build, said: Any, body: bytes) -> None:
    async with web_server(search=Reply(body, kind="application/json")) as server:
        with pytest.raises(ToolError, match="gave an answer"):
            await build(server).search("x")
    assert len(server.heads) == 1


@every_engine
async def test_rows_that_make_no_sense_are_left_out(build: Build, said: Any) -> None:
    rows = [None, 3, "x", {}, {"url": 3, "title": None}, {"url": "https://a.org/ b", "title": 4}]
    odd = {"results": rows, "web": {"results": rows}, "query": {"search": rows}}
    async with web_server(search=as_json(odd)) as server:
        assert await build(server).search("x") == []


@every_engine
async def test_a_busy_server_is_asked_again(build: Build, said: Any) -> None:
    busy = as_json({}, 429, retry_after="0")
    async with web_server(
        search=[busy, as_json({}, 500, retry_after="0"), as_json(said)]
    ) as server:
        assert await build(server).search("x")
    assert len(server.heads) == 3


@every_engine
async def test_a_server_that_fails_for_good_is_told(build: Build, said: Any) -> None:
    async with web_server(search=as_json({}, 500, retry_after="0")) as server:
        with pytest.raises(ToolError, match="failed 3 times, the last with status 500"):
            await build(server).search("x")
    assert len(server.heads) == 3


async def test_it_waits_as_long_as_it_is_asked_to_and_there_is_time() -> None:
    async with web_server(
        search=[
            as_json({}, 429, retry_after="1"),
            as_json(TAVILY),
            as_json({}, 429, retry_after="3600"),
        ]
    ) as server:
        engine = tavily(server)
        begun = time.monotonic()
        assert await engine.search("x")
        assert 1.0 <= time.monotonic() - begun < 1.8
        begun = time.monotonic()
        with pytest.raises(ToolError, match="busy and asks to wait 3600 s"):
            await engine.search("x")
        assert time.monotonic() - begun < 0.5
    assert len(server.heads) == 3


@pytest.mark.parametrize(
    ("build", "status", "body", "says"),
    [
        (brave, 401, {}, "brave does not take the key (401): set BRAVE_API_KEY"),
        (
            brave,
            422,
            {"type": "ErrorResponse", "error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}},
            "brave does not take the key (422): set BRAVE_API_KEY",
        ),
        (
            tavily,
            401,
            {"detail": {"error": f"Unauthorized: invalid API key {KEY}"}},
            "tavily does not take the key (401): set TAVILY_API_KEY",
        ),
        (tavily, 432, {"detail": {"error": "x"}}, "tavily: the plan of the key is used up (432)"),
        (brave, 402, {}, "brave: the plan of the key is used up (402)"),
        (searxng, 404, {}, "searxng: no search is at http://127.0.0.1:"),
        (searxng, 403, {}, "searxng: the server does not give JSON: list json under search:"),
    ],
)
async def test_what_the_developer_must_change_is_told(
    build: Build, status: int, body: object, says: str
) -> None:
    async with web_server(search=as_json(body, status)) as server:
        with pytest.raises(ConfigError) as told:
            await build(server).search("x")
    assert str(told.value).startswith(says)
    assert KEY not in str(told.value)
    assert len(server.heads) == 1


async def test_what_the_model_can_change_is_told() -> None:
    objection = {"error": {"code": "srsearch-text-too-long", "info": "The text is\n too long."}}
    async with web_server(search=as_json(objection)) as server:
        with pytest.raises(ToolError, match=r"wikipedia did not search: The text is too long\."):
            await wikipedia(server).search("x")
        with pytest.raises(ToolError, match="the query is empty"):
            await wikipedia(server).search(" \n ")
        with pytest.raises(ToolError, match="more than 400 characters"):
            await wikipedia(server).search("x" * 401)
    async with web_server(search=as_json({"error": {"code": "VALIDATION"}}, 422)) as server:
        with pytest.raises(ToolError, match="brave answered with status 422"):
            await brave(server).search("x")


@every_engine
async def test_the_deadline_holds_against_slow_bytes(build: Build, said: Any) -> None:
    async with web_server(search=Reply(json.dumps(said).encode(), drip=0.05)) as server:
        engine = build(server)
        engine._seconds = 0.3  # type: ignore[attr-defined]
        begun = time.monotonic()
        with pytest.raises(ToolError, match="no answer from"):
            await engine.search("x")
        assert time.monotonic() - begun < 0.7


@every_engine
async def test_keys_do_not_follow_redirects(build: Build, said: Any) -> None:
    async with web_server(search=as_json(said)) as other:
        away = Reply(status=302, headers=(("location", f"{other.url}/search"),))
        async with web_server(search=away) as server:
            with pytest.raises(ConfigError, match=r"no search is at http://127.* \(302\)"):
                await build(server).search("x")
    assert other.heads == []


def test_keys_and_addresses_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine, variable in ((Brave, "BRAVE_API_KEY"), (Tavily, "TAVILY_API_KEY")):
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(ConfigError, match=f"needs a key: set {variable}"):
            engine()
        monkeypatch.setenv(variable, "  ")
        with pytest.raises(ConfigError, match=f"needs a key: set {variable}"):
            engine()
        monkeypatch.setenv(variable, "a\nb")
        with pytest.raises(ConfigError, match="characters that no key has") as told:
            engine()
        assert "a\nb" not in str(told.value)
        monkeypatch.setenv(variable, f" {KEY}\n")
        assert engine().key == KEY
        assert KEY not in repr(engine())
    monkeypatch.delenv("SEARXNG_URL", raising=False)
    with pytest.raises(ConfigError, match="set SEARXNG_URL"):
        SearXNG()
    monkeypatch.setenv("SEARXNG_URL", "http://searx.lan:8080/searxng/search")
    assert SearXNG().url == "http://searx.lan:8080/searxng/search"


def test_addresses_that_cannot_work_are_told() -> None:
    for url in ("searx.lan", "ftp://searx.lan", "http://", "http://0x7f.1/", "http://a:b:c/"):
        with pytest.raises(ConfigError):
            SearXNG(url)
    with pytest.raises(ConfigError, match="must begin with https://"):
        Brave(KEY, url="http://brave.example/search")
    with pytest.raises(ConfigError, match="language must be a code"):
        Wikipedia("en.evil.example/")
    with pytest.raises(ConfigError, match="seconds"):
        Wikipedia(seconds=0)
    with pytest.raises(ConfigError, match="contact must be"):
        Wikipedia(contact="me\r\nX-Evil: 1")
    assert SearXNG("http://[::1]:8888/").url == "http://[::1]:8888/search"


def test_waits_are_read_from_headers() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    for value, low, high in (("3", 3, 3), (soon, 15, 21), ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0)):
        wait = retry_after(httpx.Headers({"Retry-After": value}))
        assert wait is not None
        assert low <= wait <= high
    for value in ("", "soon", "-1", "nan", "Wed, 99 Oct 99999 07:28:00 GMT", "\u0663"):
        assert retry_after(httpx.Headers([(b"retry-after", value.encode())])) is None
