import math

import pytest
from scipy import special, stats

from mlserve_cli.drift.statistics import kolmogorov_law

ROWS = [1, 2, 3, 7, 20, 100, 139, 140, 141, 200, 500, 3_333, 4_096, 9_000, 100_000, 100_001]
SCALED = [0.02, 0.1, 0.2, 0.4, 0.7, 0.9, 1.1, 1.4, 1.5, 1.9, 2.1, 3.0, 4.0]


@pytest.mark.parametrize("rows", ROWS)
def test_the_tail_is_scipys_to_twelve_digits(rows: int) -> None:
    small = [part / rows for part in (0.3, 0.5, 0.6, 0.99, 1.0, 1.01, 1.5, 3.0)]
    scaled = [value / math.sqrt(rows) for value in SCALED]
    large = [0.49, 0.5, 0.9, 0.999, 1 - 1 / rows, 1.0]
    for d in [*small, *scaled, *large]:
        if not 0 < d <= 1 or (rows > 10_000 and rows * d * d > 16):
            continue
        expected = stats.kstwo.sf(d, rows)
        assert kolmogorov_law.tail(d, rows) == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("rows", [8, 4_095, 4_096, 8_192, 20_000, 100_000])
@pytest.mark.parametrize("scaled", [1.5, 2.5, 4.0])
def test_few_summands_are_as_good_as_all(rows: int, scaled: float) -> None:
    d = min(0.99, scaled / math.sqrt(rows))
    expected = special.smirnov(rows, d)
    assert kolmogorov_law.one_sided(d, rows) == pytest.approx(expected, rel=1e-11)


def test_without_a_difference_and_with_the_largest_one() -> None:
    assert kolmogorov_law.tail(0.0, 10) == 1.0
    assert kolmogorov_law.tail(1.0, 10) == 0.0


def test_a_hundred_million_rows_tend_to_the_limit() -> None:
    for scaled in (0.5, 1.0, 1.6, 3.0):
        found = kolmogorov_law.tail(scaled / 1e4, 10**8)
        assert found == pytest.approx(special.kolmogorov(scaled), rel=1e-3)
