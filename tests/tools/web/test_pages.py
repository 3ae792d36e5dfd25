import json
import subprocess
import sys

import pytest
from web_server import Reply, WebServer, answers, web_server

from forethought.agent.agent import Agent
from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.protocols import RunContext
from forethought.tools.web import Access, Citation, PageReader, fetch_page
from forethought.tools.web.door import Door

PAGE = b"""<title>Gravel</title><main><h1>Gravel</h1><p>Bikes for dirt.
<a href=/more>More</a></main>"""


def _access(server: WebServer, **more: object) -> Access:
    return Access(allow=(server.place,), **more)  # type: ignore[arg-type]


async def test_a_page_is_read_and_cited() -> None:
    async with web_server(
        old=Reply(status=301, headers=(("location", "/new?token=abc"),)), new=Reply(PAGE)
    ) as server:
        page = await PageReader(_access(server)).read(f" {server.url}/old#part ")
    assert page.title == "Gravel"
    assert page.text == "# Gravel\n\nBikes for dirt. More"
    assert page.links == (("More", f"{server.url}/more"),)
    assert page.url == f"{server.url}/new?token=hidden"
    assert page.cite("dirt") == Citation(page.url, "Gravel", 20)
    assert page.text[20:24] == "dirt"
    assert page.cite("mud") is None
    assert page.cite("") is None


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", b"<p>plain</p>\r\nx", "<p>plain</p>\nx"),
        ("text/plain; charset=latin1", "Zürich".encode("latin-1"), "Zürich"),
        ("text/markdown", b"# x", "# x"),
        ("application/json", b'{"a": 1}', '{"a": 1}'),
        ("application/ld+json", b"[]", "[]"),
        ("application/rss+xml", b"<rss/>", "<rss/>"),
        ("APPLICATION/XHTML+XML", b"<p>x</p>", "x"),
        ("", b" <p>x</p>", "x"),
        ("", b"x", "x"),
        ("text/plain", b"\xff\xfex\0", "x"),
    ],
)
async def test_kinds_of_text_are_read(kind: str, body: bytes, text: str) -> None:
    async with web_server(_=Reply(body, kind=kind)) as server:
        assert (await PageReader(_access(server)).read(server.url)).text == text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/pdf", b"%PDF-1.7"),
        ("image/png", b"\x89PNG"),
        ("application/octet-stream", b"x"),
        ("video/mp4", b"x"),
        ("multipart/form-data", b"x"),
        ("text/plain", b"\x7fELF\0\0"),
        ("", b"\x7fELF\0\0"),
        ("nonsense", b"x"),
    ],
)
async def test_other_kinds_are_not_read(kind: str, body: bytes) -> None:
    async with web_server(_=Reply(body, kind=kind)) as server:
        with pytest.raises(ToolError, match="which is not read as text"):
            await PageReader(_access(server)).read(server.url)


async def test_pages_that_are_not_there_are_told() -> None:
    async with web_server(
        gone=Reply(b"<p>secret detail", status=410),
        broken=Reply(status=500),
        odd=Reply(status=799),
        moved=Reply(status=302),
        empty=Reply(b"<script>let x</script>"),
    ) as server:
        reader = PageReader(_access(server))
        for path, says in {
            "gone": "answered 410 Gone",
            "broken": "answered 500 Internal Server Error",
            "odd": "answered 799",
            "none": "answered 404 Not Found",
            "moved": "no text",
            "empty": "no text that can be read without scripts",
        }.items():
            with pytest.raises(ToolError, match=says) as told:
                await reader.read(f"{server.url}/{path}")
            assert "secret detail" not in str(told.value)


