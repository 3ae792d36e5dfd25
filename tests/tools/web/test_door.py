import asyncio
import gzip
import logging
import shutil
import ssl
import subprocess
import time
import zlib
from pathlib import Path

import pytest
from web_server import Reply, WebServer, answers, web_server

from forethought.agent.errors import ToolError
from forethought.tools.web.access import Access
from forethought.tools.web.door import Door

LOOPBACK = ("127.0.0.0/8",)


def _door(server: WebServer, **more: object) -> Door:
    return Door(Access(allow=(server.place,), **more))  # type: ignore[arg-type]


async def test_an_answer_is_read() -> None:
    async with web_server(page=Reply(b"hello", headers=(("x-a", "b"),))) as server:
        answer = await _door(server).request(f"{server.url}/page?q=1#top")
    assert (answer.status, answer.body, answer.cut) == (200, b"hello", False)
    assert answer.headers["x-a"] == "b"
    head = server.heads[0].lower()
    assert head.startswith("get /page?q=1 http/1.1\r\n")
    assert f"host: {server.place}\r\n" in head
    assert "user-agent: forethought" in head
    assert "cookie" not in head
    assert "authorization" not in head


async def test_loopback_is_refused_unless_named() -> None:
    async with web_server(_=Reply(b"secret")) as server:
        for access in (Access(), Access(allow=("localhost",)), Access(ports=(server.port,))):
            with pytest.raises(ToolError):
                await Door(access).request(server.url)
        with pytest.raises(ToolError, match="'loopback'"):
            await Door(Access(ports=(server.port,))).request(f"http://localhost:{server.port}/")
        answer = await Door(Access(allow=(f"localhost:{server.port}",))).request(
            f"http://LOCALHOST.:{server.port}/"
        )
    assert answer.body == b"secret"
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.0.1",),
        ("93.184.216.34", "127.0.0.1"),  # one bad address among good ones is enough
        ("127.0.0.1", "93.184.216.34"),
        ("2606:4700::1111", "::ffff:127.0.0.1"),
        ("fe80::1%2",),
        ("169.254.169.254",),
        ("64:ff9b::a9fe:a9fe",),
    ],
)
async def test_every_address_of_a_name_is_checked(addresses: tuple[str, ...]) -> None:
    resolver, asked = answers(*addresses)
    with pytest.raises(ToolError, match=r"innocent\.example is refused"):
        await Door(resolver=resolver).request("http://innocent.example/")
    assert asked == ["innocent.example"]


async def test_the_checked_address_is_the_one_that_is_reached() -> None:
    """The second answer of a name server that changes its mind is never asked for."""
    async with web_server(_=Reply(b"checked")) as server:
        given = [["127.0.0.1"], ["10.0.0.1"]]

        async def resolver(host: str, port: int) -> list[str]:
            return given.pop(0)

        access = Access(allow=(f"site.test:{server.port}",))
        answer = await Door(access, resolver=resolver).request(f"http://site.test:{server.port}/x")
    assert answer.status == 404
    assert given == [["10.0.0.1"]]
    assert f"host: site.test:{server.port}\r\n" in server.heads[0].lower()
    assert str(answer.url) == f"http://site.test:{server.port}/x"


async def test_a_public_address_is_reached_as_it_was_checked() -> None:
    resolver, asked = answers("93.184.216.34")
    with pytest.raises((RuntimeError, ExceptionGroup)) as told:  # by the guard of these tests
        await Door(resolver=resolver).request("http://site.example/")
    assert "93.184.216.34" in str(getattr(told.value, "exceptions", [told.value])[0])
    assert asked == ["site.example"]


