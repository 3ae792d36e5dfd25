import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from viewer_runs import episode, plain, trace

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Outcome, Step
from forethought.cli.viewer.live import Live
from forethought.cli.viewer.tail import Tail


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


@pytest.fixture
def live(file: Path) -> Iterator[Live]:
    with TraceWriter(file) as writer:
        writer.write(trace("first"))
    served = Live(Tail([file]), lambda packed, change: f"{sorted(packed.rows)} {change}")
    thread = threading.Thread(target=served.run)
    thread.start()
    yield served
    served.stop()
    thread.join(10)
    assert not thread.is_alive()


@contextmanager
def asked(live: Live, path: str = "/", host: str = "") -> Iterator[http.client.HTTPResponse]:
    link = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    link.putrequest("GET", path, skip_host=True)
    link.putheader("Host", host or f"127.0.0.1:{live.port}")
    link.endheaders()
    with closing(link), link.getresponse() as response:
        yield response


def told(response: http.client.HTTPResponse) -> Any:
    while True:
        line = response.readline().decode()
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))


def ids(said: Any) -> list[tuple[str, int]]:
    return [
        (row[0], len(record.get("steps", [])))
        for row, record in zip(said["rows"], said["records"], strict=True)
    ]


def test_a_file_is_read_as_it_grows(file: Path) -> None:
    tail = Tail([file])
    tail.read()
    assert tail.since(0) == (0, [])
    with TraceWriter(file) as writer:
        writer.begin(episode("a", "react"))
        tail.read()
        change, (begun,) = tail.since(0)
        assert (begun.episode.id, begun.steps, begun.outcome) == ("a", (), None)
        writer.step("a", Step(0, "o", "s", plain("t", "x")))
        tail.read()
        later, (grown,) = tail.since(change)
        assert len(grown.steps) == 1
        writer.end("a", Outcome(1.0, True))
    tail.read()
    ((ended),) = tail.since(later)[1]
    assert ended.outcome == Outcome(1.0, True)
    assert tail.since(tail.changes)[1] == []


def test_half_a_line_waits_for_its_end(file: Path) -> None:
    with TraceWriter(file) as writer:
        writer.write(trace("whole"))
    data = file.read_bytes()
    file.write_bytes(data[:-20])
    tail = Tail([file])
    tail.read()
    assert tail.since(0)[1][0].outcome is None
    file.write_bytes(data)
    tail.read()
    assert tail.since(0)[1] == [trace("whole")]


def test_a_line_that_is_no_event_is_an_error(file: Path) -> None:
    file.write_text('{"type":"step","id":"never begun","step":{}}\n')
    with pytest.raises(DataError, match="no trace event"):
        Tail([file]).read()


def test_the_page_and_what_is_added_later(live: Live, file: Path) -> None:
    with asked(live) as response:
        assert response.read().decode() == "['first'] 5"
    with asked(live, "/events?after=5") as events, TraceWriter(file) as writer:
        assert events.headers["Content-Type"] == "text/event-stream"
        writer.begin(episode("second", "react"))
        assert ids(told(events)) == [("second", 0)]
        writer.step("second", Step(0, "o", "s", plain("t", "x")))
        assert ids(told(events)) == [("second", 1)]
    with asked(live, "/events?after=nonsense") as events:
        assert ids(told(events))[0] == ("first", 3)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1"])
def test_other_names_for_this_machine_are_refused(live: Live, host: str) -> None:
    for path in ("/", "/events"):
        with asked(live, path, host) as response:
            assert response.status == 403
            assert b"first" not in response.read()


def test_there_is_nothing_else_to_get(live: Live) -> None:
    for path in ("/traces.jsonl", "/../etc/passwd", "/events/x"):
        with asked(live, path) as response:
            assert response.status == 404


def test_a_damaged_file_is_told(live: Live, file: Path) -> None:
    with file.open("a") as opened:
        opened.write("{}\n")
    with asked(live) as response:
        assert response.status == 500
        assert "no trace event" in response.reason


def test_a_port_that_is_taken_is_one_clear_line(live: Live, file: Path) -> None:
    with pytest.raises(ConfigError, match=f"port {live.port} cannot be used"):
        Live(Tail([file]), lambda packed, change: "", port=live.port)
