"""Distances between two distributions of numbers, in the unit of the numbers.

Values are ascending, finite, without NaN, shape `(rows,)`, at least one. Histograms share their
edges and spread what a bin holds evenly over it. Tested against `scipy.stats`.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

# Interquartile range of the standard normal distribution.
_NORMAL_IQR = 1.3489795003921634


def wasserstein(reference_sorted: "ArrayLike", current_sorted: "ArrayLike") -> float:
    """Mean way that values have to move, in their unit, as `scipy.stats.wasserstein_distance`."""
    difference, widths = _gaps(reference_sorted, current_sorted)
    return float((np.abs(difference) * widths).sum())


def scaled_wasserstein(reference_sorted: "ArrayLike", current_sorted: "ArrayLike") -> float:
    """Wasserstein distance in units of the reference's robust standard deviation.

    That is its interquartile range divided by 1.349, or where that is 0 its standard deviation; of
    a constant reference every distance but 0 is infinite.
    """
    return scaled(wasserstein(reference_sorted, current_sorted), reference_sorted)


def scaled(distance: float, reference_sorted: "ArrayLike") -> float:
    """A distance in units of the reference's robust standard deviation."""
    reference = np.asarray(reference_sorted, dtype=np.float64)
    lower, upper = np.quantile(reference, [0.25, 0.75])
    unit = float(upper - lower) / _NORMAL_IQR or float(reference.std())
    if unit > 0:
        return distance / unit
    return math.inf if distance > 0 else 0.0


def energy(reference_sorted: "ArrayLike", current_sorted: "ArrayLike") -> float:
    """Energy distance, in the square root of the unit, as `scipy.stats.energy_distance`.

    G. J. Szekely, M. L. Rizzo, "Energy statistics", Journal of Statistical Planning and Inference
    143, 2013.
    """
    difference, widths = _gaps(reference_sorted, current_sorted)
    return math.sqrt(2 * float((difference**2 * widths).sum()))


def binned_wasserstein(
    reference_counts: "ArrayLike", current_counts: "ArrayLike", edges: "ArrayLike"
) -> float:
    """Wasserstein distance of two histograms.

    Args:
        reference_counts: Values in each bin, shape `(bins,)`.
        current_counts: The same for the other sample.
        edges: Ascending finite edges, shape `(bins + 1,)`.
    """
    left, right, widths = _slopes(reference_counts, current_counts, edges)
    # Inside a bin the difference is a straight line, which may cross 0.
    size = np.abs(left) + np.abs(right)
    crossing = (left**2 + right**2) / np.where(size > 0, size, 1.0)
    return float((np.where(left * right < 0, crossing, size) * widths).sum() / 2)


def binned_energy(
    reference_counts: "ArrayLike", current_counts: "ArrayLike", edges: "ArrayLike"
) -> float:
    """Energy distance of two histograms; arguments as in `binned_wasserstein`."""
    left, right, widths = _slopes(reference_counts, current_counts, edges)
    return math.sqrt(2 * float(((left**2 + left * right + right**2) * widths).sum()) / 3)


def _gaps(reference_sorted: "ArrayLike", current_sorted: "ArrayLike") -> "tuple[Array, Array]":
    """Difference of the distribution functions between neighbouring values, and their distances."""
    reference = np.asarray(reference_sorted, dtype=np.float64)
    current = np.asarray(current_sorted, dtype=np.float64)
    pooled = np.sort(np.concatenate([reference, current]), kind="stable")
    below = np.searchsorted(reference, pooled[:-1], side="right") / len(reference)
    current_below = np.searchsorted(current, pooled[:-1], side="right") / len(current)
    return below - current_below, np.diff(pooled)


def _slopes(
    reference_counts: "ArrayLike", current_counts: "ArrayLike", edges: "ArrayLike"
) -> "tuple[Array, Array, Array]":
    """Difference of the distribution functions at both ends of each bin, and the bins' widths."""
    reference = np.cumsum(np.asarray(reference_counts, dtype=np.float64))
    current = np.cumsum(np.asarray(current_counts, dtype=np.float64))
    difference = np.concatenate([[0.0], reference / reference[-1] - current / current[-1]])
    return difference[:-1], difference[1:], np.diff(np.asarray(edges, dtype=np.float64))
