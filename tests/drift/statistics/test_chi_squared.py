import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics.chi_squared import homogeneity, on_quantile_bins

many = st.lists(st.tuples(st.integers(30, 400), st.integers(30, 400)), min_size=2, max_size=30)


@given(many)
def test_frequent_categories_are_tested_as_scipy_does(pairs: Any) -> None:
    reference, current = np.array(pairs).T
    expected = stats.chi2_contingency([reference, current], correction=False)
    found = homogeneity(reference, current)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-11, abs=1e-11)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10, abs=1e-300)
    assert found.degrees_of_freedom == expected.dof
    assert found.cells == len(pairs)
    assert not found.exact


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40))
def test_any_table_has_a_p_value_whatever_the_order_of_its_samples(pairs: Any) -> None:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    found = homogeneity(table[:, 0], table[:, 1])
    assert 0 < found.p_value <= 1
    assert found.degrees_of_freedom == max(0, found.cells - 1) or found.p_value == 1
    swapped = homogeneity(table[:, 1], table[:, 0])
    if not found.exact:
        assert swapped.p_value == pytest.approx(found.p_value)


def test_rare_categories_are_merged_by_their_rank() -> None:
    # 100 against 100 rows: a cell needs ten rows in both together.
    found = homogeneity([60, 30, 3, 4, 2, 1], [50, 40, 4, 3, 1, 2])
    # 110, 70, then 7 + 7, and 3 + 3 too few for a cell of their own.
    merged = stats.chi2_contingency([[60, 30, 10], [50, 40, 10]], correction=False)
    assert found.cells == 3
    assert found.p_value == pytest.approx(merged.pvalue)


def test_two_cells_of_few_rows_are_tested_exactly() -> None:
    found = homogeneity([2_000, 1], [190, 4])
    assert found.exact
    assert found.p_value == pytest.approx(
        stats.fisher_exact(np.array([[2_000, 1], [190, 4]])).pvalue
    )


def test_the_rest_of_what_is_too_rare_is_not_lost_in_the_most_frequent_category() -> None:
    found = homogeneity([2_000, 0, 0, 1], [190, 2, 2, 0])
    assert found.exact
    assert found.p_value == pytest.approx(
        stats.fisher_exact(np.array([[2_000, 1], [190, 4]])).pvalue
    )


def test_a_sparse_table_is_compared_with_random_ones_of_the_same_margins() -> None:
    reference, current = [4, 2, 0, 1], [1, 1, 4, 1]
    found = homogeneity(reference, current)
    assert found.exact
    assert found.cells == 4
    assert found == homogeneity(reference, current)
    statistics, probabilities = zip(*all_tables(reference, current), strict=True)
    exact = np.array(probabilities)[np.array(statistics) >= found.statistic - 1e-9].sum()
    assert sum(probabilities) == pytest.approx(1)
    # Three standard errors of a share of 2,000 tables.
    assert found.p_value == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / 2_000))


def all_tables(reference: list[int], current: list[int]) -> Any:
    """Statistic and probability of every table with these margins."""
    pooled = np.array(reference) + current
    rows = sum(current)
    for drawn in itertools.product(*(range(count + 1) for count in pooled)):
        if sum(drawn) == rows:
            table = np.array([pooled - drawn, drawn])
            statistic = stats.chi2_contingency(table, correction=False).statistic
            yield statistic, stats.multivariate_hypergeom.pmf(drawn, pooled.tolist(), rows)


def test_an_extreme_sparse_table_has_a_small_p_value() -> None:
    assert homogeneity([6, 0, 0, 0], [0, 2, 2, 2]).p_value < 0.01
    assert homogeneity([6, 0, 0, 0], [0, 2, 2, 2]).p_value > 0


@pytest.mark.parametrize("counts", [([], []), ([5], [7]), ([0, 0], [1, 2]), ([3, 4], [0, 0])])
def test_with_nothing_to_compare_nothing_is_found(counts: tuple[list[int], list[int]]) -> None:
    found = homogeneity(*counts)
    assert found.p_value == 1
    assert found.degrees_of_freedom == 0


def test_categories_seen_once_do_not_look_like_drift_when_new_ones_come_last() -> None:
    reference = np.repeat([1, 0], [500, 500])
    assert homogeneity(reference, 1 - reference).p_value > 0.01


def test_very_many_categories_are_limited() -> None:
    reference = np.full(20_000, 50)
    found = homogeneity(reference, reference)
    assert found.cells == 1_001
    assert found.p_value == 1


def test_counts_beyond_32_bits_do_not_overflow() -> None:
    found = homogeneity([3_000_000_000, 3_000_000_000], [3_000_000_000, 3_000_100_000])
    assert found.statistic == pytest.approx(0.8333, rel=1e-3)


def test_bins_of_a_large_reference_are_tested_as_scipy_does() -> None:
    reference, current = np.full(10, 1_000), np.array([8, 9, 10, 10, 11, 12, 10, 10, 9, 30])
    expected = stats.chi2_contingency(np.array([reference, current]), correction=False)
    found = on_quantile_bins(reference, current)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-11)
    assert found.degrees_of_freedom == 9


def test_bins_of_a_small_reference_allow_for_what_it_fixed() -> None:
    reference, current = np.full(4, 25), np.array([180, 260, 270, 290])
    found = on_quantile_bins(reference, current)
    # Variance of a current count: its own, and ten times as much from the reference's quantiles.
    expected = ((current - 250) ** 2 / (250 * 11)).sum()
    assert found.statistic == pytest.approx(expected, rel=1e-12)
    assert found.p_value > homogeneity(reference, current).p_value


@pytest.mark.parametrize("counts", [([9], [7]), ([5, 5], [0, 0])])
def test_one_bin_or_no_row_tells_nothing(counts: tuple[list[int], list[int]]) -> None:
    assert on_quantile_bins(*counts).p_value == 1


def test_without_a_smallest_expected_count_nothing_is_merged() -> None:
    found = homogeneity([50, 50, 1], [40, 60, 1], minimum_expected=0)
    expected = stats.chi2_contingency(np.array([[50, 50, 1], [40, 60, 1]]), correction=False)
    assert (found.cells, found.degrees_of_freedom) == (3, 2)
    assert found.statistic == pytest.approx(expected.statistic)