async def test_addresses_of_the_sixth_version_are_reached() -> None:
    heads: list[bytes] = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n6")
        writer.close()

    try:
        server = await asyncio.start_server(say, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    port = server.sockets[0].getsockname()[1]
    answer = await Door(Access(allow=(f"[::1]:{port}",))).request(f"http://[::1]:{port}/")
    server.close()
    assert answer.body == b"6"
    assert f"host: [::1]:{port}\r\n".encode() in heads[0].lower()


async def test_the_next_address_is_tried() -> None:
    async with web_server(_=Reply(b"here")) as server:
        resolver, _ = answers("127.0.0.3", "::1", "127.0.0.1")
        access = Access(allow=(f"site.test:{server.port}",))
        answer = await Door(access, resolver=resolver).request(f"http://site.test:{server.port}/")
    assert answer.body == b"here"


async def test_names_that_lead_nowhere_are_told() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(ToolError, match=r"no host is called nowhere\.example"):
        await Door(resolver=nobody).request("http://nowhere.example/")
    empty, _ = answers()
    with pytest.raises(ToolError, match="no host is called"):
        await Door(resolver=empty).request("http://nowhere.example/")
    with pytest.raises(ToolError, match="no host is called"):  # the real one, too long for names
        await Door(Access(allow=LOOPBACK)).request("http://" + "a" * 70 + ".localhost/")
    with pytest.raises(ToolError, match=r"cannot reach 127\.0\.0\.1"):
        await Door(Access(allow=("127.0.0.1:9",))).request("http://127.0.0.1:9/")


async def test_redirects_are_followed_and_each_is_checked() -> None:
    async with web_server(
        a=Reply(status=302, headers=(("location", "/b"),)),
        b=Reply(status=308, headers=(("location", "c?d=1"),)),
        c=Reply(b"end"),
        home=Reply(status=301, headers=(("location", "http://localhost/admin"),)),
        meta=Reply(status=302, headers=(("location", "http://169.254.169.254/latest/meta-data"),)),
        file=Reply(status=302, headers=(("location", "file:///etc/passwd"),)),
        user=Reply(status=302, headers=(("location", "//a:b@127.0.0.1/"),)),
        odd=Reply(status=302, headers=(("location", "http://2130706433/"),)),
        ssh=Reply(status=302, headers=(("location", "http://127.0.0.1:22/"),)),
        bad=Reply(status=302, headers=(("location", "http://a:b:c/"),)),
        loop=Reply(status=302, headers=(("location", "/loop"),)),
        bare=Reply(b"no place", status=302),
    ) as server:
        door = _door(server)
        answer = await door.request(f"{server.url}/a")
        assert (str(answer.url), answer.body) == (f"{server.url}/c?d=1", b"end")
        for path, says in {
            "home": "localhost is refused: it leads to an address of the kind 'loopback'",
            "meta": "169.254.169.254 is refused: it leads to an address of the kind 'cloud",
            "file": "only addresses that begin with http",
            "user": "an address with a user name",
            "odd": "'2130706433' is refused: it is an address in an unusual spelling",
            "ssh": "port 22 may not be reached",
            "bad": "redirects to what is no address",
        }.items():
            with pytest.raises(ToolError) as told:
                await door.request(f"{server.url}/{path}")
            assert says in str(told.value)
        with pytest.raises(ToolError, match="more than 5 redirects"):
            await door.request(f"{server.url}/loop")
        assert server.paths().count("/loop") == 6
        assert (await door.request(f"{server.url}/bare")).status == 302
        assert (await door.request(f"{server.url}/meta", follow=False)).status == 302


async def test_headers_stay_with_their_host() -> None:
    async with web_server(there=Reply(b"x")) as other:
        away = Reply(status=302, headers=(("location", f"{other.url}/there"),))
        near = Reply(status=302, headers=(("location", "/away"),))
        async with web_server(near=near, away=away) as server:
            door = Door(Access(allow=(server.place, other.place)))
            await door.request(f"{server.url}/near", headers={"Authorization": "Bearer s3cret"})
    assert ["s3cret" in head for head in server.heads] == [True, True]
    assert ["s3cret" in head for head in other.heads] == [False]


async def test_proxies_and_netrc_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with web_server(_=Reply(b"direct")) as server, web_server(_=Reply(b"proxy")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        answer = await _door(server).request(f"{server.url}/")
        resolver, _ = answers("10.0.0.1")
        with pytest.raises(ToolError, match="refused"):
            await Door(resolver=resolver).request("http://intranet.example/")
    assert answer.body == b"direct"
    assert proxy.heads == []
    assert "s3cret" not in server.heads[0]
    assert "authorization" not in server.heads[0].lower()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"x" * 1000, drip=0.01),
        Reply(head_drip=0.02, headers=(("x-long", "y" * 500),)),
        Reply(headers=(("content-length", "1000000"),)),
    ],
    ids=["slow body", "slow head", "less than said"],
)
async def test_the_deadline_holds_against_slow_bytes(reply: Reply) -> None:
    async with web_server(_=reply) as server:
        begun = time.monotonic()
        with pytest.raises(ToolError, match="no answer from"):
            await _door(server, seconds=0.4).request(server.url)
        assert time.monotonic() - begun < 0.8


