from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics import cramer_von_mises as cvm

samples = st.lists(st.one_of(st.floats(-3, 3), st.integers(-3, 3)), min_size=2, max_size=60).map(
    lambda values: np.sort(np.array(values, float))
)


@given(samples, samples)
def test_any_two_samples_are_as_far_apart_as_scipy_says(reference: Any, current: Any) -> None:
    # scipy's exact counts take long.
    assume(max(len(reference), len(current)) > 20 or min(len(reference), len(current)) < 8)
    expected = stats.cramervonmises_2samp(reference, current)
    t = cvm.statistic(reference, current)
    assert t == pytest.approx(expected.statistic, rel=1e-12, abs=1e-12)
    assert cvm.p_value(t, len(reference), len(current)) == pytest.approx(expected.pvalue, abs=1e-10)


@pytest.mark.parametrize("rows", [(2, 2), (3, 5), (20, 20), (20, 7), (13, 17)])
@pytest.mark.parametrize("tied", [False, True])
def test_few_rows_are_counted_exactly(rows: tuple[int, int], tied: bool) -> None:
    generator = np.random.default_rng(rows)
    reference, current = (np.sort(generator.standard_normal(count)) for count in rows)
    if tied:
        reference, current = reference.round(), current.round()
    expected = stats.cramervonmises_2samp(reference, current, method="exact")
    t = cvm.statistic(reference, current)
    assert cvm.p_value(t, *rows) == pytest.approx(expected.pvalue, rel=1e-12)


def test_a_million_rows_have_a_p_value() -> None:
    values = np.arange(1_000_000) / 1e6
    t = cvm.statistic(values, values[:500_000] * 1.001)
    assert 1e6 > t > 1
    assert cvm.p_value(t, 1_000_000, 500_000) < 1e-12
