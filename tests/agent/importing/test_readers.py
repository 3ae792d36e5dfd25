import contextlib
import csv
import gzip
import json
import tomllib
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from forethought.agent.errors import DataError
from forethought.agent.importing import readers
from forethought.agent.importing.episodes import make_traces
from forethought.agent.importing.guess import propose
from forethought.agent.importing.ledger import Ledger, Row
from forethought.agent.importing.mapping import FileSettings, make_mapping
from forethought.agent.importing.readers import read_rows

ROWS = [{"id": "a", "n": 1, "t": "früh"}, {"id": "b", "n": 2, "t": 'x,"y"\nz'}]


def read(path: Path | str, **given: Any) -> tuple[list[Row], Ledger]:
    ledger = Ledger()
    return list(read_rows(str(path), FileSettings(**given), ledger)), ledger


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_marks_and_compression_are_seen(tmp_path: Path, encoding: str, packed: bool) -> None:
    data = lines(ROWS).encode(encoding)
    (tmp_path / "f.jsonl").write_bytes(gzip.compress(data) if packed else data)
    rows, ledger = read(tmp_path / "f.jsonl")
    assert [dict(row.values) for row in rows] == ROWS
    assert ledger.refused == 0


def test_an_encoding_without_a_mark_is_named(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(lines(ROWS).encode("latin-1"))
    rows, ledger = read(tmp_path / "f.jsonl")
    assert [row.values["id"] for row in rows] == ["b"]
    assert list(ledger.reasons) == ["the line is no utf-8 text"]
    rows, _ = read(tmp_path / "f.jsonl", encoding="latin-1")
    assert rows[0].values["t"] == "früh"


def test_bad_lines_are_refused_by_number_and_blank_ones_passed_over(tmp_path: Path) -> None:
    deep = "[" * 100_000
    text = f'{{"a": 1}}\n\n  \n{{"a": \n[1]\n{deep}\n{"9" * 5000}\n{{"a": NaN}}\r\n{{"a": 2}}'
    (tmp_path / "f.jsonl").write_text(text)
    rows, ledger = read(tmp_path / "f.jsonl")
    assert [row.number for row in rows] == [1, 8, 9]
    assert (ledger.rows, ledger.blank, ledger.refused) == (7, 2, 4)
    assert ledger.reasons["not JSON"].first == [f"{tmp_path}/f.jsonl, line {n}" for n in (4, 6, 7)]


def test_a_line_that_never_ends_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "LONGEST_LINE", 50)
    (tmp_path / "f.jsonl").write_text('{"a": 1}\n{"a": "' + "x" * 500 + '"}\n{"a": 2}\n')
    rows, ledger = read(tmp_path / "f.jsonl")
    assert [row.number for row in rows] == [1, 3]
    assert list(ledger.reasons) == ["the line is longer than 16 MiB"]


