import numpy as np
import pytest
from agreement import METHODS, Maze, Trial, make_maze, ours, plain
from pointmaze import MAZE, STEP, best_values, centres, distances, free, walks

SMALL = Trial(walks=60, updates=150, batch=64, hidden=32)


@pytest.fixture(scope="module")
def maze() -> Maze:
    return make_maze(SMALL, 0)


@pytest.mark.parametrize("method", METHODS)
def test_ours_is_as_near_to_the_shortest_ways_as_the_plain_one(method: str, maze: Maze) -> None:
    # few updates: the benchmark trains to the end; here ours must not fall behind
    assert ours(method, maze, SMALL, 0) < plain(method, maze, SMALL, 0) + 0.05


def test_shortest_ways_go_around_walls() -> None:
    places = np.array([[0.5, 0.5], [0.5, 1.5], [0.5, 3.5], [0.5, 4.5]])
    found = distances(places, places)
    assert found == pytest.approx(found.T, abs=1e-3)  # lines of sight are checked at a grain
    assert found[0, 1] == pytest.approx(1.0)
    assert found[2, 3] == pytest.approx(1.0)
    assert found[1, 2] > 5  # the wall between them is one cell wide, the way around long
    assert np.isfinite(distances(centres(), centres())).all()
    corner = distances(np.array([[0.5, 0.5]]), np.array([[2.5, 1.5]]))[0, 0]
    by_hand = np.hypot(1.5, 0.5) + np.hypot(0.5, 0.5)  # bends at the corner (2, 1)
    assert corner == pytest.approx(by_hand, abs=0.03)


def test_nearer_goals_are_worth_more_and_the_goal_itself_one() -> None:
    values = best_values(centres(), centres(), 0.9)
    assert np.diagonal(values) == pytest.approx(1.0)
    assert ((values > 0) & (values <= 1)).all()
    assert values[0, 1] == pytest.approx(0.9 ** (1 / STEP))


def test_walks_stay_in_the_maze_and_take_no_longer_steps() -> None:
    paths = walks(20, 40, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(paths, walks(20, 40, seed=3), strict=True))
    seen = set()
    for path in paths:
        assert free(path).all()
        assert np.sqrt(np.square(np.diff(path, axis=0)).sum(axis=1)).max() <= STEP + 1e-9
        seen |= {(int(r), int(c)) for r, c in path}
    assert len(seen) > 0.9 * sum(row.count(".") for row in MAZE)
