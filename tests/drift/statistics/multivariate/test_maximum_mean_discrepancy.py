import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from mlserve_cli.drift.statistics.multivariate.maximum_mean_discrepancy import (
    maximum_mean_discrepancy,
)


def test_the_estimate_is_that_of_the_kernel_two_sample_test() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((40, 3)), generator.standard_normal((30, 3)) + 1
    pooled = np.concatenate([first, second])
    pooled = (pooled - pooled.mean(axis=0)) / pooled.std(axis=0)
    squares = ((pooled[:, None] - pooled) ** 2).sum(axis=2)
    kernel = rbf_kernel(pooled, gamma=1 / np.median(squares[np.triu_indices(70, 1)]))
    np.fill_diagonal(kernel, 0)
    expected = kernel[:40, :40].sum() / (40 * 39) + kernel[40:, 40:].sum() / (30 * 29)
    expected -= 2 * kernel[:40, 40:].mean()
    found = maximum_mean_discrepancy(first, second)
    assert found.squared == pytest.approx(expected, rel=1e-10)
    assert found.rows == (40, 30)
    assert found.p_value == 0.001
