import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics import transport

samples = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3)), min_size=1, max_size=50
).map(lambda values: np.sort(np.array(values, float)))
histograms = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0.01, 10)), min_size=1, max_size=20
)


@given(samples, samples)
def test_distances_of_values_are_scipys(first: Any, second: Any) -> None:
    assert transport.wasserstein(first, second) == pytest.approx(
        stats.wasserstein_distance(first, second), rel=1e-12, abs=1e-12
    )
    assert transport.energy(first, second) == pytest.approx(
        stats.energy_distance(first, second), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize("dtype", ["f4", "i8", "u1", "?"])
def test_any_numbers_have_a_distance(dtype: str) -> None:
    generator = np.random.default_rng(0)
    first, second = (np.sort(generator.integers(0, 2, 40).astype(dtype)) for _ in range(2))
    expected = stats.wasserstein_distance(first.astype(float), second.astype(float))
    assert transport.wasserstein(first, second) == pytest.approx(expected, rel=1e-12)


def test_a_shift_in_units_of_the_reference() -> None:
    values = stats.norm.ppf((np.arange(4_000) + 0.5) / 4_000)
    reference = 10 + 3 * values
    assert transport.scaled_wasserstein(reference, reference + 1.5) == pytest.approx(0.5, rel=1e-3)


def test_an_outlier_in_the_reference_does_not_change_its_unit() -> None:
    values = stats.norm.ppf((np.arange(1_000) + 0.5) / 1_000)
    assert transport.scaled(1.0, [*values, 1e9]) == pytest.approx(1.0, rel=0.01)


def test_a_reference_without_quartiles_is_measured_by_its_standard_deviation() -> None:
    reference = np.array([0.0] * 9 + [10.0])
    assert transport.scaled_wasserstein(reference, reference + 6) == pytest.approx(2)


def test_from_a_constant_every_change_is_infinite() -> None:
    assert transport.scaled_wasserstein([1, 1, 1], [1, 1]) == 0
    assert transport.scaled_wasserstein([1, 1, 1], [1, 2]) == math.inf


@given(histograms)
def test_distances_of_histograms_are_those_of_values_spread_over_their_bins(bins: Any) -> None:
    reference, current, widths = np.array([*bins, (1, 1, 1.0)]).T
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    places = (np.arange(400) + 0.5) / 400
    values = (edges[:-1, None] + widths[:, None] * places).ravel()
    weights = [np.repeat(counts, 400) for counts in (reference, current)]
    scale = edges[-1]
    assert transport.binned_wasserstein(reference, current, edges) == pytest.approx(
        stats.wasserstein_distance(values, values, *weights), rel=0.01, abs=scale / 400
    )
    assert transport.binned_energy(reference, current, edges) == pytest.approx(
        stats.energy_distance(values, values, *weights), rel=0.02, abs=math.sqrt(scale) / 100
    )


def test_one_bin_apart_is_one_width_apart() -> None:
    assert transport.binned_wasserstein([5, 0], [0, 3], [0, 2, 4]) == pytest.approx(2)
