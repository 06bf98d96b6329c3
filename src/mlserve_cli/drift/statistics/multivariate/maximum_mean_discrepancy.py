"""Maximum mean discrepancy: do the rows of both samples resemble each other as they do themselves?

A. Gretton and others, "A kernel two-sample test", Journal of Machine Learning Research 13, 2012.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics.multivariate.sampling import sample, standardized

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LARGEST_SAMPLE = 500
_PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Outcome of the kernel test.

    Attributes:
        squared: Unbiased estimate of the squared discrepancy; around 0 without a difference.
        p_value: Share of random divisions of the rows with at least that estimate.
        rows: Rows of the reference and of the current sample that were compared.
    """

    squared: float
    p_value: float
    rows: tuple[int, int]


def maximum_mean_discrepancy(
    reference: "Array", current: "Array", *, limit: int = LARGEST_SAMPLE, seed: int = 0
) -> Discrepancy:
    """Tests whether a sample of both comes from one distribution of rows.

    Columns are standardized on both samples together, the kernel is Gaussian with the median
    distance of rows as its width, and the p-value is exact.

    Args:
        reference: Shape `(rows, columns)`, at least two rows.
        current: The same of the other sample.
        limit: Rows of each sample that are used: time and memory grow with their square.
        seed: Of the samples and divisions.
    """
    generator = np.random.default_rng(seed)
    samples = [sample(rows, limit, generator) for rows in (reference, current)]
    rows = len(samples[0]), len(samples[1])
    pooled = np.concatenate(samples)
    kernel = _kernel(standardized(pooled, pooled))
    observed = np.repeat([1.0, 0.0], rows)[:, None]
    divisions = generator.permuted(np.tile(observed, _PERMUTATIONS), axis=0)
    estimates = _squared(kernel, np.hstack([observed, divisions]), rows)
    # The division that was observed is one of all.
    p_value = float((estimates >= estimates[0] - 1e-12).mean())
    return Discrepancy(float(estimates[0]), p_value, rows)


def _kernel(rows: "Array") -> "Array":
    """Resemblance of each two rows, from 0 to 1; 0 of a row with itself, which does not count."""
    squares = (rows**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0.0)
    median = np.median(distances[np.triu_indices(len(rows), 1)])
    kernel: Array = np.exp(-distances / (median if median > 0 else 1.0))
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _squared(kernel: "Array", first: "Array", rows: tuple[int, int]) -> "Array":
    """The estimate for each division; `first` is 1 for rows of the first sample, one per column."""
    resemblance = kernel @ first
    within = (first * resemblance).sum(axis=0)
    between = ((1 - first) * resemblance).sum(axis=0)
    others = kernel.sum() - within - 2 * between
    n, m = rows
    squared: Array = within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m)
    return squared
