import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support_signpost import signpost_traces

from forethought.agent.errors import ConfigError, HeadError, RunError
from forethought.valuefn.checkpoint import Checkpoint, Snapshot
from forethought.valuefn.config import Objective, changed, head_config
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head
from forethought.valuefn.objectives import OBJECTIVES

ROOT = Path(__file__).parent.parent.parent
TINY = head_config(hidden=8, members=2, batch=32, steps=60, learning_rate=3e-3)
TRACES = signpost_traces(40)


class Stop(Exception):
    pass


def stopped(config: object, folder: Path, after: int) -> None:
    looks = []

    def tell(update: int, most: int, loss: float) -> None:
        looks.append(update)
        if len(looks) == after:
            raise Stop

    assert isinstance(config, type(TINY))
    with pytest.raises(Stop):
        fit_head(TRACES, config, checkpoint=folder, progress=tell)


def equal(one: Head, other: Head) -> bool:
    return all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_killed_at_random_moments_and_resumed_the_head_is_the_same_bit_for_bit(
    tmp_path: Path,
) -> None:
    script = ROOT / "tests" / "support" / "killed_training.py"
    paths = [str(ROOT / ".typing"), str(script.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "5"],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2
    for name in ("head.safetensors", "calibration.json", "metrics.json", "config.json"):
        whole, killed = ((tmp_path / way / name).read_bytes() for way in ("whole", "killed"))
        assert whole == killed, name


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_every_objective_goes_on_where_it_stopped(objective: Objective, tmp_path: Path) -> None:
    config = changed(TINY, objective=objective)
    whole = fit_head(TRACES, config)
    stopped(config, tmp_path, after=1)
    resumed = fit_head(TRACES, config, checkpoint=tmp_path)
    assert equal(whole, resumed)
    assert resumed.metrics == whole.metrics


def test_a_cooling_learning_rate_goes_on_where_it_stopped(tmp_path: Path) -> None:
    config = changed(TINY, cooldown=1.0)
    whole = fit_head(TRACES, config)
    stopped(config, tmp_path, after=1)
    assert equal(whole, fit_head(TRACES, config, checkpoint=tmp_path))
    assert not equal(whole, fit_head(TRACES, TINY))


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = fit_head(TRACES, TINY, checkpoint=tmp_path)
    told: list[int] = []
    again = fit_head(TRACES, TINY, checkpoint=tmp_path, progress=lambda u, m, loss: told.append(u))
    assert not told
    assert equal(first, again)


def test_other_data_or_settings_are_refused(tmp_path: Path) -> None:
    stopped(TINY, tmp_path, after=1)
    with pytest.raises(HeadError, match="made with other settings; give those again"):
        fit_head(TRACES, changed(TINY, batch=64), checkpoint=tmp_path)
    with pytest.raises(HeadError, match="made with other data; give those again"):
        fit_head(signpost_traces(41), TINY, checkpoint=tmp_path)
    outcome = TRACES[0].outcome
    assert outcome is not None
    turned = replace(outcome, reached=outcome.missed, missed=outcome.reached)
    with pytest.raises(HeadError, match="made with other data"):
        fit_head([replace(TRACES[0], outcome=turned), *TRACES[1:]], TINY, checkpoint=tmp_path)
    with pytest.raises(HeadError, match="made with other start"):
        fit_head(TRACES, TINY, checkpoint=tmp_path, start=fit_head(TRACES, TINY))
    assert fit_head(TRACES, TINY, checkpoint=tmp_path)


def test_a_damaged_checkpoint_is_said_to_be(tmp_path: Path) -> None:
    stopped(TINY, tmp_path, after=1)
    file = tmp_path / "training.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(HeadError, match="is damaged; delete it to start over"):
        fit_head(TRACES, TINY, checkpoint=tmp_path)
    file.write_bytes(b"no")
    with pytest.raises(HeadError, match="is damaged"):
        fit_head(TRACES, TINY, checkpoint=tmp_path)


def test_a_checkpoint_holds_tensors_and_facts_and_replaces_the_last_one(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "deep" / "run.safetensors", {"data": "a"})
    assert checkpoint.load() is None
    for number in (1, 2):
        checkpoint.save(Snapshot({"x": torch.full((2, 2), float(number))}, {"n": 2**100 + number}))
    found = checkpoint.load()
    assert found is not None
    assert found.facts["n"] == 2**100 + 2
    assert torch.equal(found.tensors["x"], torch.full((2, 2), 2.0))
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["run.safetensors"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write the checkpoint"):
        fit_head(TRACES, TINY, checkpoint=tmp_path / "file")


def test_training_that_diverges_says_what_to_change() -> None:
    with pytest.raises(RunError, match=r"not a number; lower learning_rate \(now 1e\+30\)"):
        fit_head(TRACES, changed(TINY, learning_rate=1e30, weight_decay=1e30))


def test_refit_trains_on_the_held_out_episodes_too_and_keeps_the_calibration() -> None:
    plain, again = fit_head(TRACES, TINY), fit_head(TRACES, changed(TINY, refit=True))
    assert plain.calibration == again.calibration
    assert plain.metrics["curve"] == again.metrics["curve"]
    assert not equal(plain, again)
