import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import gpu_all
import policy_speed
import torch
from gpu_all import Ended, run, shares
from gpu_data import write_data, write_model
from policy_speed import Speed, table


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def ended(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["gpu_all.py", *argv])
    with pytest.raises(SystemExit) as left:
        gpu_all.main()
    return left.value.code


def test_rollout_and_update_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speed.json"
    asked = ["--tokens", "4", "--updates", "3", "--rounds", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["policy_speed.py", *asked])
    policy_speed.main()
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["tokens/s", "rollout", "update", "whole"]
    assert [row.split()[0] for row in rows[1:]] == ["forethought", "TRL", "forethought"]
    for sides in json.loads(out.read_text("utf-8"))["speeds"].values():
        [speed] = sides
        assert 0 < speed["whole"] < min(speed["rollout"], speed["update"])
        parts = 1 / speed["rollout"] + 1 / speed["update"]
        assert parts == pytest.approx(1 / speed["whole"])
    monkeypatch.setattr(sys, "argv", ["policy_speed.py", "--device", "cuda"])
    with pytest.raises(SystemExit, match="2"):
        policy_speed.main()
    assert "error: no GPU is present" in capsys.readouterr().err


def test_ratios_are_of_rounds() -> None:
    found = {
        "forethought": [Speed(100, 50, 30), Speed(300, 50, 30)],
        "TRL": [Speed(100, 100, 30), Speed(100, 25, 60)],
    }
    last = table(found).splitlines()[-1]
    assert "2.00 (1.00-3.00)" in last
    assert "1.25 (0.50-2.00)" in last
    assert "0.75 (0.50-1.00)" in last


def test_what_is_missing_is_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = str(write_model(tmp_path / "base"))
    asked = ["--out", str(tmp_path / "out"), "--model", base]
    capsys.readouterr()
    assert ended(monkeypatch, asked) == 2
    assert capsys.readouterr().err.startswith("error: no GPU is present")
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)
    monkeypatch.setattr(gpu_all, "PACKAGES", ("torch", "no_such_package"))
    assert ended(monkeypatch, [*asked, "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert "the package no_such_package" in said
    assert "FORETHOUGHT_DATA with gsm8k/" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_tables_come_last_and_a_failure_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORETHOUGHT_DATA", str(write_data(tmp_path / "data")))
    base = str(write_model(tmp_path / "base"))
    codes = {"policy_speed": 0, "gpu_icrl": 130, "gpu_tocorl": 0}
    asked: dict[str, Sequence[str]] = {}

    def ran(name: str, arguments: Sequence[str], seconds: float) -> Ended:
        asked[name] = arguments
        return Ended(name, codes[name], 1.0, f"table of {name}\n")

    monkeypatch.setattr(gpu_all, "run", ran)
    given = ["--out", str(tmp_path / "out"), "--model", base, "--device", "cpu", "--steps", "1"]
    assert ended(monkeypatch, given) == 0
    said = capsys.readouterr().out
    assert "gpu_icrl: stopped in time, 1 s\ntable of gpu_icrl\n" in said
    assert said.endswith("table of gpu_tocorl\n")
    assert asked["gpu_icrl"][-2:] == asked["gpu_tocorl"][-2:] == ["--steps", "1"]
    assert "--steps" not in asked["policy_speed"]
    (tmp_path / "out" / "speed.json").write_text("{}")
    codes["gpu_tocorl"] = 1
    asked.clear()
    assert ended(monkeypatch, given) == 1
    assert list(asked) == ["gpu_icrl", "gpu_tocorl"]
    assert "gpu_tocorl: FAILED" in capsys.readouterr().out

    def pressed(name: str, arguments: Sequence[str], seconds: float) -> Ended:
        if name == "gpu_tocorl":
            raise KeyboardInterrupt
        return ran(name, arguments, seconds)

    monkeypatch.setattr(gpu_all, "run", pressed)
    assert ended(monkeypatch, given) == 130
    shown = capsys.readouterr()
    assert "stopped; the same command goes on from here" in shown.err
    assert shown.out.endswith("table of gpu_icrl\n")


def test_a_study_is_stopped_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text(
        "import sys, time\n"
        "try:\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('as far as it is')\n"
        "    sys.exit(130)\n"
    )
    monkeypatch.setattr(gpu_all, "HERE", tmp_path)
    one = run("slow", [], 2.0)
    assert (one.code, one.said) == (130, "begun\nas far as it is\n")
    assert one.seconds < 30


def test_time_that_was_not_used_goes_to_the_next_ones() -> None:
    assert sum(shares(list(gpu_all.SHARES), 20).values()) == pytest.approx(20)
    assert shares(["gpu_tocorl"], 7) == {"gpu_tocorl": 7}
