import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from mlserve_cli.drift.statistics.proportions import interval, two_proportions, upper_bound


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_few_rows_are_tested_exactly(first: int, second: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, first)), data.draw(st.integers(0, second))
    found = two_proportions(a, first, b, second)
    expected = stats.fisher_exact(np.array([[a, first - a], [b, second - b]])).pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-10)
    assert found.difference == pytest.approx(b / second - a / first)


def test_many_rows_are_tested_by_the_normal_law() -> None:
    found = two_proportions(300_000, 1_000_000, 301_500, 1_000_000)
    expected = stats.chi2_contingency([[300_000, 700_000], [301_500, 698_500]], correction=False)
    assert found.z == pytest.approx(math.sqrt(expected.statistic), rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_both_laws_agree_where_they_meet() -> None:
    below = two_proportions(5_000, 100_000, 4_800, 100_000)
    above = two_proportions(5_100, 100_000, 4_920, 100_000)
    assert below.p_value == pytest.approx(math.erfc(below.z / -math.sqrt(2)), rel=0.03)
    assert above.p_value == pytest.approx(math.erfc(above.z / -math.sqrt(2)), rel=1e-12)


@pytest.mark.parametrize("counts", [(0, 10, 0, 20), (10, 10, 20, 20), (0, 0, 3, 9), (1, 5, 0, 0)])
def test_without_variation_or_rows_there_is_no_difference(counts: tuple[int, ...]) -> None:
    found = two_proportions(*counts)
    assert (found.z, found.p_value, found.difference) == (0, 1, 0)


def test_a_third_missing_is_found_in_a_hundred_rows() -> None:
    assert two_proportions(0, 1_000, 33, 100).p_value < 1e-30


@given(st.integers(1, 500), st.floats(0.5, 0.999), st.data())
def test_intervals_are_scipys(rows: int, confidence: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, rows))
    expected = stats.binomtest(successes, rows).proportion_ci(confidence)
    assert interval(successes, rows, confidence) == pytest.approx(
        (expected.low, expected.high), rel=1e-9, abs=1e-12
    )
    one_sided = stats.binomtest(successes, rows, alternative="less").proportion_ci(confidence)
    assert upper_bound(successes, rows, confidence) == pytest.approx(one_sided.high, rel=1e-9)


@given(st.integers(2, 1_000_000), st.floats(0, 1), st.sampled_from([0.5, 0.8, 0.95, 0.999999]))
def test_the_bound_is_scipys(rows: int, share: float, confidence: float) -> None:
    successes = min(max(1, round(share * rows)), rows - 1)
    expected = special.betaincinv(successes + 1, rows - successes, confidence)
    assert upper_bound(successes, rows, confidence) == pytest.approx(expected, rel=1e-10)


def test_of_nothing_everything_is_possible() -> None:
    assert upper_bound(0, 0) == 1
    assert interval(0, 0) == (0, 1)


def test_nothing_seen_in_three_hundred_rows_is_less_than_one_percent() -> None:
    # The rule of three.
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
