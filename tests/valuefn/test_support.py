import numpy as np

from forethought.valuefn.support import Neighbours, fit_support


def test_a_point_that_was_seen_has_no_distance() -> None:
    rng = np.random.default_rng(0)
    points = (8 * rng.standard_normal((500, 48))).astype(np.float32)
    for copies in (1, 7):  # sizes of a product change the order in which it is summed
        again = np.repeat(points, copies, axis=0)
        assert (Neighbours(points).distances(again) == 0).all()
    assert (Neighbours(points).nearest(points, 2)[0][:, 0] == 0).all()
    assert (Neighbours(points).nearest(points, 2)[0][:, 1] > 1).all()
    near = points + np.float32(0.05)
    assert np.allclose(Neighbours(points).distances(near), 0.05 * np.sqrt(48), rtol=0.02)


def test_where_all_held_out_points_were_seen_they_stay_within_reach() -> None:
    rng = np.random.default_rng(1)
    few = (8 * rng.standard_normal((12, 48))).astype(np.float32)
    logged, held = few[rng.integers(12, size=48)], few[rng.integers(12, size=12)]
    found = fit_support(logged, held, few, few, {})
    for rows in (1, 3, 12):
        distances = np.concatenate(
            [Neighbours(logged).distances(part) for part in np.split(logged[:36], 36 // rows)]
        )
        assert (distances <= found.reach).all()
    assert (Neighbours(logged).distances(few + np.float32(0.1)) > found.reach).all()
