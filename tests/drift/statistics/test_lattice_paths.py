import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from mlserve_cli.drift.statistics.lattice_paths import probability_outside


def every_statistic(first: int, second: int) -> Counter[Fraction]:
    """Statistics of all orders in which the rows of two samples may come."""
    found: Counter[Fraction] = Counter()
    for places in itertools.combinations(range(first + second), first):
        taken, largest = 0, Fraction(0)
        for place in range(first + second):
            taken += place in places
            others = place + 1 - taken
            largest = max(largest, abs(Fraction(taken, first) - Fraction(others, second)))
        found[largest] += 1
    return found


@pytest.mark.parametrize("rows", [(1, 1), (1, 4), (2, 3), (3, 6), (4, 4), (4, 6), (5, 7), (7, 6)])
def test_it_is_the_share_of_all_orders(rows: tuple[int, int]) -> None:
    statistics = every_statistic(*rows)
    for statistic in statistics:
        outside = sum(count for other, count in statistics.items() if other >= statistic)
        expected = outside / math.comb(sum(rows), rows[0])
        assert probability_outside(float(statistic), *rows) == pytest.approx(expected, rel=1e-13)


SIZES = [(50, 50), (100, 37), (100, 200), (1000, 200), (1001, 100), (333, 500), (1, 500)]


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 5.0])
def test_it_is_scipys_to_twelve_digits(rows: tuple[int, int], shift: float) -> None:
    generator = np.random.default_rng(rows)
    first = generator.standard_normal(rows[0])
    expected = stats.ks_2samp(first, generator.standard_normal(rows[1]) + shift, method="exact")
    found = probability_outside(expected.statistic, *rows)
    assert found == pytest.approx(expected.pvalue, rel=1e-12, abs=1e-300)


def test_large_unequal_samples_agree_with_the_limit() -> None:
    rows = 9_973, 10_000
    for scaled in (0.5, 1.0, 1.5, 2.0, 3.0):
        d = scaled * math.sqrt(sum(rows) / math.prod(rows))
        assert probability_outside(d, *rows) == pytest.approx(stats.kstwobign.sf(scaled), rel=0.05)


def test_a_path_from_corner_to_corner_leaves_for_sure() -> None:
    assert probability_outside(1.0, 200, 300) == pytest.approx(2 / math.comb(500, 200), rel=1e-12)
    assert probability_outside(1.0, 200, 200) == pytest.approx(2 / math.comb(400, 200), rel=1e-12)
    assert probability_outside(0.0, 200, 300) == 1.0
