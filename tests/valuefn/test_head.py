import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support_signpost import signpost_traces

from forethought.agent.errors import ConfigError, DataError, HeadError
from forethought.agent.types import Candidate, Goal
from forethought.envs.signpost import HOME, LOST
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.fit import fit_head
from forethought.valuefn.hashed import HashedEncoder
from forethought.valuefn.head import Head
from forethought.valuefn.objectives import OBJECTIVES

SMALL = head_config(hidden=16, members=2, batch=64, steps=400, learning_rate=3e-3)
LEFT_HOME = {"red", "green", "black"}
THOUGHT = "I follow the path that the sign means."


@pytest.fixture(scope="module")
def head() -> Head:
    return fit_head(signpost_traces(), SMALL)


@pytest.fixture
def folder(head: Head, tmp_path: Path) -> Path:
    return head.save_pretrained(tmp_path / "head")


def ways() -> list[Candidate]:
    return [Candidate(THOUGHT, prefix="Left."), Candidate(THOUGHT, prefix="Right.")]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_where_only_the_prefix_decides_the_head_prefers_the_right_one(objective: str) -> None:
    config = head_config(
        objective,
        **SMALL.model_dump(include={"hidden", "members", "batch", "steps", "learning_rate"}),
    )
    critic = LearnedValue(fit_head(signpost_traces(), config))
    for colour in ("red", "blue", "green", "white", "black", "amber"):
        left, right = critic.estimate(f"The sign is {colour}.", ways(), [HOME, LOST])
        better, worse = (left, right) if colour in LEFT_HOME else (right, left)
        assert better[0].chance > 0.9
        assert worse[0].chance < 0.1
        assert better[1].chance < 0.1 < 0.9 < worse[1].chance


def test_a_head_that_cannot_see_the_prefix_cannot_tell(head: Head) -> None:
    critic = LearnedValue(head)
    blank = [Candidate(THOUGHT), Candidate(THOUGHT)]
    first, second = critic.estimate("The sign is red.", blank, [HOME])
    assert first == second


def test_on_permuted_outcomes_nothing_is_learned() -> None:
    control = fit_head(signpost_traces(), SMALL.model_copy(update={"permute": True}))
    chances = [
        row[0].chance
        for colour in ("red", "blue", "green", "white", "black", "amber")
        for row in LearnedValue(control).estimate(f"The sign is {colour}.", ways(), [HOME])
    ]
    assert max(chances) < 0.8
    assert min(chances) > 0.2
    assert abs(control.metrics["held_out"]["auc"] - 0.5) < 0.25


def test_equal_seeds_give_bit_equal_heads_and_others_do_not() -> None:
    short = SMALL.model_copy(update={"steps": 50})
    traces = signpost_traces(100)
    first, second = fit_head(traces, short), fit_head(traces, short)
    other = fit_head(traces, short.model_copy(update={"seed": 1}))
    for name, weights in first.weights.items():
        assert np.array_equal(weights, second.weights[name])
    assert any(not np.array_equal(w, other.weights[n]) for n, w in first.weights.items())


def test_a_saved_head_answers_as_before(head: Head, folder: Path) -> None:
    before = LearnedValue(head).estimate("The sign is red.", ways(), [HOME, LOST])
    assert load_critic(folder).estimate("The sign is red.", ways(), [HOME, LOST]) == before
    assert {p.name for p in folder.iterdir()} == {
        "README.md", "calibration.json", "config.json", "evidence.jsonl", "head.safetensors",
        "metrics.json",
    }  # fmt: skip
    card = (folder / "README.md").read_text()
    assert "300 episodes" in card
    assert HOME.text in card


def test_estimates_have_the_shape_of_the_question_and_sane_numbers(head: Head) -> None:
    critic = LearnedValue(head)
    rows = critic.estimate("The sign is red.", ways() * 3, [HOME, LOST, Goal("It rains.")])
    assert [len(row) for row in rows] == [3] * 6
    for estimate in (e for row in rows for e in row):
        assert 0 <= estimate.low <= estimate.chance <= estimate.high <= 1
    assert critic.estimate("The sign is red.", [], [HOME]) == []
    assert critic.estimate("The sign is red.", ways(), []) == [[], []]


def test_what_is_far_from_the_data_is_not_supported(head: Head) -> None:
    critic = LearnedValue(head)
    known = critic.estimate("The sign is red.", ways(), [HOME])
    assert all(row[0].supported for row in known)
    strange = [
        critic.estimate("Quarterly revenue fell by 3 percent.", ways(), [HOME]),
        critic.estimate("The sign is red.", [Candidate("Sell 200 shares of copper")], [HOME]),
        critic.estimate("The sign is red.", ways(), [Goal("The board approves the merger.")]),
    ]
    assert not any(row[0].supported for rows in strange for row in rows)


def test_explanations_are_the_nearest_logged_thoughts(head: Head) -> None:
    found = LearnedValue(head).explain("The sign is red.", ways()[0], HOME, nearest=5)
    assert [e.distance for e in found] == sorted(e.distance for e in found)
    assert all(e.state == "The sign is red." and e.reached for e in found)
    wrong = LearnedValue(head).explain("The sign is red.", ways()[1], HOME)
    assert not any(e.reached for e in wrong)


def test_another_encoder_is_refused(folder: Path) -> None:
    with pytest.raises(HeadError, match="trained with encoder 'hashed'"):
        load_critic(folder, encoder=HashedEncoder(64, 64))


@pytest.mark.parametrize(
    "name", ["config.json", "head.safetensors", "calibration.json", "evidence.jsonl"]
)
def test_missing_and_damaged_files_are_named(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HeadError, match=r"is damaged"):
        load_critic(folder)
    (folder / name).unlink()
    with pytest.raises(HeadError, match=f"not a whole head: {name} missing"):
        load_critic(folder)


def test_other_places_and_other_formats(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(HeadError, match="there is no head at"):
        load_critic(tmp_path / "nowhere")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(HeadError, match="head format 99; this version reads 1"):
        load_critic(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(folder / "head.safetensors")
    arrays["critic.phi.weights.0"] = arrays["critic.phi.weights.0"][:, :-1].copy()
    save_file(arrays, folder / "head.safetensors")
    with pytest.raises(HeadError, match="do not fit"):
        load_critic(folder)


def test_saving_replaces_a_head_and_nothing_else(head: Head, folder: Path, tmp_path: Path) -> None:
    assert head.save_pretrained(folder) == folder
    assert [p.name for p in tmp_path.iterdir()] == ["head"]
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is not a head"):
        head.save_pretrained(other)
    assert (other / "chapter.txt").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write"):
        head.save_pretrained(tmp_path / "file" / "head")


def test_an_encoder_that_gives_nan_is_noticed() -> None:
    class Broken(HashedEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            vectors = super().encode(texts)
            vectors[:, 0] = np.nan
            return vectors

    with pytest.raises(DataError, match="not finite"):
        fit_head(signpost_traces(40), HeadConfig(), encoder=Broken())
