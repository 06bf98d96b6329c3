"""The two-sample Anderson-Darling test.

F. W. Scholz, M. A. Stephens, "K-sample Anderson-Darling tests", Journal of the American Statistical
Association 82, 1987. The statistic is tested against `scipy.stats.anderson_ksamp`, whose p-value is
interpolated in a table and ends at 0.001: too early to correct it for many columns. Here it is of
the law to which the statistic tends, tested against published tables.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import limit_laws

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Standard deviation of the limit law, whose mean is 1.
_LIMIT_DEVIATION = math.sqrt(2 * (math.pi**2 - 9) / 3)


def statistic(
    reference_sorted: "NDArray[np.generic]", current_sorted: "NDArray[np.generic]"
) -> float:
    """The statistic of both samples' mean ranks, less its mean and by its standard deviation.

    Args:
        reference_sorted: Ascending values without NaN, shape `(reference rows,)`, at least two.
        current_sorted: The same of the other sample.

    Returns:
        0 where all values of both samples are equal.
    """
    pooled = np.sort(np.concatenate([reference_sorted, current_sorted]), kind="stable")
    values, ties = np.unique(pooled, return_counts=True)
    if len(values) == 1:
        return 0.0
    total = len(pooled)
    below = np.cumsum(ties) - ties / 2
    weights = ties / (below * (total - below) - total * ties / 4)
    result = 0.0
    for sample in (reference_sorted, current_sorted):
        left = np.searchsorted(sample, values, side="left")
        middle = (left + np.searchsorted(sample, values, side="right")) / 2
        summands = weights * (total * middle - below * len(sample)) ** 2
        result += float(summands.sum()) / (total * len(sample))
    result *= (total - 1) / total
    return (result - 1) / _deviation(len(reference_sorted), len(current_sorted))


def p_value(a: float) -> float:
    """Probability of a statistic of at least `a`, from 0 to 1, in the limit of many rows."""
    return limit_laws.anderson_darling(1 + a * _LIMIT_DEVIATION)


def _deviation(reference_rows: int, current_rows: int) -> float:
    """Standard deviation of the statistic without a difference, formula 4 of the article."""
    total = reference_rows + current_rows
    inverse = 1 / reference_rows + 1 / current_rows
    harmonic = 1 / np.arange(1, total)
    h = float(harmonic.sum())
    # g is the sum of 1 / ((total - i) j) over i < j < total.
    sums = np.cumsum(harmonic[::-1])
    g = float((sums[:-1] / np.arange(2, total)).sum())
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / (
        (total - 1) * (total - 2) * (total - 3)
    )
    return math.sqrt(variance)
