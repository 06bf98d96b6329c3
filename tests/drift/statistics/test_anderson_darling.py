import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics import anderson_darling as ad

samples = st.lists(st.one_of(st.floats(-3, 3), st.integers(-3, 3)), min_size=2, max_size=60).map(
    lambda values: np.sort(np.array(values, float))
)


def scipys(reference: Any, current: Any) -> Any:
    with warnings.catch_warnings():
        # Its p-values end at 0.001 and 0.25.
        warnings.simplefilter("ignore")
        return stats.anderson_ksamp([reference, current], variant="midrank")


@given(samples, samples)
def test_the_statistic_is_scipys(reference: Any, current: Any) -> None:
    assume(np.ptp(np.concatenate([reference, current])) > 0)
    expected = scipys(reference, current).statistic
    assert ad.statistic(reference, current) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("shift", [0.13, 0.15, 0.2, 0.25])
def test_p_values_are_near_the_table_that_scipy_interpolates(shift: float) -> None:
    values = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    expected = scipys(values, values + shift).pvalue
    assert 0.001 < expected < 0.25
    assert ad.p_value(ad.statistic(values, values + shift)) == pytest.approx(expected, rel=0.05)


def test_without_drift_p_values_are_uniform() -> None:
    generator = np.random.default_rng(0)
    found = [
        ad.p_value(ad.statistic(*(np.sort(generator.standard_normal(n)) for n in (300, 100))))
        for _ in range(1_000)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.001
    assert np.mean(np.array(found) < 0.01) < 0.02


def test_constant_samples_do_not_differ() -> None:
    assert ad.statistic(np.ones(5), np.ones(7)) == 0
    assert ad.p_value(-1e9) == 1
