import ipaddress

import pytest

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.web.access import Access, check_address, check_url, shown
from forethought.tools.web.addresses import kind_of

PUBLIC = ("8.8.8.8", "93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111")
KINDS = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "::1": "loopback",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "fd12:3456::1": "private",
    "fec0::1": "private",
    "100.64.0.1": "shared",
    "169.254.1.1": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "ff02::1": "multicast",
    "ff0e::1": "multicast",
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "::": "unspecified",
    "255.255.255.255": "reserved",
    "240.0.0.1": "reserved",
    "192.0.2.1": "reserved",
    "198.18.0.1": "reserved",
    "2001:db8::1": "reserved",
    "2001:0:1::1": "reserved",  # Teredo
    "4000::1": "reserved",
    "::127.0.0.1": "reserved",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "::ffff:8.8.8.8": "IPv4-mapped",
    "64:ff9b::7f00:1": "NAT64",
    "64:ff9b::8.8.8.8": "NAT64",
    "64:ff9b:1::1": "NAT64",
    "2002:7f00:1::": "6to4",
    "169.254.169.254": "cloud metadata",
    "169.254.170.2": "cloud metadata",
    "100.100.100.200": "cloud metadata",
    "192.0.0.192": "cloud metadata",
    "168.63.129.16": "cloud metadata",
    "fd00:ec2::254": "cloud metadata",
}


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_public(text: str) -> None:
    assert kind_of(ipaddress.ip_address(text)) == ""


@pytest.mark.parametrize(("text", "kind"), KINDS.items())
def test_every_other_kind_is_told(text: str, kind: str) -> None:
    assert kind_of(ipaddress.ip_address(text)) == kind


def test_whatever_python_calls_not_global_is_not_public() -> None:
    steps = [ipaddress.ip_address(n << 16 | 257) for n in range(1 << 16)]
    assert not [each for each in steps if not each.is_global and not kind_of(each)]
    wide = [ipaddress.IPv6Address(n << 112 | 1) for n in range(1 << 16)]
    assert not [each for each in wide if not each.is_global and not kind_of(each)]


@pytest.mark.parametrize(
    "host", [f"[{text}]" if ":" in text else text for text in KINDS if "%" not in text]
)
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    with pytest.raises(ToolError, match="is refused: it leads to an address of the kind"):
        check_url(f"http://{host}/", Access())


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",  # decimal
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",  # octal
        "http://017700000001/",
        "http://127.1/",  # short
        "http://127.0.1/",
        "http://0/",
        "http://127.0.0.1./",
        "http://127.0.0.1.:80/",
        "http://999.1.1.1/",
        "http://1.2.3.4.5/",
        "http://example.org.0x7f/",
        "http://\uff11\uff12\uff17.0.0.1/",  # full width
        "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",  # circled
        "http://127\u30020\u30020\u30021/",  # other full stops
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%00.example.org/",
        "http://[::1%25lo]/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:ffff:169.254.169.254]/",
        "http://user@127.0.0.1/",
        "http://example.org@127.0.0.1/",
        "http://example.org:80@example.com/",
        "http://example.org\\@127.0.0.1/",
        "http:///etc/passwd",
        "http://",
        "http://./",
        "http://..example.org/",
        "http://exa mple.org/",
        "http://example.org:22/",
        "http://example.org:6379/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:80:80/",
        "http://exa\nmple.org/",
        "https://[::1/",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "unix:///var/run/docker.sock",
        "//example.org/",
        "example.org",
        "",
        "http://example.org/" + "a" * 3000,
    ],
)
def test_odd_addresses_are_refused(url: str) -> None:
    with pytest.raises(ToolError) as told:
        check_url(url, Access())
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://example.org/a?b=c#d", "example.org", 80),
        ("HTTPS://EXAMPLE.org./", "example.org", 443),
        ("http://example.org:443/", "example.org", 443),
        ("http://m\u00fcnchen.de/", "xn--mnchen-3ya.de", 80),
        ("http://a_b.example.org/", "a_b.example.org", 80),
        ("http://8.8.8.8/", "8.8.8.8", 80),
        ("http://[2606:4700:0::1111]/", "2606:4700::1111", 80),
        ("http://127.0.0.1.example.org/", "127.0.0.1.example.org", 80),
        ("http://0x7f.example.org/", "0x7f.example.org", 80),
        ("http://example.org#@127.0.0.1:22/@x:22", "example.org", 80),
        ("http://example.org/@127.0.0.1:22", "example.org", 80),
        ("http://example.org?@127.0.0.1:22", "example.org", 80),
    ],
)
def test_ordinary_addresses_are_read(url: str, host: str, port: int) -> None:
    target = check_url(url, Access())
    assert (target.host, target.port) == (host, port)
    assert "#" not in str(target.url)