async def test_the_deadline_covers_redirects_and_name_servers() -> None:
    async with web_server(
        _=Reply(status=302, headers=(("location", "/"),), body=b"x" * 10, drip=0.02)
    ) as server:
        begun = time.monotonic()
        with pytest.raises(ToolError, match=r"within 0\.4 s"):
            await _door(server, seconds=0.4, redirects=100).request(server.url)

    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(ToolError, match=r"within 0\.1 s"):
        await Door(Access(seconds=0.1), resolver=slow).request("http://slow.example/")
    assert time.monotonic() - begun < 1.0


async def test_cancelling_ends_the_request() -> None:
    async with web_server(_=Reply(b"x" * 1000, drip=0.01)) as server:
        task = asyncio.create_task(_door(server).request(server.url))
        while not server.heads:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            while not server.gone:
                await asyncio.sleep(0.01)


async def test_long_answers_are_cut() -> None:
    async with web_server(
        long=Reply(b"x" * 5000), exact=Reply(b"x" * 1000), endless=Reply(endless=b"y" * 65536)
    ) as server:
        door = _door(server, size=1000)
        assert [
            (len(answer.body), answer.cut)
            for answer in [
                await door.request(f"{server.url}/{path}") for path in ("long", "exact", "endless")
            ]
        ] == [(1000, True), (1000, False), (1000, True)]


async def test_compressed_answers_are_read_and_bombs_are_not() -> None:
    zipped = (("content-encoding", "gzip"),)
    layers = zlib.compressobj(1, wbits=31)
    bomb = b"".join(layers.compress(b"\0" * (1 << 20)) for _ in range(50)) + layers.flush()
    assert len(bomb) < 300_000
    async with web_server(
        small=Reply(gzip.compress(b"hello"), headers=zipped),
        bomb=Reply(bomb, headers=zipped),
        empty_blocks=Reply(
            gzip.compress(b"")[:10], headers=zipped, endless=b"\0\0\0\xff\xff" * 1000
        ),
        torn=Reply(b"not gzip", headers=zipped),
        br=Reply(b"x", headers=(("content-encoding", "br"),)),
        twice=Reply(b"x", headers=(("content-encoding", "gzip, gzip"),)),
    ) as server:
        door = _door(server, size=100_000)
        assert (await door.request(f"{server.url}/small")).body == b"hello"
        for path in ("bomb", "empty_blocks"):
            answer = await door.request(f"{server.url}/{path}")
            assert answer.cut
            assert len(answer.body) <= 100_000
        for path in ("torn", "br", "twice"):
            with pytest.raises(ToolError, match="compressed"):
                await door.request(f"{server.url}/{path}")
    assert "accept-encoding: gzip\r\n" in server.heads[0].lower()


async def test_servers_that_talk_nonsense_are_told() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ToolError, match=r"no answer from 127\.0\.0\.1"):
        await Door(Access(allow=(f"127.0.0.1:{port}",))).request(f"http://127.0.0.1:{port}/")
    server.close()


async def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with web_server(_=Reply(b"x")) as server:
        await _door(server).request(f"{server.url}/", headers={"Authorization": "Bearer s3cret"})
    assert "s3cret" not in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for `site.test` alone, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=site.test"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:site.test"),
            *("-out", str(paths[0]), "-keyout", str(paths[1])),
        ],
        check=True,
        capture_output=True,
    )
    return paths


async def test_certificates_are_checked_for_the_name_and_not_the_address(
    certificate: tuple[Path, Path],
) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    resolver, _ = answers("127.0.0.1")
    async with web_server(serving, _=Reply(b"safe")) as server:
        ports = [f"{host}:{server.port}" for host in ("site.test", "other.test", "127.0.0.1")]
        door = Door(Access(allow=tuple(ports)), resolver=resolver, tls=trusting)
        answer = await door.request(f"https://site.test:{server.port}/")
        assert answer.body == b"safe"
        for place in ports[1:]:
            with pytest.raises(ToolError, match=r"cannot reach .*CERTIFICATE_VERIFY_FAILED"):
                await door.request(f"https://{place}/")
        stranger = Door(door.access, resolver=resolver)
        with pytest.raises(ToolError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.request(f"https://site.test:{server.port}/")
    assert len(server.heads) == 1
