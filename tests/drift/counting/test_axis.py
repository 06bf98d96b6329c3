"""Bins keep the order of values, whatever the values."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.drift.counting import ordered
from mlserve_cli.drift.counting.axis import (
    LinearAxis,
    OrderedAxis,
    bins_for,
    choose_axis,
    edges,
    first_keys,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SAMPLES = st.lists(FINITE, min_size=1, max_size=50).map(np.array)


@given(st.lists(FINITE, min_size=2, max_size=50).map(np.array))
def test_keys_sort_as_values_do_and_give_them_back(values: "NDArray[Any]") -> None:
    values = np.sort(values)
    keys = ordered.to_keys(values)
    assert ((keys[1:] > keys[:-1]) == (values[1:] > values[:-1])).all()
    assert (ordered.to_values(keys) == values).all()


@given(SAMPLES, SAMPLES, st.lists(FINITE, min_size=1, max_size=50).map(np.array))
def test_bins_never_fall_as_values_rise(
    reference: "NDArray[Any]", current: "NDArray[Any]", values: "NDArray[Any]"
) -> None:
    axis = choose_axis(reference, current, 1 << 10)
    indices = axis.indices(np.sort(values))
    assert (np.diff(indices) >= 0).all()
    assert indices.min() >= 0
    assert indices.max() < axis.bins


@given(SAMPLES, st.lists(FINITE, min_size=1, max_size=20).map(np.array))
def test_the_first_value_of_a_bin_is_the_smallest_one_in_it(
    sample: "NDArray[Any]", values: "NDArray[Any]"
) -> None:
    axis = choose_axis(sample, sample, 1 << 10)
    bins = np.unique(axis.indices(values))
    bins = bins[bins > 0]
    firsts = first_keys(axis, bins)
    assert (axis.indices(ordered.to_values(firsts)) >= bins).all()
    with np.errstate(over="ignore"):
        before = np.nextafter(ordered.to_values(firsts), -np.inf)
    inner = np.isfinite(before)
    assert (axis.indices(before[inner]) < bins[inner]).all()


@given(SAMPLES)
def test_edges_rise_and_are_finite(sample: "NDArray[Any]") -> None:
    found = edges(choose_axis(sample, sample, 1 << 10))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()


def test_values_of_very_different_size_get_bins_of_equal_ratio() -> None:
    values = np.random.default_rng(0).lognormal(0, 4, 5_000)
    axis = choose_axis(values, values, 1 << 16)
    assert isinstance(axis, OrderedAxis)
    assert np.bincount(axis.indices(values)).max() < 25


def test_a_repeated_value_does_not_hide_a_plain_range() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    values[:2_500] = 0
    assert isinstance(choose_axis(values, values, 1 << 16), LinearAxis)


def test_one_wrong_current_value_does_not_widen_the_bins() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    wrong = np.append(values, 1e6)
    axis = choose_axis(values, wrong, 1 << 16)
    assert isinstance(axis, LinearAxis)
    assert axis.scale == pytest.approx(65_534 / np.ptp(values), rel=0.3)


def test_current_data_far_away_widen_the_bins_only_so_far() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    axis = choose_axis(values, values + 1e9, 1 << 16)
    assert isinstance(axis, LinearAxis)
    assert axis.scale > 65_534 / np.ptp(values) / 20


@pytest.mark.parametrize(
    ("columns", "rows", "bins"),
    [(1, None, 1 << 16), (50, None, 1 << 16), (1_000, None, 1 << 12), (1, 200, 1 << 10)],
)
def test_bins_of_all_columns_fit_into_memory(columns: int, rows: int | None, bins: int) -> None:
    assert bins_for(columns, rows) == bins
