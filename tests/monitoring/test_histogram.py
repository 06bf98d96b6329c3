"""Quantiles within the stated error, and counts that add up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.monitoring.histogram import (
    FINE_SECONDS,
    RELATIVE_ERROR,
    SECONDS,
    Histogram,
    refined,
)

SHARES = (0.01, 0.25, 0.5, 0.95, 0.99, 0.999, 1.0)
seconds = st.floats(1e-6, 1000.0)


def filled(values: "list[float]") -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@pytest.mark.parametrize("tail", ["lognormal", "pareto", "two humps"])
def test_quantiles_of_heavy_tails_are_within_the_stated_error(tail: str) -> None:
    generator = np.random.default_rng(0)
    values = {
        "lognormal": generator.lognormal(-7, 2, 50_000),
        "pareto": 1e-4 * (1 + generator.pareto(1.1, 50_000)),
        "two humps": np.r_[generator.normal(0.001, 1e-4, 49_000), generator.normal(3, 0.1, 1000)],
    }[tail]
    values = np.clip(values, 1e-6, 1000)
    histogram = filled(values.tolist())
    for share in SHARES:
        exact = np.quantile(values, share, method="inverted_cdf")
        assert histogram.quantile(share) == pytest.approx(exact, rel=RELATIVE_ERROR)
    assert histogram.mean == pytest.approx(values.mean())


@given(st.lists(seconds, min_size=1), st.floats(0, 1))
def test_any_quantile_is_within_the_stated_error(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert filled(values).quantile(share) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)


@given(st.lists(seconds), st.lists(seconds))
def test_merged_histograms_are_those_of_all_values(one: list[float], other: list[float]) -> None:
    merged = filled(one)
    merged.merge(filled(other))
    together = filled(one + other)
    assert merged.counts == together.counts
    assert merged.total == pytest.approx(together.total)


@given(st.lists(st.floats(0, 100)))
def test_counts_below_shown_bounds_are_exact(values: list[float]) -> None:
    found = filled(values).cumulated(SECONDS)
    assert found == [*(sum(value <= bound for value in values) for bound in SECONDS), len(values)]


def test_histograms_of_other_edges_are_not_merged() -> None:
    with pytest.raises(ValueError, match="different edges"):
        Histogram().merge(Histogram(SECONDS))


def test_without_values_there_is_no_quantile() -> None:
    assert math.isnan(Histogram().quantile(0.5))
    assert math.isnan(Histogram().mean)


def test_refined_bounds_keep_the_given_ones_and_grow_slowly() -> None:
    edges = refined((1e-3, 0.5, 2.0), 0.05)
    assert {1e-3, 0.5, 2.0} <= set(edges)
    assert list(edges) == sorted(edges)
    ratios = np.divide(edges[1:], edges[:-1])
    assert ratios.max() <= 1.05 / 0.95 * 1.0001
    assert set(SECONDS) <= set(FINE_SECONDS)
