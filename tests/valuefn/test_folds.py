import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from invented import WON, invented_traces

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.protocols import Encoder
from forethought.agent.types import Trace
from forethought.envs.casino import SUCCESS_GOAL, casino_traces, transcript_at
from forethought.valuefn.baselines import TextBaseline
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.evaluate import ask
from forethought.valuefn.fit import fit_head
from forethought.valuefn.folds import (
    DIALOGUE,
    QUERY,
    FoldsReport,
    cross_validate,
    text_chances,
)
from forethought.valuefn.head import Head
from forethought.valuefn.page import page, write_page
from forethought.valuefn.pictures import picture, write_picture
from forethought.valuefn.queries import Cases
from forethought.valuefn.scoring import Answers

SMALL = head_config("monte-carlo", members=2, hidden=16, steps=75)


@pytest.fixture(scope="module")
def report() -> FoldsReport:
    return cross_validate(invented_traces(200), SMALL, folds=2, goal=WON.text)


def test_folds_never_share_a_group_and_are_even() -> None:
    groups = np.repeat(np.arange(25), 3)
    fold = group_folds(groups, 10, seed=4)
    for group in range(25):
        assert len(set(fold[groups == group])) == 1
    sizes = np.bincount(fold[::3])
    assert len(sizes) == 10
    assert sizes.max() - sizes.min() <= 1
    assert (fold == group_folds(groups, 10, seed=4)).all()
    assert (fold != group_folds(groups, 10, seed=5)).any()


@pytest.mark.parametrize("folds", [1, 0, 26])
def test_folds_that_cannot_be_had(folds: int) -> None:
    with pytest.raises(ConfigError, match="name 2 to 25 folds"):
        group_folds(np.arange(25), folds, seed=0)


def test_no_model_sees_an_episode_of_a_group_it_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[set[int]] = []
    asked: list[set[int]] = []

    def watched_fit(traces: list[Trace], config: HeadConfig, *, encoder: Encoder) -> Head:
        seen.append({trace.episode.instance for trace in traces})
        return fit_head(traces, config, encoder=encoder)

    def watched_ask(critic: LearnedValue, cases: Cases, shares: Sequence[float]) -> Answers:
        asked.append({trace.episode.instance for trace in cases.traces})
        return ask(critic, cases, shares)

    monkeypatch.setattr("forethought.valuefn.folds.fit_head", watched_fit)
    monkeypatch.setattr("forethought.valuefn.folds.ask", watched_ask)
    quick = head_config("monte-carlo", members=1, hidden=8, steps=5)
    cross_validate(invented_traces(120), quick, folds=3, shares=(1.0,))
    assert len(seen) == len(asked) == 3
    for trained, questioned in zip(seen, asked, strict=True):
        assert not trained & questioned
        assert trained | questioned == set(range(60))


