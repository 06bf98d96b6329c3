import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from mlserve_cli.drift.statistics.chi_squared_law import tail


@given(st.integers(1, 1_000), st.floats(0, 2_500))
def test_the_tail_is_scipys_to_twelve_digits(degrees: int, statistic: float) -> None:
    expected = special.gammaincc(degrees / 2, statistic / 2)
    assert tail(statistic, degrees) == pytest.approx(expected, rel=2e-12, abs=1e-300)


@pytest.mark.parametrize(
    ("degrees", "critical"), [(1, 6.634897), (2, 9.210340), (10, 23.209251), (100, 135.806723)]
)
def test_published_critical_values(degrees: int, critical: float) -> None:
    assert tail(critical, degrees) == pytest.approx(0.01, rel=1e-6)


def test_without_degrees_of_freedom_nothing_can_differ() -> None:
    assert tail(0.0, 0) == 1.0
    assert tail(1.0, 0) == 0.0
    assert tail(math.inf, 3) == 0.0
