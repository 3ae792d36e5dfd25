import pytest

from forethought.agent.errors import ConfigError
from forethought.valuefn.reproduce.over_runs import mean_over_runs, student


@pytest.mark.parametrize(
    ("free", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (7, 2.365), (30, 2.042)],
)
def test_quantiles_are_those_of_the_tables(free: int, quantile: float) -> None:
    assert student(0.975, free) == pytest.approx(quantile, rel=0.01)


def test_an_interval_may_reach_beyond_the_runs() -> None:
    found = mean_over_runs([1.0, 2.0, 3.0, 4.0])
    assert found.value == 2.5
    assert found.low == pytest.approx(2.5 - 3.182 * 1.291 / 2, abs=0.02)
    assert found.low < 1
    assert found.n == 4
    assert mean_over_runs([0.5, 0.5]).low == 0.5


@pytest.mark.parametrize(("values", "level"), [([1.0], 0.95), ([1.0, 2.0], 1.0)])
def test_what_has_no_interval(values: list[float], level: float) -> None:
    with pytest.raises(ConfigError, match="an interval needs"):
        mean_over_runs(values, level=level)
