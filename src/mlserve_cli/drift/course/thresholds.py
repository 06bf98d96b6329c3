"""How far a window may be from the reference by chance, from the numbers of rows alone."""

import math
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics.chi_squared_law import tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def critical_distance(cells: int, level: float) -> float:
    """Total variation that chance reaches at a rate of at most `level`, for one effective row.

    Divide it by the root of the effective rows, `n m / (n + m)`.

    By the inequality of Cauchy and Schwarz the chi-squared statistic is at least four times the
    square of the total variation times the effective rows; its law then bounds the total variation,
    whatever the shares of the cells are.

    Args:
        cells: At least two.
        level: Probability, above 0 and below 1.
    """
    low, high = 0.0, 1.0
    while tail(high, cells - 1) > level:
        high *= 2
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        if tail(middle, cells - 1) > level:
            low = middle
        else:
            high = middle
    return math.sqrt(high) / 2


def expected_distance(reference: "NDArray[np.int64]", rows: "Array") -> "Array":
    """About the total variation that windows of so many rows have without any change.

    Args:
        reference: Rows of the reference in each cell, shape `(cells,)`.
        rows: Rows of each window, shape `(windows,)`.
    """
    total = reference.sum()
    shares = reference / total
    spread = float(np.sqrt(shares * (1 - shares)).sum()) * math.sqrt(2 / math.pi) / 2
    distances: Array = spread * np.sqrt(1 / rows + 1 / total)
    return distances
