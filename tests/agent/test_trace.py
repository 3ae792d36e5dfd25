import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import (
    FILE_NAME,
    TraceWriter,
    read_traces,
    stream_traces,
    write_traces,
)
from forethought.agent.types import (
    Candidate,
    Considered,
    Decision,
    Episode,
    Estimate,
    Goal,
    Outcome,
    Step,
    Trace,
    Usage,
)

TEXT = st.text(max_size=20)
SMALL = st.text(max_size=3)
NUMBER = st.floats(-1e6, 1e6)
CHANCE = st.floats(0, 1)
CANDIDATE = st.builds(Candidate, TEXT, SMALL, st.none() | SMALL)
GOALS = st.lists(st.builds(Goal, SMALL, st.sampled_from(["hoped", "feared"]), NUMBER), max_size=2)
CONSIDERED = st.builds(
    Considered,
    CANDIDATE,
    st.lists(st.builds(Estimate, CHANCE, CHANCE, CHANCE, st.booleans()), max_size=2).map(tuple),
    st.none() | NUMBER,
)
FACTS = st.dictionaries(
    SMALL, st.none() | st.booleans() | st.integers() | NUMBER | SMALL, max_size=2
)
DECISION = st.builds(
    Decision,
    CANDIDATE,
    TEXT,
    SMALL,
    GOALS.map(tuple),
    st.lists(CONSIDERED, max_size=2).map(tuple),
    st.integers(0, 99),
    critique=TEXT,
    fallback=SMALL,
    prefix_mode=st.sampled_from(["none", "native", "emulated"]),
    usage=st.dictionaries(SMALL, st.builds(Usage, st.integers(0, 9), dollars=NUMBER), max_size=2),
)
STEP = st.builds(Step, st.integers(0, 99), TEXT, TEXT, DECISION, NUMBER, st.booleans(), FACTS)
TRACE = st.builds(
    Trace,
    st.builds(Episode, TEXT, SMALL, st.integers(), goals=GOALS.map(tuple), facts=FACTS),
    st.lists(STEP, max_size=3).map(tuple),
    st.builds(Outcome, NUMBER, st.booleans(), SMALL, st.lists(SMALL, max_size=2).map(tuple)),
)


def make(number: int, steps: int = 2) -> Trace:
    decision = Decision(Candidate(f"thought {number}"), "é\n\u2028 act", "p")
    return Trace(
        Episode(f"e{number}", "talk-v0", seed=number),
        tuple(Step(i, "seen\nhere", "state", decision, 0.5) for i in range(steps)),
        Outcome(float(number), True),
    )


@settings(max_examples=60, deadline=None)
@given(traces=st.lists(TRACE, min_size=1, max_size=3, unique_by=lambda trace: trace.episode.id))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, traces: list[Trace]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    write_traces(path, traces)
    assert read_traces(path).traces == traces


def test_half_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    decision = Decision(Candidate("\ud800"), "a", "p")
    write_traces(
        tmp_path / "t.jsonl",
        [Trace(Episode("e", "w"), (Step(0, "o\udfff", "s", decision),), Outcome(0.0, False))],
    )
    (trace,) = read_traces(tmp_path / "t.jsonl").traces
    assert trace.steps[0].observation == "o?"


def test_a_tail_torn_anywhere_loses_its_own_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_traces(path, [make(1), make(2)])
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    first = len(b"".join(lines[:4]))
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        found = read_traces(path)
        lost = len(whole[:cut]) - whole[:cut].rfind(b"\n") - 1
        complete = whole[cut : cut + 1] == b"\n"
        assert found.torn == (lost > 0 and not complete)
        assert found.traces == ([make(1), make(2)] if cut == len(whole) - 1 else [make(1)])
        with TraceWriter(path) as writer:
            writer.write(make(3))
        kept = whole[:cut] + b"\n" if complete else whole[: cut - lost]
        assert path.read_bytes().startswith(kept)
        assert read_traces(path).traces == [*found.traces, make(3)]