def test_a_host_allowed_by_name_may_be_private_and_nothing_worse() -> None:
    access = Access(allow=("wiki.lan", "db.lan:8080"))
    wiki, db = check_url("http://wiki.lan/", access), check_url("http://db.lan:8080/", access)
    for text in ("10.0.0.1", "127.0.0.1", "fd00::1", "100.64.0.1"):
        check_address(wiki, ipaddress.ip_address(text), access)
        check_address(db, ipaddress.ip_address(text), access)
    for text in ("169.254.169.254", "169.254.1.1", "fe80::1", "0.0.0.0", "::ffff:10.0.0.1"):
        with pytest.raises(ToolError, match=r"wiki\.lan is refused"):
            check_address(wiki, ipaddress.ip_address(text), access)
    with pytest.raises(ToolError, match="port 8080 may not be reached"):
        check_url("http://wiki.lan:8080/", access)
    with pytest.raises(ToolError, match="refused"):  # allowed at 8080 alone
        check_address(check_url("http://db.lan/", access), ipaddress.ip_address("10.0.0.1"), access)
    other = check_url("http://evil.wiki.lan/", access)
    with pytest.raises(ToolError, match="refused"):
        check_address(other, ipaddress.ip_address("10.0.0.1"), access)


def test_addresses_and_networks_are_allowed_by_number() -> None:
    access = Access(allow=("127.0.0.1:8000", "10.0.0.0/8", "[::1]:9000", "169.254.169.254"))
    for url in (
        "http://127.0.0.1:8000/",
        "http://10.9.9.9/",
        "http://[::1]:9000/",
        "http://169.254.169.254/",
    ):
        assert check_url(url, access).address is not None
    for url in (
        "http://127.0.0.1/",
        "http://127.0.0.1:9000/",
        "http://127.0.0.2:8000/",
        "http://[::1]/",
        "http://11.0.0.1:8000/",
        "http://192.168.0.1/",
    ):
        with pytest.raises(ToolError):
            check_url(url, access)


def test_a_network_does_not_let_in_what_it_hides() -> None:
    access = Access(allow=("100.64.0.0/10", "fd00::/8", "169.254.0.0/16", "64:ff9b::/96"))
    for host in ("100.64.1.1", "[fd00::1]", "169.254.1.1", "[64:ff9b::8.8.8.8]"):
        check_url(f"http://{host}/", access)
    for host in (
        "100.100.100.200",
        "[fd00:ec2::254]",
        "169.254.169.254",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
    ):
        with pytest.raises(ToolError, match="refused"):
            check_url(f"http://{host}/", access)


def test_only_some_hosts_can_be_asked_for() -> None:
    access = Access(only=("python.org",))
    assert check_url("https://docs.python.org/3/", access).host == "docs.python.org"
    for host in ("notpython.org", "python.org.evil.example", "8.8.8.8"):
        with pytest.raises(ToolError, match="not among the hosts"):
            check_url(f"https://{host}/", access)


def test_other_ports_can_be_opened() -> None:
    assert check_url("https://example.org:8443/", Access(ports=(443, 8443))).port == 8443


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow": ("http://wiki.lan/",)},
        {"allow": ("wiki.lan:0",)},
        {"allow": ("wiki.lan:99999",)},
        {"allow": ("0x7f.1",)},
        {"allow": ("*.lan",)},
        {"allow": ("",)},
        {"allow": "wiki.lan"},
        {"ports": 80},
        {"seconds": 0},
        {"seconds": float("inf")},
        {"size": 0},
        {"redirects": -1},
    ],
)
def test_settings_that_cannot_work_are_told(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Access: "):
        Access(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.org/x?api_key=abc&q=1", "https://a.org/x?api_key=hidden&q=1"),
        ("https://a.org/x?X-Amz-Signature=abc", "https://a.org/x?X-Amz-Signature=hidden"),
        ("https://a.org/x?accessToken=abc", "https://a.org/x?accessToken=hidden"),
        ("https://a.org/x?TOKEN=abc#token=abc", "https://a.org/x?TOKEN=hidden"),
        ("https://me:secret@a.org/x", "https://a.org/x"),
        ("https://a.org/x?monkey=1&author=b", "https://a.org/x?monkey=1&author=b"),
        ("https://a.org:x/", "(unreadable address)"),
    ],
)
def test_secrets_in_addresses_are_not_shown(url: str, safe: str) -> None:
    assert shown(url) == safe
