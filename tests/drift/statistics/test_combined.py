import pytest

from mlserve_cli.drift.statistics.combined import numeric_p


@pytest.mark.parametrize(
    ("pair", "expected"), [((0.01, 0.5), 0.02), ((0.5, 0.01), 0.02), ((0.9, 0.8), 1.0), ((0, 1), 0)]
)
def test_the_smaller_of_two_p_values_counts_twice(
    pair: tuple[float, float], expected: float
) -> None:
    assert numeric_p(*pair) == expected
