import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlserve_cli.drift.statistics import distances

DISTANCES: dict[str, Any] = {
    name: getattr(distances, name)
    for name in ("psi", "total_variation", "jensen_shannon", "hellinger", "cramers_v")
}
tables = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=40).map(
    lambda pairs: np.array([*pairs, (1, 1)]).T
)


@given(tables)
def test_the_jensen_shannon_distance_is_scipys(table: Any) -> None:
    assert distances.jensen_shannon(*table) == pytest.approx(
        jensenshannon(table[0], table[1], base=2.0), rel=1e-10, abs=1e-8
    )


@given(tables)
def test_total_variation_is_half_the_distance_of_the_shares(table: Any) -> None:
    first, second = table[0] / table[0].sum(), table[1] / table[1].sum()
    assert distances.total_variation(*table) == pytest.approx(np.maximum(first - second, 0).sum())


@given(tables)
def test_the_hellinger_distance_comes_from_the_overlap(table: Any) -> None:
    first, second = table[0] / table[0].sum(), table[1] / table[1].sum()
    overlap = np.sqrt(first * second).sum()
    expected = math.sqrt(max(0.0, 1 - overlap))
    assert distances.hellinger(*table) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("name", DISTANCES)
@given(table=tables)
def test_distances_are_symmetric_and_of_equal_shares_zero(name: str, table: Any) -> None:
    measure = DISTANCES[name]
    assert measure(*table) == pytest.approx(measure(*table[::-1]), rel=1e-9, abs=1e-12)
    assert measure(table[0], 3 * table[0]) == pytest.approx(0, abs=1e-7) or name == "psi"
    assert measure(*table) >= 0


@pytest.mark.parametrize("name", ["total_variation", "jensen_shannon", "hellinger"])
def test_without_anything_in_common_the_distance_is_one(name: str) -> None:
    assert DISTANCES[name]([3, 0, 2], [0, 9, 0]) == pytest.approx(1)


def test_psi_is_the_sum_in_the_textbooks() -> None:
    # 30, 50, 20 % against 20, 50, 30 %.
    expected = 2 * 0.1 * math.log(1.5)
    assert distances.psi([30, 50, 20], [40, 100, 60]) == pytest.approx(expected, rel=1e-14)


def test_an_empty_bin_counts_as_half_a_row() -> None:
    expected = (0.9 - 1) * math.log(0.9) + (0.1 - 0.005) * math.log(0.1 / 0.005)
    assert distances.psi([100, 0], [90, 10]) == pytest.approx(expected, rel=1e-14)
    assert distances.psi([100, 0, 0], [90, 10, 0]) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("rows", [(2_000, 200), (10_000, 1_000)])
def test_psi_without_drift_is_near_its_expected_noise(rows: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    found = [
        distances.psi(
            generator.multinomial(rows[0], shares), generator.multinomial(rows[1], shares)
        )
        for _ in range(500)
    ]
    assert np.mean(found) == pytest.approx(distances.psi_noise(10, *rows), rel=0.1)


def test_an_outlier_leaves_psi_alone() -> None:
    assert distances.psi([500] * 20 + [0], [100] * 20 + [1]) < 0.01


def test_cramers_v_of_two_by_two_is_the_corrected_phi() -> None:
    table = np.array([[30, 70], [55, 45]])
    chi_squared = stats.chi2_contingency(table, correction=False).statistic
    # Bergsma's formulas 8 and 9 for two rows and two columns.
    corrected = chi_squared / 200 - 1 / 199
    expected = math.sqrt(corrected / (1 - 1 / 199))
    assert distances.cramers_v(*table) == pytest.approx(expected, rel=1e-12)


def test_cramers_v_without_drift_is_near_zero_however_many_categories() -> None:
    generator = np.random.default_rng(0)
    shares = np.full(300, 1 / 300)
    found = [
        distances.cramers_v(
            generator.multinomial(2_000, shares), generator.multinomial(500, shares)
        )
        for _ in range(100)
    ]
    assert np.mean(found) < 0.1
    uncorrected = math.sqrt(299 / 2_500)
    assert uncorrected > 0.3


def test_cramers_v_of_what_has_nothing_in_common_is_one() -> None:
    assert distances.cramers_v([100, 0, 0], [0, 50, 50]) == pytest.approx(1, abs=0.02)
    assert distances.cramers_v([5], [7]) == 0
