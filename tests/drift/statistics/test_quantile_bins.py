from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.drift.statistics import quantile_bins

samples = st.lists(
    st.one_of(st.floats(allow_nan=False), st.integers(-3, 3)), min_size=1, max_size=200
).map(lambda values: np.sort(np.array(values, float)))


@pytest.mark.parametrize(
    ("rows", "bins"), [((10_000, 200), 20), ((10_000, 199), 19), ((100, 5_000), 10), ((9, 9), 1)]
)
def test_each_bin_expects_ten_rows_of_the_smaller_sample(rows: Any, bins: int) -> None:
    assert quantile_bins.bin_count(*rows) == bins


@given(samples, st.integers(1, 20), samples)
def test_every_value_falls_into_one_bin(reference: Any, bins: int, current: Any) -> None:
    inner = quantile_bins.edges(reference, bins)
    assert len(inner) < bins
    assert quantile_bins.counts(current, inner).sum() == len(current)
    found = quantile_bins.counts(reference, inner)
    expected = np.bincount(np.searchsorted(inner, reference), minlength=len(inner) + 1)
    assert found.tolist() == expected.tolist()
    assert found.min() >= 1


def test_bins_share_distinct_values_equally() -> None:
    inner = quantile_bins.edges(np.arange(1_000), 20)
    assert quantile_bins.counts(np.arange(1_000), inner).tolist() == [50] * 20


def test_a_value_that_takes_most_rows_takes_one_bin() -> None:
    reference = np.sort(np.concatenate([np.zeros(900), np.arange(1, 101)]))
    inner = quantile_bins.edges(reference, 20)
    assert quantile_bins.counts(reference, inner).tolist() == [900, 50, 50]


def test_a_constant_has_one_bin() -> None:
    assert quantile_bins.edges(np.ones(50), 20).tolist() == []
    assert quantile_bins.counts(np.ones(7), np.array([])).tolist() == [7]


def test_whole_numbers_beyond_doubles_keep_their_bins() -> None:
    reference = np.arange(2**60, 2**60 + 40)
    inner = quantile_bins.edges(reference, 4)
    assert quantile_bins.counts(reference, inner).tolist() == [10] * 4