def test_a_first_line_torn_anywhere_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_traces(path, [make(1)])
    line = path.read_bytes().splitlines()[0]
    for cut in range(len(line) + 1):
        path.write_bytes(line[:cut])
        with pytest.raises(DataError, match="no finished episode"):
            read_traces(path)
        write_traces(path, [make(2)])
        assert read_traces(path).traces == [make(2)]


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"{}\n",
        b'{"type":"step"}\n',
        b"\x00\xff\xfe\n",
        b"[1]\nx",
        b"a,b\n1,2\n",
        b"PK\x03",
    ],
)
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a traces file"):
        TraceWriter(path)
    with pytest.raises(DataError):
        read_traces(path)
    assert path.read_bytes() == content


def test_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_traces(path, [make(1)])
    path.write_text(path.read_text().replace('"version":1', '"version":7'))
    for use in (read_traces, TraceWriter):
        with pytest.raises(DataError, match="has trace format 7; this version reads format 1"):
            use(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("}{", "line 3: not JSON"),
        ("[]", "line 3: not a trace event"),
        ('{"type":"step","id":"nobody","step":{}}', "line 3: not a trace event"),
        ('{"type":"step","id":"e1","step":{"index":"x"}}', "line 3: not a trace event"),
        ('{"type":"song"}', "line 3: unknown event 'song'"),
        ("{}", "line 3: not a trace event"),
    ],
)
def test_a_damaged_middle_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "t.jsonl"
    write_traces(path, [make(1)])
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], line.encode(), *lines[2:]]))
    with pytest.raises(DataError, match=reason) as caught:
        read_traces(path)
    assert "\n" not in str(caught.value)


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with TraceWriter(path), pytest.raises(ConfigError, match="being written by another"):
        TraceWriter(path)
    TraceWriter(path).close()


def test_interleaved_and_unfinished_episodes(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    one, two, three = make(1), make(2), make(3)
    with TraceWriter(path) as writer:
        for trace in (one, two, three):
            writer.begin(trace.episode)
        for index in range(2):
            for trace in (one, two, three):
                writer.step(trace.episode.id, trace.steps[index])
        writer.end("e3", Outcome(3.0, True))
        writer.end("e1", Outcome(1.0, True))
    found = read_traces(path)
    assert found.traces == [three, one]
    assert found.unfinished == 1
    assert found.warning == f"{path}: 1 unfinished episode left out"
    write_traces(path, [two])
    assert read_traces(path).traces == [three, one, two]
    assert read_traces(path).warning == ""


def test_unreadable_places(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_traces(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="cannot read"):
        read_traces(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        TraceWriter(tmp_path / "file" / "t.jsonl")
    with pytest.raises(ConfigError, match="cannot write"):
        TraceWriter(tmp_path)
    with pytest.raises(DataError, match="it is empty"):
        read_traces(tmp_path / "file")


CHILD = """
import sys
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step
with TraceWriter(sys.argv[1]) as writer:
    print("ready", flush=True)
    for number in range(10**9):
        decision = Decision(Candidate("t" * (number * 37 % 5000)), "a", "p")
        id = f"{sys.argv[2]}-{number}"
        writer.begin(Episode(id, "w"))
        for index in range(3):
            writer.step(id, Step(index, "o", "s", decision))
        writer.end(id, Outcome(1.0, True))
"""


def test_a_writer_killed_at_any_moment_leaves_a_file_to_go_on_with(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rng = random.Random(5)
    known = 0
    for attempt in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(attempt)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        while path.stat().st_size < known + 20_000:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        before = read_traces(path)
        write_traces(path, [make(attempt)])
        after = read_traces(path)
        assert after.traces == [*before.traces, make(attempt)]
        assert not after.torn
        assert after.unfinished <= attempt + 1
        assert all(len(trace.steps) in (2, 3) for trace in after.traces)
        known = path.stat().st_size


def test_a_stream_of_a_file_is_what_reading_it_gives(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    traces = [Trace(Episode(f"e{n}", "w"), (), Outcome(float(n), True)) for n in range(3)]
    write_traces(path, [*traces, traces[0]])
    with TraceWriter(path) as writer:
        writer.begin(Episode("open", "w"))
    assert list(stream_traces(tmp_path)) == traces  # a repeated id keeps the first
    path.write_bytes(path.read_bytes() + b'{"type":"end"}\n')
    with pytest.raises(DataError, match=r"line .*: not a trace event"):
        list(stream_traces(path))