def test_a_json_list_is_read_and_lines_under_that_name_too(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps([*ROWS, 3], indent=2))
    rows, ledger = read(tmp_path / "f.json")
    assert ([row.number for row in rows], ledger.refused) == ([1, 2], 1)
    (tmp_path / "g.json").write_text(lines(ROWS))
    assert [dict(row.values) for row in read(tmp_path / "g.json")[0]] == ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_with_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    with (tmp_path / "f.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([["id", "n", "t"], *(row.values() for row in ROWS)])
    rows, _ = read(tmp_path / "f.csv")
    assert [dict(row.values) for row in rows] == [{**row, "n": str(row["n"])} for row in ROWS]
    assert [row.number for row in rows] == [2, 3]


def test_uneven_rows_huge_fields_and_bad_headers(tmp_path: Path) -> None:
    huge = "y" * 300_000
    (tmp_path / "f.csv").write_text(f"a,b\n1,2\n\n1\n1,2,3\n1,{huge}\n")
    rows, ledger = read(tmp_path / "f.csv")
    assert [row.number for row in rows] == [2, 6]
    assert rows[1].values["b"] == huge
    assert ledger.reasons["another number of fields than the first line"].rows == 2
    for text in ("", "a,a\n1,2\n", ",\n1,2\n"):
        (tmp_path / "g.csv").write_text(text)
        with pytest.raises(DataError, match="must name every column once"):
            read(tmp_path / "g.csv")


def test_parquet_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, row in enumerate(ROWS):
        parquet.write_table(pyarrow.Table.from_pylist([row] * 300), folder / f"{number}.parquet")
    rows, _ = read(folder / "0.parquet")
    assert (len(rows), dict(rows[299].values), rows[299].number) == (300, ROWS[0], 300)
    assert [dict(row.values) for row in read(folder)[0]] == [ROWS[0]] * 300 + [ROWS[1]] * 300


def test_saved_data_sets_and_the_loader_of_the_hub(tmp_path: Path) -> None:
    talk = [{"role": "assistant", "content": "Hi"}]
    rows = [{"id": name, "messages": talk, "solved": name == "a"} for name in "ab"]
    one = datasets.Dataset.from_list(rows)
    one.save_to_disk(tmp_path / "one")
    datasets.DatasetDict(train=one, test=one.select([0])).save_to_disk(tmp_path / "two")
    assert [row.values["id"] for row in read(tmp_path / "one")[0]] == ["a", "b"]
    assert len(read(tmp_path / "two", split="test")[0]) == 1
    with pytest.raises(DataError, match=r"has the splits train, test; name one"):
        read(tmp_path / "two")
    (tmp_path / "hub").mkdir()
    one.to_parquet(tmp_path / "hub" / "train-00000-of-00001.parquet")
    found, ledger = read(f"hf:{tmp_path}/hub", split="train")
    rule = {"column": "solved", "equals": True, "says": "A."}
    mapping = make_mapping({"outcomes": [rule], "episode": {"id": "id"}})
    assert len(list(make_traces(found, mapping, ledger))) == 2


def test_a_data_set_that_cannot_be_had_is_told() -> None:
    with pytest.raises(DataError, match="cannot load data set 'nobody/nothing'") as told:
        read("hf:nobody/nothing")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("f.txt", b"x", "its ending does not say what it is"),
        ("f.parquet", b"PAR1 and no more", "f.parquet"),
        ("f.jsonl", gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:-20], "the gzip file is damaged"),
        ("f.jsonl", b"\x1f\x8b and no more", "the gzip file is damaged"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_places_that_are_not_there(tmp_path: Path) -> None:
    for name in ("f.jsonl", "f.csv", "f.parquet"):
        with pytest.raises(DataError, match="cannot read"):
            read(tmp_path / name)
    with pytest.raises(DataError, match="neither a saved data set nor Parquet"):
        read(tmp_path)


_ANY = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    st.lists(st.text(max_size=20), max_size=8).map(lambda rows: "\n".join(rows).encode()),
    st.binary(max_size=100).map(gzip.compress),
    st.binary(max_size=60).map(lambda data: b"a,b\n" + data),
)
_MAP = make_mapping({"outcomes": [{"column": "s", "equals": 1, "says": "A."}]})


@pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.csv", "f.parquet"])
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=_ANY)
def test_no_bytes_bring_it_down(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    ledger, told = Ledger(), ""
    try:
        list(make_traces(read_rows(str(tmp_path / name), FileSettings(), ledger), _MAP, ledger))
    except DataError as error:
        told = str(error)
    assert "\n" not in told


_LEAF = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
_JSON = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["role", "content", "text", "type", "tool_calls", "function", "name"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(messages=_JSON, solved=_JSON)
def test_no_row_brings_it_down(messages: Any, solved: Any) -> None:
    ledger = Ledger()
    row = Row("f", 1, {"messages": [{"role": "assistant", "content": messages}], "s": solved})
    odd = Row("f", 2, {"messages": messages, "s": 1})
    taken = list(make_traces([row, odd], _MAP, ledger))
    assert len(taken) + ledger.refused == 2
    with contextlib.suppress(DataError):
        make_mapping(tomllib.loads(propose([row.values, odd.values])))
