import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from forethought.agent.models.names import load_model
from forethought.agent.models.scripted import FunctionModel
from forethought.agent.trace import FILE_NAME, read_traces
from forethought.agent.types import Message, Request
from forethought.valuefn.reproduce import pnlc
from forethought.valuefn.reproduce.claims import Claim, check, holds
from forethought.valuefn.reproduce.pnlc import Report, Size, run
from forethought.valuefn.reproduce.pnlc_paper import CLAIMS, PAPER
from forethought.valuefn.reproduce.pnlc_picture import picture
from forethought.valuefn.reproduce.proposer import NAME, answer

TINY = Size(
    collected=480,
    seeds=2,
    test=4,
    validation=4,
    settings={"members": 1, "hidden": 8, "steps": 2},
)


@pytest.fixture(scope="module", autouse=True)
def fewer_ablations() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pnlc, "OBJECTIVES", ("monte-carlo",))
        patch.setattr(pnlc, "GRID_EACH", (1, 2))
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    out = tmp_path_factory.mktemp("pnlc")
    return out, run(out, size=TINY, proposer=load_model(NAME))


def test_every_arm_of_the_paper_is_played_on_test_episodes(done: tuple[Path, Report]) -> None:
    _, report = done
    assert {"full", "scalar", "no refinement", "react", "full, permuted", "rank"} <= set(
        report.table
    )
    assert all(row.n == TINY.seeds * TINY.test for row in report.table.values())
    # as many thoughts for both: one and two more
    assert report.table["full"].calls <= report.table["no refinement"].calls * 2
    assert report.table["rank"].calls == 0


def test_each_claim_has_its_interval_or_was_not_played(done: tuple[Path, Report]) -> None:
    told = {found.claim.name: found for found in done[1].claims}
    assert set(told) == {claim.name for claim in CLAIMS}
    assert told["full > asked"].ours is None
    assert told["full > asked"].holds is None
    scalar = told["full > scalar"]
    assert scalar.ours is not None
    assert scalar.ci95 is not None
    assert scalar.ci95[0] <= scalar.ours <= scalar.ci95[1]
    assert len(scalar.by_seed) == TINY.seeds
    assert sum(scalar.by_seed) / 2 == pytest.approx(scalar.ours)


def test_ablations_are_played_on_validation_episodes(done: tuple[Path, Report]) -> None:
    points = {point.name: point for point in done[1].points}
    families = {point.family for point in points.values()}
    assert families == {"goals x rounds", "data", "objective"}
    assert {"iql, 30", "iql, 120", "scalar, 30", "monte-carlo"} <= set(points)
    assert points["iql"].auc is not None
    minus = points["monte-carlo"].minus
    assert minus is not None
    assert minus.diff == pytest.approx(points["monte-carlo"].row.mean - points["iql"].row.mean)
    assert points["iql"].minus is points["2 + 2 goals, 2 rounds"].minus is None
    assert points["scalar"].auc is None
    assert points["2 + 2 goals, 4 rounds"].row.calls > points["2 + 2 goals, 1 round"].row.calls


def test_a_run_that_was_cut_goes_on_to_the_same_report(done: tuple[Path, Report]) -> None:
    out, report = done
    heads = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    for split in ("test", "validation"):
        file = out / "seed-1" / split / FILE_NAME
        file.write_bytes(file.read_bytes()[:-2000])
    again = run(out, size=TINY, proposer=load_model(NAME))
    assert again.claims == report.claims
    assert [point.row.mean for point in again.points] == [p.row.mean for p in report.points]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == heads


def test_a_real_model_brings_the_arms_that_ask_it(
    done: tuple[Path, Report], tmp_path: Path
) -> None:
    for part in ("heads", "collected"):
        shutil.copytree(done[0] / "seed-0" / part, tmp_path / "seed-0" / part)
    size = replace(TINY, seeds=1, test=2, validation=2)
    report = run(tmp_path, size=size, proposer=FunctionModel(answer), model_name="some")
    told = {found.claim.name: found for found in report.claims}
    assert told["full > asked"].ours is not None
    assert "tree:5, asked" in report.table
    assert "goals x rounds" not in {point.family for point in report.points}
    assert picture(report).startswith(b"\x89PNG")


def test_the_picture_is_drawn(done: tuple[Path, Report]) -> None:
    assert picture(done[1]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.2, True), (-0.1, 0.01, False), (-0.2, -0.1, False), (-0.1, 0.1, None)],
)
def test_a_claim_holds_by_its_interval(low: float, high: float, said: bool | None) -> None:
    assert holds(low, high) is said


def test_a_claim_is_checked_on_pairs() -> None:
    claim = Claim("a > b", "a", "b", None)
    rewards = {"a": [[1.0, 0.5] * 10, [1.0] * 20], "b": [[0.5, 0.0] * 10, [0.5] * 20]}
    found = check(claim, rewards, seed=0)
    assert (found.ours, found.ci95, found.holds) == (0.5, (0.5, 0.5), True)
    assert found.by_seed == (0.5, 0.5)
    assert check(claim, {"a": [[1.0]]}, seed=0).holds is None


def test_the_papers_figures_are_those_known() -> None:
    assert PAPER["full"] == (78.2, 47.0, 0.87)
    told = {claim.name: claim.paper for claim in CLAIMS}
    assert told["full > scalar"] == {
        "WebShop score": 22.8,
        "Avalon win rate": 22.0,
        "Persuasion $": 0.34,
    }


def test_the_proposer_follows_any_schema_and_repeats_itself() -> None:
    schema = {
        "type": "object",
        "properties": {
            "verdict": {"enum": ["accept", "refine"]},
            "hoped": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 3},
            "marks": {"type": "array", "items": {"type": "integer", "maximum": 5}, "minItems": 2},
            "thought": {"type": "string"},
        },
    }
    request = Request((Message("user", "Well?"),), schema=schema, seed=3)
    said = json.loads(answer(request))
    assert said["verdict"] in {"accept", "refine"}
    assert sorted(said["hoped"]) == ["a", "b"]
    assert all(0 <= mark <= 5 for mark in said["marks"])
    assert said["thought"].startswith("I go on")
    assert answer(request) == json.dumps(said)


def test_a_run_grows_and_begins_with_what_it_was(done: tuple[Path, Report], tmp_path: Path) -> None:
    shutil.copytree(done[0] / "seed-0", tmp_path / "seed-0")
    size = replace(TINY, seeds=1, test=6, validation=4)
    more = run(tmp_path, size=size, proposer=load_model(NAME))
    assert more.table["rank"].n == 6
    first = read_traces(done[0] / "seed-0" / "test").traces
    later = read_traces(tmp_path / "seed-0" / "test").traces
    ids = {trace.episode.id for trace in later}
    assert all(trace.episode.id in ids for trace in first)