def test_a_label_that_is_only_in_the_group_cannot_be_learned() -> None:
    # each group has a name of its own and both its episodes end alike: only a leak would tell
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(0, 2, size=100), 2).astype(np.float32)
    texts = [f"camp number {'abcdefghij'[i // 20]} {i // 2}" for i in range(200)]
    fold = group_folds(np.arange(200) // 2, 5, seed=0)
    chance = text_chances(texts, truth, fold)
    right = ((chance > 0.5) == (truth == 1)).mean()
    assert right < 0.65


def test_the_head_and_both_baselines_are_reported(report: FoldsReport) -> None:
    assert report.folds == 2
    assert len(report.curves) == 2
    assert {beaten.baseline for beaten in report.baselines} == {DIALOGUE, QUERY}
    assert len(report.baselines) == 8
    last = report.head.by_share[-1]
    assert last.auc is not None
    assert last.auc.value > 0.9
    for beaten in report.baselines:
        head = next(score for score in report.head.by_share if score.name == beaten.share)
        assert beaten.difference.auc is not None
        assert beaten.scores.auc is not None
        assert head.auc is not None
        assert beaten.difference.auc.value == pytest.approx(
            head.auc.value - beaten.scores.auc.value
        )
        assert beaten.difference.auc.low <= beaten.difference.auc.value
    json.dumps(asdict(report), allow_nan=False)


def test_permuted_outcomes_give_chance() -> None:
    traces = invented_traces(200)
    outcomes = [trace.outcome for trace in traces]
    order = np.random.default_rng(1).permutation(len(traces))
    dealt = [replace(trace, outcome=outcomes[i]) for trace, i in zip(traces, order, strict=True)]
    found = cross_validate(dealt, SMALL, folds=2, goal=WON.text, shares=(1.0,))
    assert found.head.overall.auc is not None
    assert found.head.overall.auc.value == pytest.approx(0.5, abs=0.15)
    for beaten in found.baselines:
        assert beaten.scores.auc is not None
        assert beaten.scores.auc.value == pytest.approx(0.5, abs=0.15)


def test_people_are_read_with_their_transcripts() -> None:
    traces = casino_traces(["test", "valid"])
    quick = head_config("monte-carlo", members=2, hidden=16, steps=50)
    calls: list[tuple[int, int]] = []
    found = cross_validate(
        traces,
        quick,
        folds=2,
        goal=SUCCESS_GOAL.text,
        shares=(1.0,),
        text_of=transcript_at,
        progress=lambda done, of: calls.append((done, of)),
    )
    assert calls == [(0, 2), (1, 2), (2, 2)]
    assert (found.head.episodes, found.head.groups) == (260, 130)
    assert found.head.overall.auc is not None
    dialogue = found.baselines[0]
    assert dialogue.scores.auc is not None
    assert found.head.overall.auc.value > dialogue.scores.auc.value


def test_a_text_baseline_learns_words_and_numbers() -> None:
    texts = [f"points {n % 10} here" for n in range(100)]
    truth = np.asarray([float(n % 10 >= 5) for n in range(100)], dtype=np.float32)
    model = TextBaseline().fit(texts, truth)
    low, high = model.chances(["points 1 here", "points 9 here"])
    assert low < 0.3
    assert high > 0.7
    assert model.chances([]).shape == (0,)


def test_a_text_baseline_of_one_outcome_or_no_words() -> None:
    ones = TextBaseline().fit(["a b", "c d"], np.ones(2, dtype=np.float32))
    assert ones.chances(["x"]).tolist() == [1.0]
    with pytest.raises(DataError, match="no words"):
        TextBaseline().fit(["", "..."], np.asarray([0.0, 1.0], dtype=np.float32))
    with pytest.raises(DataError, match="at least one text"):
        TextBaseline().fit([], np.zeros(0, dtype=np.float32))


def test_the_picture_is_a_png_of_its_panels(report: FoldsReport, tmp_path: Path) -> None:
    whole = picture(report.head, baselines=report.baselines, curves=report.curves)
    assert whole.startswith(b"\x89PNG")
    width = int.from_bytes(whole[16:20], "big")
    assert int.from_bytes(picture(report.head)[16:20], "big") < width
    path = write_picture(tmp_path / "new" / "one.png", report.head, curves=report.curves)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [entry.name for entry in path.parent.iterdir()] == ["one.png"]


def test_the_page_escapes_and_stands_alone(report: FoldsReport, tmp_path: Path) -> None:
    sly = replace(report.head, goal="<script>alert(1)</script>")
    path = write_page(tmp_path / "page.html", sly, baselines=report.baselines, title="A & B")
    text = path.read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "A &amp; B" in text
    assert 'src="data:image/png;base64,' in text
    assert "http" not in text
    assert "By opponent" in text
    assert "By opponent" not in page(replace(report.head, by_opponent=()))


def test_a_page_that_cannot_be_written(report: FoldsReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_page(tmp_path / "file" / "page.html", report.head)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot write"):
        write_picture(tmp_path / "folder", report.head)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
