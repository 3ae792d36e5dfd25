import numpy as np
import pytest

from forethought.valuefn.calibrate import fit_calibration
from forethought.valuefn.calibration import Calibration, logit, sigmoid
from forethought.valuefn.measures import interval_coverage


def sample(rows: int, sharpen: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of three members, too sure by a factor, and what came true: `(3, N, 1)`, `(N, 1)`."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, size=(rows, 1)).astype(np.float32)
    truth = (rng.random((rows, 1)) < sigmoid(odds)).astype(np.float32)
    noise = rng.normal(0, 0.2, size=(3, rows, 1)).astype(np.float32)
    return sigmoid(sharpen * odds + noise), truth


def test_scores_that_are_too_sure_are_brought_back() -> None:
    members, truth = sample(4000, sharpen=3.0)
    found = fit_calibration(members, truth, np.arange(4000))
    assert found.method in {"temperature", "isotonic"}
    fresh, true = sample(4000, sharpen=3.0, seed=1)
    raw = fresh.mean(axis=0)
    assert np.square(found.apply(raw) - true).mean() < np.square(raw - true).mean() - 0.005
    assert interval_coverage(*found.interval(members), truth) >= 0.9


def test_a_map_never_changes_the_order_of_scores() -> None:
    members, truth = sample(500, sharpen=0.5)
    found = fit_calibration(members, truth, np.arange(500))
    scores = np.linspace(0.01, 0.99, 200, dtype=np.float32)
    assert (np.diff(found.apply(scores)) >= 0).all()
    assert interval_coverage(*found.interval(members), truth) >= 0.9


def test_coverage_counts_the_cells_whose_frequency_lies_inside() -> None:
    chance = np.full((400, 1), 0.5, dtype=np.float32)
    truth = np.tile([[0.0], [1.0]], (200, 1)).astype(np.float32)
    inside = interval_coverage(chance, chance - 0.1, chance + 0.1, truth)
    outside = interval_coverage(chance, chance + 0.1, chance + 0.2, truth)
    assert (inside, outside) == (1.0, 0.0)
    unknown = np.full_like(truth, np.nan)
    assert interval_coverage(chance, chance, chance, unknown) == 1.0


def test_an_interval_widens_with_the_disagreement_of_the_members() -> None:
    close = np.asarray([[0.49], [0.51]], dtype=np.float32)[:, :, None]
    far = np.asarray([[0.2], [0.8]], dtype=np.float32)[:, :, None]
    narrow, wide = (Calibration("none").interval(m) for m in (close, far))
    assert narrow[2] - narrow[1] < wide[2] - wide[1]
    assert sigmoid(logit(np.full(1, 0.3, dtype=np.float32)))[0] == pytest.approx(0.3, abs=1e-5)
