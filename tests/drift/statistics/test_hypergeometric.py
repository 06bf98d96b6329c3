import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics import hypergeometric

counts = st.integers(0, 60)


@given(counts, counts, counts, counts)
def test_the_exact_p_value_is_scipys(a: int, b: int, c: int, d: int) -> None:
    expected = stats.fisher_exact(np.array([[a, b], [c, d]])).pvalue
    assert hypergeometric.exact_p([[a, b], [c, d]]) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("table", [[[10, 5_000_000], [30, 4_000_000]], [[9_000, 3], [8_000, 19]]])
def test_large_tables_with_a_small_margin_are_as_exact(table: list[list[int]]) -> None:
    expected = stats.fisher_exact(np.array(table)).pvalue
    assert hypergeometric.exact_p(table) == pytest.approx(expected, rel=1e-8)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_probabilities_are_scipys(first: int, second: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(1, first + second - 1))
    found = hypergeometric.probabilities(successes, first, second)
    lowest = max(0, successes - second)
    law = stats.hypergeom(first + second, successes, first)
    expected = law.pmf(range(lowest, lowest + len(found)))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-250)
    assert found.sum() == pytest.approx(1)