async def test_the_tool_gives_a_page_in_parts() -> None:
    words = " ".join(f"word{n}" for n in range(1000))
    async with web_server(_=[Reply(f"<title>T</title>{words}".encode()), Reply(b"changed")]) as s:
        tool = fetch_page(_access(s), limit=2000)
        assert (tool.name, tool.outside) == ("fetch_page", True)
        assert list(tool.schema["properties"]) == ["url", "offset", "links"]
        read, offset = "", 0
        while offset < len(words):
            told = await tool.call({"url": s.url, "offset": offset})
            assert len(told) <= 2000
            head, _, text = told.partition("\n\n")
            assert head.startswith(f"Title: T\nAddress: {s.url}\nText: characters {offset} to ")
            read += text
            offset += len(text)
            assert (f"go on with offset={offset}" in head) == (offset < len(words))
        assert read == words
        assert len(s.heads) == 1  # all parts are of one reading
        with pytest.raises(ToolError, match=f"has {len(words)} characters"):
            await tool.call({"url": s.url, "offset": offset})
        with pytest.raises(ToolError, match="0 or more"):
            await tool.call({"url": s.url, "offset": -1})
        assert "changed" in await tool.call_in(RunContext(None), {"url": s.url})


async def test_few_pages_are_kept() -> None:
    body = Reply(b"x" * 3000)
    async with web_server(**{f"p{n}": body for n in range(9)}) as server:
        tool = fetch_page(_access(server), limit=2000)
        for n in range(9):
            await tool.call({"url": f"{server.url}/p{n}"})
        for n in (8, 0):
            await tool.call({"url": f"{server.url}/p{n}", "offset": 1500})
    assert server.paths() == [f"/p{n}" for n in range(9)] + ["/p0"]


async def test_the_tool_lists_links_in_parts() -> None:
    body = "x" + "".join(f"<a href=/{n}>link {n}</a>" for n in range(100))
    async with web_server(_=Reply(body.encode())) as server:
        tool = fetch_page(_access(server), limit=2000)
        seen: list[str] = []
        while len(seen) < 100:
            told = await tool.call({"url": server.url, "offset": len(seen), "links": True})
            assert len(told) <= 2000
            seen += [line for line in told.splitlines() if line.startswith("- ")]
        assert f"Links: {len(seen) - told.count('- link')} to 100 of 100\n" in told
        beyond = await tool.call({"url": server.url, "offset": 200, "links": True})
    assert seen == [f"- link {n}: {server.url}/{n}" for n in range(100)]
    assert "Links: 200 to 200 of 100" in beyond


async def test_a_page_too_long_to_read_says_so() -> None:
    async with web_server(_=Reply(b"<p>" + b"long " * 1000)) as server:
        told = await fetch_page(_access(server, size=500)).call({"url": server.url})
    assert "; the rest of the page was too long to read\n" in told


async def test_a_model_cannot_reach_inside() -> None:
    """An agent told by a page to read the metadata service, by every road it has."""
    resolver, _ = answers("169.254.169.254")
    roads = [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "file:///proc/self/environ",
    ]
    async with web_server(inside=Reply(b"inside")) as server:
        roads += [f"{server.url}/inside"]
        calls = [
            {"thought": "Go.", "action": {"name": "fetch_page", "arguments": {"url": url}}}
            for url in roads
        ]
        script = [
            json.dumps(each) for each in [*calls, {"thought": ".", "action": {"answer": "no"}}]
        ]
        tool = fetch_page(reader=PageReader(door=Door(resolver=resolver)))
        result = await Agent(ScriptedModel(script), tools=[tool]).run("Read.")
        seen = [step.observation for step in result.trace.steps[1:]]
        assert len(seen) == len(roads)
        assert all(text.startswith("error: ") for text in seen)
        assert server.heads == []


def test_names_resolve_on_first_use() -> None:
    code = (
        "import sys, forethought.tools.web as web\n"
        "assert 'httpx' not in sys.modules\n"
        "assert set(web.__all__) <= set(dir(web))\n"
        "assert all(getattr(web, name) for name in web.__all__)\n"
        "try:\n    web.nothing\nexcept AttributeError:\n    print('done')"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.stdout == "done\n", child.stderr


def test_settings_that_cannot_work_are_told() -> None:
    with pytest.raises(ConfigError, match="limit must be 2000 or more"):
        fetch_page(limit=100)
    with pytest.raises(ConfigError, match="not both"):
        fetch_page(Access(), reader=PageReader())
    with pytest.raises(ConfigError, match="not both"):
        PageReader(Access(), door=Door())
